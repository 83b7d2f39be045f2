"""Runs that are given up while their engine is away: they end soon, and nothing runs twice."""

from __future__ import annotations

import re
import signal
import subprocess
from typing import Iterator

import pytest

from tests.cli.commandline import RUN_ID, CommandLine
from tests.cli.elsewhere import left_of
from tests.cli.going import ledger, until
from tests.slurm.cluster import Cluster
from tests.slurm.conf import Shape
from tests.slurm.engine import need_slurm

pytestmark = pytest.mark.engines

STEPS = """
version: 1
executor: slurm
steps:
  first:
    resources: {cpu: 4}
    run: |
      if [ -e pid ] && kill -0 "$(cat pid)"; then echo twice >> ledger; fi
      echo $$ > pid; echo "first $SLURM_JOB_ID" >> ledger
      [ -e go ] || exec sleep 1000
  second: {run: echo second >> ledger, resources: {cpu: 4, memory: 100MiB}}
"""


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A cluster of one node, whose controller goes away."""
    need_slurm()
    with Cluster(Shape(nodes=1)) as cluster:
        yield cluster


def given_up(cli: CommandLine, cluster: Cluster) -> subprocess.Popen:
    """A run of which one step runs and one waits, when it was asked twice to end in an outage."""
    cli.environ.update(cluster.environ)
    said = cli.file("flow.yaml", STEPS).folder / "said"
    with open(said, "w") as file:
        run = cli.start("run", "flow.yaml", "--output", "plain", stdout=file)
    until(lambda: len(ledger(cli)) == 2)
    until(lambda: len(cluster.ask("squeue", "-h").splitlines()) == 2)
    cluster.save_state(ledger(cli)[1])
    cluster.kill_controller()
    run.send_signal(signal.SIGINT)
    until(lambda: "stopping: SIGINT" in said.read_text())
    run.send_signal(signal.SIGINT)
    return run


def test_what_may_still_be_there_is_named_and_ended_before_it_runs_again(
    cli: CommandLine, cluster: Cluster
) -> None:
    run = given_up(cli, cluster)
    _, err = run.communicate(timeout=60)
    job = ledger(cli)[1]
    refused = cli.run("resume")
    cluster.up_controller()
    cli.file("go", "")
    resumed = cli.run("resume")

    assert run.returncode == 130
    words = "slurm may still run %s: `orchestra cancel RUN` ends it once the engine answers, " % job
    assert words + "and so does `scancel %s`" % job in RUN_ID.sub("RUN", err).splitlines()
    assert (refused.code, resumed.code) == (3, 0)
    assert "cannot go on: slurm may still run %s: its controller" % job in refused.err
    assert re.sub(r" \d+", " N", " ".join(ledger(cli))) == "first N first N second"
    assert left_of(cli) == {}


def test_cancel_ends_it_once_the_controller_is_back(cli: CommandLine, cluster: Cluster) -> None:
    run = given_up(cli, cluster)
    run.communicate(timeout=60)
    cluster.up_controller()

    cancelled = cli.run("cancel")

    assert (run.returncode, cancelled.code) == (130, 0)
    until(lambda: not cluster.ask("squeue", "-h"))
    assert "second" not in ledger(cli)
    assert left_of(cli) == {}
