"""The guides to clusters and executors are true, beside a Slurm cluster and Dask."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from orchestra.spec.schema import schema_text
from tests.cli.commandline import CommandLine
from tests.dask.engine import need_dask
from tests.dask.waiting import until
from tests.docs.pages import Reader
from tests.docs.troubles import ON_DASK, ON_SLURM, Scene
from tests.slurm.cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "cluster.md").read_text("utf-8")
TROUBLES = dict(re.findall(r"<!-- played: (\w+) --> `+ ?(.*?) ?`+ \|", PAGE))
OUTLIVES = """\
version: 1
executor: slurm
steps:
  work:
    run: |
      while [ ! -e go ]; do sleep 0.05; done
      echo once >> ledger
      echo n=4 >> "$ORCHESTRA_OUTPUT"
    outputs: {n: int}
  next: {needs: work, run: 'echo n is ${{ steps.work.outputs.n }}'}
"""


@pytest.fixture
def cli(tmp_path: Path, shared_cluster: Cluster) -> CommandLine:
    own = CommandLine(tmp_path)
    own.environ.update(shared_cluster.environ)
    return own


@pytest.mark.engines
def test_the_guide_is_true_from_top_to_bottom(cli: CommandLine) -> None:
    need_dask()
    ignored = shutil.ignore_patterns("__pycache__", "results", ".orchestra")
    example = cli.folder / "examples" / "penguins"
    shutil.copytree(str(ROOT / "examples" / "penguins"), str(example), ignore=ignored)
    reader = Reader(cli)
    reader.read(PAGE)
    assert [seen for seen in reader.seen if seen.said != seen.found] == []
    assert len(reader.seen) > 0


def told(name: str) -> str:
    """What the page says is told, as a pattern."""
    words = TROUBLES[name] + "`" * (TROUBLES[name].count("`") % 2)
    return ".*".join(re.escape(part) for part in words.split("…"))


@pytest.mark.engines
@pytest.mark.parametrize("name", ON_SLURM)
def test_a_trouble_with_slurm_is_told_as_the_guide_says(
    tmp_path: Path, shared_cluster: Cluster, name: str
) -> None:
    said = ON_SLURM[name](Scene(CommandLine(tmp_path), shared_cluster))
    assert re.search(told(name), said), said


@pytest.mark.engines
@pytest.mark.parametrize("name", ON_DASK)
def test_a_trouble_with_dask_is_told_as_the_guide_says(
    tmp_path: Path, shared_cluster: Cluster, name: str
) -> None:
    need_dask()
    said = ON_DASK[name](Scene(CommandLine(tmp_path), shared_cluster))
    assert re.search(told(name), said), said


def test_every_trouble_of_the_guide_is_played() -> None:
    rows = re.findall(r"^\| <!-- played: (\w+) -->", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted([*ON_SLURM, *ON_DASK])


@pytest.mark.parametrize("engine", ["slurm", "dask"])
def test_every_setting_is_in_the_guide(engine: str) -> None:
    table = PAGE.partition("<!-- keys: %s -->\n" % engine)[2].partition("\n\n")[0]
    keys = [re.findall(r"`(\w+)`", line.split("|")[1]) for line in table.splitlines()[2:]]
    known = json.loads(schema_text())["$defs"][engine]["properties"]
    assert sorted(key for row in keys for key in row) == sorted(known)


@pytest.mark.engines
def test_a_run_that_is_killed_goes_on_and_its_jobs_run_once(
    cli: CommandLine, shared_cluster: Cluster
) -> None:
    cli.file("outlives.yaml", OUTLIVES)
    null = subprocess.DEVNULL
    with cli.start("run", "outlives.yaml", stdout=null, stderr=null) as keeper:
        until(lambda: _jobs(shared_cluster, "RUNNING"))
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(keeper.pid)], capture_output=True, check=True
        )
        keeper.kill()
        for engine in listed.stdout.split():
            os.kill(int(engine), signal.SIGKILL)
    cli.file("go", "")
    assert cli.run("resume").code == 0
    assert cli.read("ledger") == "once\n"
    assert cli.run("logs", "next").out == "n is 4\n"


@pytest.mark.engines
def test_ctrl_c_leaves_no_job(cli: CommandLine, shared_cluster: Cluster) -> None:
    cli.file("outlives.yaml", OUTLIVES)
    with cli.start("run", "outlives.yaml") as process:
        until(lambda: _jobs(shared_cluster, "RUNNING"))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=180)
    assert process.returncode == 130
    shared_cluster.wait_for(lambda: not _jobs(shared_cluster, "all"), "a job is left")


def _jobs(cluster: Cluster, states: str) -> str:
    words = ["-t", states] if states != "all" else []
    return cluster.ask("squeue", "-h", "-o", "%i", *words)
