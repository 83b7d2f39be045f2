"""Runs that are stopped from another terminal: real ones, in processes of their own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestra.store.holders import read
from tests.cli.going import die, is_dead, ledger, running, until

RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
ORDERLY = """
version: 1
name: flow
finally: {run: echo tidied >> ledger}
steps:
  a:
    run: 'trap "echo asked >> ledger; exit 5" TERM; echo begun >> ledger; sleep 60 & wait'
    on_cancel: {run: echo handled >> ledger}
  b: {needs: a, run: echo b >> ledger}
  c: {needs: a, if: always(), run: echo cleaned >> ledger}
"""
STUBBORN = """
version: 1
name: flow
finally: {run: echo tidied >> ledger}
steps:
  a:
    run: 'trap "echo asked >> ledger" TERM; echo begun >> ledger; while :; do sleep 0.05 || :; done'
    stop: {grace: 60s}
"""
MANY = """
version: 1
steps:
  first: {run: echo begun >> ledger}
  each: {needs: first, foreach: '${{ range(100) }}', run: 'echo ${{ item }}'}
"""
READER = 'while [ ! -e over ]; do "$@" > out.$$ 2>&1 || cat out.$$ >> failures; done'


def folder_of(cli):
    (folder,) = (cli.folder / ".orchestra/runs").iterdir()
    return folder


def forge(cli, **values):
    """Let the note of the one run say something else."""
    path = folder_of(cli) / "lock"
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, **values}))


def end(process):
    """Kill a run that need not end in order, with its steps."""
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=180)


def said(text):
    return RUN_ID.sub("RUN", text).splitlines()


@pytest.fixture
def bystander():
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def test_a_run_is_stopped_in_order_and_told_of(cli):
    run = running(cli, ORDERLY)

    result = cli.run("cancel", "flow.yaml")

    run.communicate(timeout=180)
    report = json.loads(cli.run("show", "--format", "json").out)
    states = {step["id"]: step["state"] for step in report["steps"]}
    assert (result.code, result.out) == (0, "")
    assert said(result.err) == [
        "run RUN was asked to stop; waiting for its end (again to stop at once)",
        "run RUN ended: cancelled (stopped by SIGTERM), exit code 143",
    ]
    assert (run.returncode, report["state"], report["exit_code"]) == (143, "cancelled", 143)
    assert [states[id] for id in ("a", "b", "c")] == ["cancelled", "cancelled", "succeeded"]
    assert ledger(cli)[:2] == ["begun", "asked"]
    assert sorted(ledger(cli)[2:]) == ["cleaned", "handled", "tidied"]


def test_once_more_stops_it_at_once(cli):
    run = running(cli, STUBBORN)
    first = cli.start("cancel")
    asked = first.stderr.readline()
    until(lambda: "asked" in ledger(cli))
    began = time.monotonic()

    second = cli.run("cancel")

    _, rest = first.communicate(timeout=180)
    run.communicate(timeout=180)
    assert said(asked)[0].endswith("waiting for its end (again to stop at once)")
    assert said(second.err) == [
        "run RUN was stopping, and was asked to stop at once; waiting for its end",
        "run RUN ended: cancelled (stopped by SIGTERM), exit code 143",
    ]
    assert (said(rest), first.returncode) == (said(second.err)[1:], 0)
    assert (second.code, run.returncode) == (0, 143)
    assert ledger(cli) == ["begun", "asked"]
    assert time.monotonic() - began < 50


def test_ctrl_c_ends_the_waiting_and_not_the_stopping(cli):
    run = running(cli, STUBBORN)
    cancel = cli.start("cancel")
    cancel.stderr.readline()

    cancel.send_signal(signal.SIGINT)

    _, rest = cancel.communicate(timeout=180)
    assert (cancel.returncode, said(rest)) == (130, ["run RUN goes on stopping"])
    until(lambda: "asked" in ledger(cli))
    assert run.poll() is None
    end(run)


def test_a_run_that_is_halted_is_woken_up_to_be_stopped(cli):
    run = running(cli, ORDERLY)
    run.send_signal(signal.SIGSTOP)

    result = cli.run("cancel")

    run.communicate(timeout=180)
    assert (result.code, run.returncode) == (0, 143)


@pytest.mark.parametrize(("code", "state"), [(0, "succeeded"), (3, "failed")])
def test_a_run_that_has_ended_is_told_as_such(cli, code, state):
    cli.file("flow.yaml", "version: 1\nsteps:\n  a: {run: exit %d}\n" % code)
    cli.run("run", "flow.yaml")

    result = cli.run("cancel")

    assert (result.code, result.out) == (2, "")
    assert said(result.err) == ["error: run RUN has ended: %s, exit code %d" % (state, code > 0)]


def test_where_the_latest_has_ended_those_that_go_on_are_named(cli):
    run = running(cli, ORDERLY)
    cli.file("quick.yaml", "version: 1\nsteps:\n  a: {run: 'true'}\n").run("run", "quick.yaml")

    result = cli.run("cancel")

    assert said(result.err)[1:] == ["  help: still running: RUN"]
    ended, alive = RUN_ID.findall(result.err)
    listed = RUN_ID.findall(cli.run("runs").out)
    assert listed == [ended, alive]
    end(run)


def test_a_run_that_is_not_there_is_one_error(cli):
    cli.file("flow.yaml", "version: 1\nsteps:\n  a: {run: 'true'}\n").run("run", "flow.yaml")

    result = cli.run("cancel", "2019")

    assert (result.code, said(result.err)) == (
        2,
        ["error: there is no run 2019", "  help: the latest are RUN"],
    )


def test_of_a_run_whose_orchestrator_was_killed_the_steps_are_ended(cli):
    cli.file("flow.yaml", "version: 1\nsteps:\n  a: {run: 'echo $$ begun >> ledger; sleep 100'}\n")
    run = cli.start("run", "flow.yaml")
    until(lambda: "begun" in ledger(cli))
    die(run)
    (cli.folder / "else/where").mkdir(parents=True)
    state_dir = cli.folder / "else/where/.orchestra"
    os.rename(str(cli.folder / ".orchestra"), str(state_dir))

    result = cli.run("cancel", "--state-dir", "else/where/.orchestra")

    assert result.code == 0
    assert said(result.err) == [
        "run RUN was cut off; nothing of it runs any more",
        "  help: `orchestra resume RUN --state-dir %s` goes on with it" % state_dir,
    ]
    assert is_dead(int(ledger(cli)[0]))


@pytest.mark.parametrize("later", [-1, 0])
def test_a_note_that_names_another_process_never_reaches_it(cli, bystander, later):
    run = running(cli, ORDERLY)
    stat = Path("/proc/%d/stat" % bystander.pid).read_text()
    start = int(stat.rpartition(")")[2].split()[19])
    forge(cli, pid=bystander.pid, start=start + later)

    result = cli.run("cancel")

    assert (bystander.poll(), run.poll()) == (None, None)
    assert (result.code, said(result.err)) == (
        2,
        [
            "error: run RUN cannot be stopped from here: "
            "its process %d cannot be told from others" % bystander.pid
        ],
    )
    end(run)


def test_a_run_on_another_machine_is_named_with_it(cli):
    run = running(cli, ORDERLY)
    forge(cli, host="far.example")

    result = cli.run("cancel")

    assert run.poll() is None
    assert (result.code, said(result.err)) == (
        2,
        [
            "error: run RUN cannot be stopped from here: it runs on far.example",
            "  help: `orchestra cancel RUN` stops it there",
        ],
    )
    end(run)


def test_a_run_that_does_not_say_who_holds_it_is_told_from_its_record(cli):
    run = running(cli, ORDERLY)
    holder = read(str(folder_of(cli) / "lock"))
    (folder_of(cli) / "lock").write_text("")

    result = cli.run("cancel")

    assert (result.code, said(result.err)) == (
        2,
        [
            "error: run RUN cannot be stopped from here: it does not say which process it is",
            "  help: Ctrl-C stops it where it runs: process %d on %s when it began"
            % (holder.pid, holder.host),
        ],
    )
    end(run)


def test_completion_knows_the_runs(cli):
    cli.file("flow.yaml", "version: 1\nsteps:\n  a: {run: 'true'}\n").run("run", "flow.yaml")

    assert cli.complete("cancel ") == [folder_of(cli).name]


def test_twenty_readers_never_disturb_a_run(cli):
    run = running(cli, MANY)
    words = [["show"], ["runs"], ["logs"], ["show", "--format", "json"]] * 5
    commands = [["sh", "-c", READER, "sh", sys.executable, "-m", "orchestra", *w] for w in words]
    readers = [subprocess.Popen(each, cwd=cli.folder, env=cli.environ) for each in commands]

    _, err = run.communicate(timeout=900)

    (cli.folder / "over").touch()
    codes = [reader.wait(180) for reader in readers]
    report = json.loads(cli.run("show", "--format", "json").out)
    states = [step["state"] for step in report["steps"]]
    attempts = [len(step["attempts"]) for step in report["steps"] if "[" in step["id"]]
    assert (run.returncode, err, codes) == (0, "", [0] * 20)
    assert (report["state"], set(states), attempts) == ("succeeded", {"succeeded"}, [1] * 100)
    assert not (cli.folder / "failures").exists()
