"""Stops of some elements of an array, of which others wait."""

from __future__ import annotations

from pathlib import Path

from orchestra.executors.places import Fate
from orchestra.model.errand import Errand
from tests.contracts.place_driver import PlaceDriver
from tests.slurm.cluster import Cluster
from tests.slurm.conftest import Drive
from tests.slurm.engine import place_on
from tests.slurm.spies import Spies

WHOLE_NODE = Errand("slurm", cpu=4000)
COUNTS = """
trap 'echo asked >>$folder/asked' TERM
touch $folder/began
while [ ! -e $folder/go ]; do sleep 0.05; done
"""


def test_a_signal_to_one_while_others_wait_is_sent_once_and_to_no_other(
    driver: PlaceDriver, shared_cluster: Cluster
) -> None:
    tasks = [driver.task("t%d" % number, COUNTS, WHOLE_NODE) for number in range(4)]
    driver.submit(*tasks)
    driver.start(*tasks[:2])

    driver.place.stop([tasks[0].name], "SIGTERM")
    driver.until((Path(tasks[0].folder) / "asked").exists)
    for task in tasks:
        (Path(task.folder) / "go").touch()
    gone = driver.end(*tasks)

    assert [each.fate for each in gone] == [Fate.ENDED] * 4
    assert (Path(tasks[0].folder) / "asked").read_text() == "asked\n"
    assert not any((Path(task.folder) / "asked").exists() for task in tasks[1:])


def test_one_that_waits_is_cancelled_by_any_signal_and_no_other_is(driver: PlaceDriver) -> None:
    tasks = [driver.task("t%d" % number, COUNTS, WHOLE_NODE) for number in range(4)]
    driver.submit(*tasks)
    driver.start(*tasks[:2])

    driver.place.stop([tasks[2].name], "SIGINT")
    [gone] = driver.end(tasks[2])
    for task in tasks:
        (Path(task.folder) / "go").touch()
    others = driver.end(tasks[0], tasks[1], tasks[3])

    assert gone.fate is Fate.CANCELLED
    assert not (Path(tasks[2].folder) / "began").exists()
    assert [each.fate for each in others] == [Fate.ENDED] * 3


def test_what_began_since_the_last_look_is_signalled_and_not_cancelled(
    driver: PlaceDriver, shared_cluster: Cluster
) -> None:
    task = driver.task("fresh", COUNTS)
    driver.submit(task)
    shared_cluster.wait_for((Path(task.folder) / "began").exists, "it has not begun")

    driver.place.stop([task.name], "SIGTERM")
    shared_cluster.wait_for((Path(task.folder) / "asked").exists, "it was not asked to end")
    state = shared_cluster.ask("squeue", "-h", "-j", driver.queued(task)[0].job, "-o", "%T")
    (Path(task.folder) / "go").touch()

    assert state.strip() == "RUNNING"
    assert [each.fate for each in driver.end(task)] == [Fate.ENDED]
    assert (Path(task.folder) / "asked").read_text() == "asked\n"


def test_what_slurm_starts_before_it_hears_of_a_stop_does_not_begin(
    shared_cluster: Cluster, drive: Drive, tmp_path: Path
) -> None:
    spies = Spies(tmp_path)
    spies.set("scancel", "exit 0")
    driver = drive(place_on(shared_cluster, {"PATH": spies.path}))
    task = driver.task("early", COUNTS, Errand("slurm", {"extra": ["--hold"]}))
    driver.submit(task)

    driver.place.stop([task.name], "SIGTERM")
    shared_cluster.ask("scontrol", "release", driver.queued(task)[0].job)
    [gone] = driver.end(task)

    assert gone.fate is Fate.CANCELLED
    assert not (Path(task.folder) / "began").exists()


def test_a_kill_of_all_leaves_neither_processes_nor_jobs(
    driver: PlaceDriver, shared_cluster: Cluster
) -> None:
    tasks = [driver.task("t%d" % number, COUNTS, WHOLE_NODE) for number in range(4)]
    driver.submit(*tasks)
    driver.start(*tasks[:2])

    driver.place.stop([task.name for task in tasks], "SIGKILL")
    gone = driver.end(*tasks)

    assert [each.fate for each in gone] == [Fate.CANCELLED] * 4
    job = driver.queued(tasks[0])[0].job.partition("_")[0]
    assert shared_cluster.ask("squeue", "-h", "-j", job).strip() == ""
