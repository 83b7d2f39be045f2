"""How often Slurm is asked, and what it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

import pytest

from orchestra.model.errand import Errand
from tests.slurm.cluster import Cluster
from tests.slurm.conf import Shape
from tests.slurm.conftest import Drive
from tests.slurm.engine import place_on
from tests.slurm.spies import Spies

SMALL = Errand("slurm", cpu=100, memory_bytes=8 << 20)


@pytest.mark.parametrize("own_cluster", [Shape(cpus=64, memory_mb=65536)], indirect=True)
def test_many_alike_tasks_take_one_submission_and_one_question_each_poll(
    own_cluster: Cluster, drive: Drive, tmp_path: Path
) -> None:
    spies = Spies(tmp_path)
    driver = drive(place_on(own_cluster, {"PATH": spies.path}))
    tasks = [driver.task("t%d" % number, "echo ran >>$folder/ran", SMALL) for number in range(500)]
    polls: Dict[int, int] = {}

    driver.submit(*tasks)
    submissions = spies.calls("sbatch")
    spies.forget()
    while len(polls) < 3:
        driver.poll()
        polls[len(polls)] = len(spies.calls("squeue"))
    driver.end(*tasks)

    assert len(submissions) == 1
    assert "--array=0-499" in submissions[0]
    assert polls == {0: 1, 1: 2, 2: 3}
    assert {each.split()[0] for each in (spies.folder / "calls").read_text().splitlines()} == {
        "squeue"
    }
    assert [(Path(task.folder) / "ran").read_text() for task in tasks] == ["ran\n"] * 500


def test_an_array_is_no_larger_than_the_cluster_permits(
    shared_cluster: Cluster, drive: Drive, tmp_path: Path
) -> None:
    spies = Spies(tmp_path)
    held = Errand("slurm", {"extra": ["--hold"]})
    driver = drive(place_on(shared_cluster, {"PATH": spies.path}))
    tasks = [driver.task("t%d" % number, "exit 0", held) for number in range(1002)]

    driver.submit(*tasks)

    [array, single] = spies.calls("sbatch")
    assert "--array=0-1000" in array
    assert "--array" not in single
    assert len({driver.queued(task)[0].job for task in tasks}) == 1002


def test_nothing_of_the_callers_environment_reaches_slurm_or_a_job(
    shared_cluster: Cluster, drive: Drive, tmp_path: Path
) -> None:
    spies = Spies(tmp_path)
    environ = {"PATH": spies.path, "PASSWORD": "xyzzy", "SBATCH_HOLD": "1", "SLURM_NTASKS": "7"}
    driver = drive(place_on(shared_cluster, environ))
    task = driver.task("bare", "env >$folder/env")

    driver.submit(task)
    driver.end(task)

    assert "xyzzy" not in spies.environs
    assert "SBATCH_HOLD" not in spies.environs
    found = (Path(task.folder) / "env").read_text().splitlines()
    assert not [line for line in found if line.startswith("PASSWORD=")]
    assert "SLURM_NTASKS=1" in found


def test_a_task_gets_what_it_asks_for(shared_cluster: Cluster, drive: Drive) -> None:
    driver = drive(place_on(shared_cluster))
    errand = Errand("slurm", {"partition": "short"}, 2500, 100 << 20, 1, {"db": 1, "x": 1}, 90.0)
    task = driver.task("asks", "touch $folder/began; sleep 1000", errand)

    driver.submit(task)
    driver.start(task)

    job = driver.queued(task)[0].job
    shown = shared_cluster.ask("scontrol", "-o", "show", "job", job).split()
    assert {"Partition=short", "CPUs/Task=3", "Licenses=db:1", "TimeLimit=00:03:00"} <= set(shown)
    assert {"MinMemoryNode=100M", "TresPerNode=gres:gpu:1", "Requeue=0"} <= set(shown)


def test_a_job_bears_the_name_that_people_know(shared_cluster: Cluster, drive: Drive) -> None:
    driver = drive(place_on(shared_cluster))
    task = driver.task("train[0, 'x']", "exit 0", Errand("slurm", {"extra": ["--hold"]}))

    driver.submit(task)

    job = driver.queued(task)[0].job
    name = shared_cluster.ask("squeue", "-h", "-j", job, "-o", "%j")
    assert name.startswith("train-0-x.")


def test_a_slow_controller_is_not_told_of_all_tasks_before_anything_else(
    shared_cluster: Cluster, drive: Drive, tmp_path: Path
) -> None:
    spies = Spies(tmp_path)
    spies.set("sbatch", "sleep 3")
    driver = drive(place_on(shared_cluster, {"PATH": spies.path}))
    unlike = [Errand("slurm", cpu=100, memory_bytes=number << 20) for number in range(8, 12)]
    tasks = [driver.task("t%d" % n, "exit 0", errand) for n, errand in enumerate(unlike)]

    told = driver.submit(*tasks)
    driver.submit(*tasks[len(told) :])
    driver.submit(*[task for task in tasks if not driver.queued(task)])
    driver.end(*tasks)

    assert len(told) < len(tasks)
    assert len(spies.calls("sbatch")) == len(tasks)
