"""How jobs end for reasons that are not their steps', told apart by what Slurm says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra.executors.places import Fate, Objection
from orchestra.model.errand import Errand
from tests.contracts.place_driver import PlaceDriver
from tests.slurm.cluster import Cluster
from tests.slurm.conftest import Drive
from tests.slurm.engine import place_on

LASTS = "touch $folder/began; sleep 1000"
GLUTTON = "exec python3 -c 'import time; x = bytearray(200 << 20); time.sleep(1000)'"
MEBIBYTE = 1 << 20
RESTORED = {"Node": "RESUME", "Part": "UP"}


def test_a_job_over_its_memory_is_told_as_that_and_how_much_it_had(driver: PlaceDriver) -> None:
    task = driver.task("glutton", GLUTTON, Errand("slurm", memory_bytes=50 * MEBIBYTE))

    driver.submit(task)
    [gone] = driver.end(task)

    assert gone.fate is Fate.OUT_OF_MEMORY
    assert "over its memory" in gone.reason
    assert (gone.max_rss_bytes or 0) > 50 * MEBIBYTE  # it may be seen while it still grows


def test_a_job_that_is_killed_otherwise_is_not_taken_for_one(driver: PlaceDriver) -> None:
    task = driver.task("killed", "kill -KILL $PPID $$", Errand("slurm", memory_bytes=50 * MEBIBYTE))

    driver.submit(task)
    [gone] = driver.end(task)

    assert gone.fate is Fate.CANCELLED
    assert "by SIGKILL from outside" in gone.reason


def test_a_job_at_slurms_time_limit_is_told_as_that(
    driver: PlaceDriver, shared_cluster: Cluster
) -> None:
    task = driver.task("slow", LASTS)
    driver.submit(task)
    driver.start(task)

    # the shortest limit that can be asked for is a minute
    shared_cluster.ask("scontrol", "update", "JobId=" + driver.queued(task)[0].job, "EndTime=now")
    [gone] = driver.end(task)

    assert (gone.fate, gone.reason) == (Fate.TIME_LIMIT, "ended by Slurm at its time limit")


def test_a_running_job_that_somebody_cancels_is_told_as_that(
    driver: PlaceDriver, shared_cluster: Cluster
) -> None:
    task = driver.task("unwanted", LASTS)
    driver.submit(task)
    driver.start(task)

    shared_cluster.ask("scancel", driver.queued(task)[0].job)
    [gone] = driver.end(task)

    assert (gone.fate, gone.reason) == (Fate.CANCELLED, "cancelled in Slurm")


def test_an_element_that_somebody_cancels_while_it_waits_is_told_as_that(
    driver: PlaceDriver, shared_cluster: Cluster
) -> None:
    whole_nodes = Errand("slurm", cpu=4000)
    tasks = [driver.task("t%d" % number, LASTS, whole_nodes) for number in range(4)]
    driver.submit(*tasks)
    driver.start(*tasks[:2])

    shared_cluster.ask("scancel", driver.queued(tasks[2])[0].job)
    [gone] = driver.end(tasks[2])

    assert gone.fate is Fate.CANCELLED
    assert [driver.gone(task) for task in (tasks[0], tasks[1], tasks[3])] == [[], [], []]


def test_a_whole_array_that_somebody_cancels_is_told_as_that(
    driver: PlaceDriver, shared_cluster: Cluster
) -> None:
    whole_nodes = Errand("slurm", cpu=4000)
    tasks = [driver.task("t%d" % number, LASTS, whole_nodes) for number in range(4)]
    driver.submit(*tasks)
    driver.start(*tasks[:2])

    shared_cluster.ask("scancel", driver.queued(tasks[0])[0].job.partition("_")[0])

    assert [gone.fate for gone in driver.end(*tasks)] == [Fate.CANCELLED] * 4


def test_a_job_that_is_preempted_is_told_as_that(driver: PlaceDriver, drive: Drive) -> None:
    tasks = [driver.task("meek%d" % n, LASTS, Errand("slurm", cpu=4000)) for n in range(2)]
    driver.submit(*tasks)
    driver.start(*tasks)
    urgent = Errand("slurm", {"partition": "urgent"}, cpu=4000)
    bold = driver.task("bold", "sleep 1", urgent)

    driver.submit(bold)
    driver.until(lambda: any(driver.gone(task) for task in tasks))

    [gone] = [gone for task in tasks for gone in driver.gone(task)]
    assert gone.fate is Fate.PREEMPTED
    assert gone.reason.startswith("preempted on node n")
    assert [each.fate for each in driver.end(bold)] == [Fate.ENDED]


def test_a_job_is_never_requeued(driver: PlaceDriver, shared_cluster: Cluster) -> None:
    task = driver.task("once", LASTS)
    driver.submit(task)
    driver.start(task)

    shared_cluster.ask("scontrol", "requeue", driver.queued(task)[0].job)
    driver.poll()

    assert len(driver.running(task)) == 1
    shown = shared_cluster.ask("scontrol", "show", "job", driver.queued(task)[0].job)
    assert "JobState=RUNNING" in shown
    assert "Requeue=0 Restarts=0" in shown


def test_a_job_that_waits_for_what_never_comes_is_taken_out(
    driver: PlaceDriver, shared_cluster: Cluster
) -> None:
    too_long = Errand("slurm", {"partition": "short", "time": 6000})
    task = driver.task("patient", "touch $folder/ran", too_long)

    driver.submit(task)
    [gone] = driver.end(task)

    assert gone.fate is Fate.NOT_LAUNCHED
    assert gone.reason.startswith("Slurm would never start it: Partition")
    left = shared_cluster.ask("squeue", "-h", "-j", driver.queued(task)[0].job, "-o", "%T")
    assert left.strip() in ("", "CANCELLED")


def test_a_job_that_is_refused_is_not_launched_and_says_why(driver: PlaceDriver) -> None:
    task = driver.task("lost", "exit 0", Errand("slurm", {"partition": "nowhere"}))

    driver.submit(task)

    [gone] = driver.gone(task)
    assert gone.fate is Fate.NOT_LAUNCHED
    assert "Invalid partition name specified" in gone.reason


def test_a_job_whose_log_has_no_place_on_its_node_is_not_launched(
    driver: PlaceDriver, shared_cluster: Cluster
) -> None:
    task = driver.task("mislaid", "exit 0", Errand("slurm", {"extra": ["--hold"]}))
    driver.submit(task)
    folder = Path(task.folder).parent / "slurm"

    folder.rename(folder.with_name("moved"))
    folder.touch()  # Slurm makes folders that are missing, where it may
    shared_cluster.ask("scontrol", "release", driver.queued(task)[0].job)
    [gone] = driver.end(task)

    assert gone.fate is Fate.NOT_LAUNCHED
    assert "is the folder of the run one that every node sees?" in gone.reason


@pytest.mark.parametrize(
    ("errand", "words"),
    [
        (Errand("slurm", cpu=5000), "Requested node configuration is not available"),
        (Errand("slurm", memory_bytes=1 << 40), "Requested node configuration is not available"),
        (Errand("slurm", gpus=3), "Requested node configuration is not available"),
        (Errand("slurm", {"partition": "nowhere"}), "Invalid partition name specified"),
        (Errand("slurm", named={"db": 3}), "Invalid license specification"),
        (Errand("slurm", {"extra": ["--constraint=x"]}), "Invalid feature specification"),
    ],
)
def test_what_a_cluster_can_never_give_is_said_before_anything_runs(
    driver: PlaceDriver, errand: Errand, words: str
) -> None:
    [problem] = driver.place.check([Errand("slurm"), errand])

    assert isinstance(problem, Objection)
    assert problem.text.startswith("Slurm refuses a job with --")
    assert words in problem.text
    assert problem.errands == (1,)


@pytest.mark.parametrize(
    "update",
    ["NodeName=n[1-2] State=DRAIN Reason=x", "PartitionName=main State=DOWN"],
    ids=["nodes", "partition"],
)
def test_what_is_out_of_service_for_now_is_no_problem_and_what_is_too_much_for_it_is(
    own_cluster: Cluster, drive: Drive, update: str
) -> None:
    driver = drive(place_on(own_cluster))
    own_cluster.ask("scontrol", "update", *update.split())

    assert driver.place.check([Errand("slurm", cpu=4000, memory_bytes=4 << 30)]) == []
    assert len(driver.place.check([Errand("slurm", memory_bytes=1 << 40)])) == 1

    task = driver.task("patient", "exit 0")
    driver.submit(task)
    driver.poll()
    driver.poll()
    own_cluster.ask("scontrol", "update", update.split()[0], "State=" + RESTORED[update[:4]])
    assert [gone.fate for gone in driver.end(task)] == [Fate.ENDED]


def test_a_partition_that_is_misspelt_has_the_one_that_is_meant_beside_it(
    driver: PlaceDriver,
) -> None:
    [near] = driver.place.check([Errand("slurm", {"partition": "mian"})])
    [far] = driver.place.check([Errand("slurm", {"partition": "nowhere"})])

    assert isinstance(near, Objection)
    assert isinstance(far, Objection)
    assert near.hint == "did you mean `main`?"
    assert far.hint == "the partitions are `main`, `urgent`, `short`"


def test_a_time_that_a_partition_does_not_allow_is_said_before_anything_runs(
    driver: PlaceDriver,
) -> None:
    short = {"partition": "short"}
    errands = [Errand("slurm", {**short, "time": 600.0}), Errand("slurm", {**short, "time": 601.0})]

    assert driver.place.check(errands) == [
        Objection(
            "it asks for 11m00s, and partition `short` allows no more than 10m00s",
            (1,),
            "ask for less `time`, a shorter `timeout`, or another partition",
        )
    ]


def test_what_a_cluster_has_is_no_problem(driver: PlaceDriver) -> None:
    errand = Errand("slurm", {"partition": "main"}, 4000, 1 << 30, 2, {"db": 2, "other": 9}, 60.0)

    assert driver.place.check([errand]) == []


def test_what_slurm_has_against_its_configuration_is_said_before_anything_runs(
    shared_cluster: Cluster, drive: Drive, tmp_path: Path
) -> None:
    (tmp_path / "slurm.conf").write_text("nonsense\n")
    driver = drive(place_on(shared_cluster, {"SLURM_CONF": str(tmp_path / "slurm.conf")}))

    [problem] = driver.place.check([Errand("slurm")])

    assert isinstance(problem, Objection)
    assert problem.text.startswith("Slurm does not answer: ")
    assert "Unable to process configuration file" in problem.text


def test_missing_programs_are_said_before_anything_runs(
    shared_cluster: Cluster, drive: Drive
) -> None:
    driver = drive(place_on(shared_cluster, {"PATH": "/nowhere"}))

    assert driver.place.check([Errand("slurm")]) == [
        Objection(
            "sbatch, squeue, scancel, scontrol: not found; "
            "install Slurm's client here, or run where it is"
        )
    ]
