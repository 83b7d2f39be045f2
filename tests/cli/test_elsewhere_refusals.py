"""What is said of engines before anything runs, and files that run without them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from typing import Dict

import pytest

from tests.cli.commandline import CommandLine
from tests.cli.elsewhere import Engine
from tests.dask.engine import need_dask
from tests.slurm.cluster import Cluster
from tests.slurm.engine import need_slurm

MIXED = """
version: 1
executor: slurm
slurm: {partition: main}
steps:
  a: {run: echo a}
  b: {needs: a, executor: local, run: echo b}
"""
HERE = "  help: --executor local runs it here\n"


def where(cli: CommandLine, *options: str) -> Dict[str, str]:
    """The executors that a plan has for the steps."""
    plan = json.loads(cli.run("plan", "flow.yaml", "--format", "json", *options).out)
    return {step["id"]: step.get("executor", "local") for step in plan["steps"]}


def bare(cli: CommandLine) -> CommandLine:
    """A machine with no engine's programs: only shells."""
    (cli.folder / "bin").mkdir()
    for name in ("bash", "sh", "mkdir"):
        os.symlink(str(shutil.which(name)), str(cli.folder / "bin" / name))
    cli.environ["PATH"] = str(cli.folder / "bin")
    return cli.file("flow.yaml", MIXED)


def runs(cli: CommandLine) -> int:
    """How many runs there are, in the record and on the disk."""
    recorded = cli.run("runs").out.splitlines()[1:]
    kept = list((cli.folder / ".orchestra/runs").glob("*"))
    return max(len(recorded), len(kept))


def test_a_file_for_a_cluster_is_checked_and_planned_where_there_is_none(cli: CommandLine) -> None:
    bare(cli)

    assert cli.run("validate", "flow.yaml").code == 0

    assert where(cli) == {"a": "slurm", "b": "local"}
    assert where(cli, "--executor", "dask") == {"a": "dask", "b": "local"}
    assert where(cli, "--executor", "local") == {"a": "local", "b": "local"}


def test_a_file_for_a_cluster_runs_on_this_machine_when_told_to(cli: CommandLine) -> None:
    result = bare(cli).run("run", "flow.yaml", "--executor", "local", "--output", "quiet")

    assert (result.code, cli.run("logs", "a").out, runs(cli)) == (0, "a\n", 1)


def test_an_engine_that_is_not_here_is_one_error_and_no_run(cli: CommandLine) -> None:
    result = bare(cli).run("run", "flow.yaml")

    assert (result.code, result.out, runs(cli)) == (2, "", 0)
    assert result.err == (
        "error: slurm: sbatch, squeue, scancel, scontrol: not found;"
        " install Slurm's client here, or run where it is\n" + HERE
    )


def test_an_executor_that_nobody_knows_is_a_fault_of_the_file(process: Engine) -> None:
    cli = process.cli.file("flow.yaml", "version: 1\nexecutor: proces\nsteps: {a: {run: x}}\n")

    result = cli.run("validate", "flow.yaml")

    assert result.code == 2
    assert "flow.yaml:2:11: error: `proces` is no executor" in result.err
    assert "`process`" in result.err


def test_what_an_engine_can_never_give_is_refused_before_the_run(process: Engine) -> None:
    cli = process.flow("steps:\n  a: {run: echo, resources: {gpu: 1}}\n")

    result = cli.run("run", "flow.yaml")

    assert (result.code, result.err, runs(cli)) == (
        2,
        "error: process: there are no GPUs here\n" + HERE,
        0,
    )


def test_an_engine_of_which_the_code_is_broken_is_one_error(process: Engine) -> None:
    entry = "[orchestra.executors]\nprocess = no_such_module:open_place\n"
    process.cli.file("site/process_place-1.dist-info/entry_points.txt", entry)

    result = process.flow("steps:\n  a: {run: echo}\n").run("run", "flow.yaml")

    assert (result.code, result.err.count("\n")) == (2, 1)
    assert result.err.startswith("error: executor `process` cannot be used: process: Module")


@pytest.mark.engines
def test_a_cluster_of_which_nothing_is_known_is_one_error_and_no_run(cli: CommandLine) -> None:
    need_slurm()
    cli.environ["SLURM_CONF"] = conf = str(cli.folder / "slurm.conf")

    result = cli.file("flow.yaml", MIXED).run("run", "flow.yaml")

    assert (result.code, runs(cli)) == (2, 0)
    assert result.err == "error: slurm: SLURM_CONF names no file: %s\n" % conf + HERE


@pytest.mark.engines
def test_more_than_any_node_has_is_refused_before_the_run(
    cli: CommandLine, shared_cluster: Cluster
) -> None:
    cli.environ.update(shared_cluster.environ)
    cli.file("flow.yaml", MIXED.replace("echo a", "echo a, resources: {cpu: 999}"))

    result = cli.run("run", "flow.yaml")

    assert (result.code, result.err.count("\n"), runs(cli)) == (2, 2, 0)
    assert "999" in result.err


@pytest.mark.engines
def test_a_misspelt_setting_is_refused_with_its_steps_and_what_was_meant(
    cli: CommandLine, shared_cluster: Cluster
) -> None:
    cli.environ.update(shared_cluster.environ)
    cli.file("flow.yaml", MIXED.replace("main", "mian"))

    result = cli.run("run", "flow.yaml")

    assert (result.code, runs(cli)) == (2, 0)
    assert result.err == (
        "error: slurm: step `a` (line 6): Slurm refuses a job with --partition=mian"
        " --cpus-per-task=1: invalid partition specified: mian; Invalid partition name specified\n"
        "  help: did you mean `main`?\n"
    )


def test_the_name_of_an_engine_is_said_once(process: Engine) -> None:
    place = "tests.executors.broken_place"
    entry = "[orchestra.executors]\nprocess = %s:open_place\n" % place
    process.cli.file("site/process_place-1.dist-info/entry_points.txt", entry)

    result = process.flow("steps:\n  a: {run: echo}\n").run("run", "flow.yaml")

    said = "error: process: its helper process died: RuntimeError: a bug of its own\n"
    assert (result.code, result.err) == (2, said + HERE)


@pytest.mark.engines
def test_a_scheduler_that_does_not_answer_is_one_error_and_no_run(cli: CommandLine) -> None:
    need_dask()
    dask = 'version: 1\nexecutor: dask\ndask: {scheduler: "tcp://127.0.0.1:9"}\n'

    result = cli.file("flow.yaml", dask + "steps: {a: {run: echo}}\n").run("run", "flow.yaml")

    assert (result.code, runs(cli)) == (2, 0)
    assert result.err.startswith("error: dask: no Dask scheduler answers at tcp://127.0.0.1:9 (")
    assert result.err.endswith(HERE)


@pytest.mark.engines
def test_a_signal_while_an_engine_is_asked_ends_it_before_the_run(cli: CommandLine) -> None:
    need_dask()
    with socket.create_server(("127.0.0.1", 0)) as mute:
        root = "executor: dask\ndask: {scheduler: 'tcp://127.0.0.1:%d'}\n"
        text = "version: 1\n" + root % mute.getsockname()[1] + "steps: {a: {run: echo}}\n"
        process = cli.file("flow.yaml", text).start("run", "flow.yaml")
        connections = [mute.accept() for _ in range(2)]  # one that knocks, one that waits
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=180)
        for connection, _ in connections:
            connection.close()

    assert (process.returncode, runs(cli)) == (143, 0)
    assert err == "error: stopped while dask was asked, nothing was started\n"
