"""A way that fails on the cluster is named, and leaves no job to the next one."""

from __future__ import annotations

from functools import partial

import pytest

from tests.benchmarks.contenders import Contender
from tests.benchmarks.measuring import measure
from tests.benchmarks.slurm import Cost, Way, by_loop, turn
from tests.slurm.cluster import Cluster

pytestmark = pytest.mark.engines


def way(script: str, limit_s: float) -> Way:
    def go(cluster, folder, tasks):
        measure(Contender("way", ["sh", "-c", script], int, folder, cluster.environ), limit_s)
        return Cost(0.0, 0.0)

    return Way("way", 1, go)


def test_who_is_not_finished_at_the_limit_leaves_no_job(shared_cluster: Cluster) -> None:
    script = "sbatch --quiet --wrap 'sleep 1000'; sleep 1000"
    assert turn(shared_cluster, way(script, 2.0)) == "not finished in 2 s"
    assert shared_cluster.ask("squeue", "-h") == ""


def test_who_fails_is_named_by_the_last_it_said(shared_cluster: Cluster) -> None:
    script = "sbatch --quiet --wrap 'sleep 1000'; echo oh >&2; exit 1"
    assert turn(shared_cluster, way(script, 60.0)) == "failed: oh"
    assert shared_cluster.ask("squeue", "-h") == ""


def test_a_loop_has_its_jobs_done(shared_cluster: Cluster) -> None:
    cost = turn(shared_cluster, Way("loop", 2, partial(by_loop, 60.0)))
    assert isinstance(cost, Cost)
    assert cost.taken_s is not None
    assert 0 < cost.taken_s < cost.wall_s
