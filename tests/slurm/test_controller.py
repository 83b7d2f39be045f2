"""A controller that goes away and comes back: no information, and nothing twice."""

from __future__ import annotations

import time
from pathlib import Path
from typing import List

import pytest

from orchestra.executors.places import Fate, Gone, Objection, Queued, Silent
from orchestra.model.errand import Errand
from tests.contracts.place_driver import PlaceDriver
from tests.slurm.cluster import Cluster
from tests.slurm.conf import Shape
from tests.slurm.conftest import Drive
from tests.slurm.engine import place_on
from tests.slurm.spies import Spies

WAITS = "touch $folder/began; until [ -e $folder/go ]; do sleep 0.05; done; touch $folder/done"
ONCE = "echo ran >>$folder/ran"
FORGETFUL = Shape(nodes=1, min_job_age_s=2)


def silences(driver: PlaceDriver, count: int) -> List[float]:
    """Ask until there was so much silence; the periods after each."""
    periods = []
    while len(driver.silences()) < count:
        driver.poll()
        periods.append(driver.place.period_s())
    return periods


def test_an_outage_is_silence_and_a_job_that_ends_in_it_is_over_after_it(
    own_cluster: Cluster, drive: Drive
) -> None:
    driver = drive(place_on(own_cluster))
    task, late = driver.task("ends", WAITS), driver.task("late", ONCE)
    driver.submit(task)
    driver.start(task)
    before = driver.place.period_s()

    own_cluster.save_state(driver.queued(task)[0].job)
    own_cluster.kill_controller()
    periods = silences(driver, 4)
    refused = driver.submit(late)
    told = driver.gone(task)
    (Path(task.folder) / "go").touch()
    driver.until((Path(task.folder) / "done").exists)
    own_cluster.up_controller()
    driver.until(lambda: len(driver.gone(task)) == 1)
    driver.submit(late)
    driver.end(late)

    assert told == []
    assert [type(each) for each in refused] == [Silent]
    assert periods == sorted(set(periods))
    assert periods[0] > before
    assert driver.gone(task)[0].fate is Fate.ENDED
    assert (Path(late.folder) / "ran").read_text() == "ran\n"


def test_a_signal_that_comes_in_an_outage_is_sent_after_it(
    own_cluster: Cluster, drive: Drive
) -> None:
    driver = drive(place_on(own_cluster))
    task = driver.task("asked", "trap 'touch $folder/go' TERM\n" + WAITS)
    driver.submit(task)
    driver.start(task)
    own_cluster.save_state(driver.queued(task)[0].job)
    own_cluster.kill_controller()
    silences(driver, 1)

    driver.place.stop([task.name], "SIGTERM")
    own_cluster.up_controller()
    driver.end(task)

    assert (Path(task.folder) / "done").exists()


def test_a_controller_that_comes_back_without_what_it_knew_makes_no_job_run_twice(
    own_cluster: Cluster, drive: Drive
) -> None:
    driver = drive(place_on(own_cluster))
    script = "echo ran >>$folder/ran\n" + WAITS
    tasks = [driver.task("t%d" % number, script) for number in range(3)]
    driver.submit(*tasks)
    driver.start(*tasks)

    own_cluster.kill_controller()
    silences(driver, 1)
    for task in tasks:
        (Path(task.folder) / "go").touch()
    driver.until(lambda: all((Path(task.folder) / "done").exists() for task in tasks))
    own_cluster.up_controller()
    driver.end(*tasks)

    assert [len(driver.gone(task)) for task in tasks] == [1, 1, 1]
    assert [(Path(task.folder) / "ran").read_text() for task in tasks] == ["ran\n"] * 3


def begin_anew(cluster: Cluster) -> None:
    """Start a controller again that has nothing left of what it knew."""
    cluster.kill_controller()
    for path in (cluster.folder / "state").glob("job_state*"):
        path.unlink()
    time.sleep(1.1)  # its start is told in whole seconds
    cluster.up_controller()


HELD = Errand("slurm", {"extra": ["--hold"]})


def test_a_job_that_waits_when_the_controller_loses_what_it_knew_is_not_cancelled(
    own_cluster: Cluster, drive: Drive
) -> None:
    driver = drive(place_on(own_cluster))
    task = driver.task("waits", ONCE, HELD)
    driver.submit(task)
    driver.poll()

    begin_anew(own_cluster)
    [gone] = driver.end(task)

    assert (gone.fate, gone.reason) == (
        Fate.UNKNOWN,
        "Slurm was restarted, and no longer knows it",
    )


def test_a_job_that_was_given_the_number_of_a_lost_one_is_nobodys(
    own_cluster: Cluster, drive: Drive
) -> None:
    driver = drive(place_on(own_cluster))
    task = driver.task("waits", ONCE, HELD)
    driver.submit(task)
    [number] = {each.job for each in driver.queued(task)}
    before = int(number)
    begin_anew(own_cluster)
    other = 0
    while other < before:
        made = own_cluster.ask("sbatch", "--parsable", "--hold", "--wrap=true")
        other = int(made)
    assert other == before

    driver.poll()
    driver.place.stop([task.name], "SIGKILL")
    driver.end(task)

    assert own_cluster.ask("squeue", "-h", "-j", number, "-o", "%T").strip() == "PENDING"


def test_a_job_that_is_cancelled_after_a_restart_is_cancelled(
    own_cluster: Cluster, drive: Drive
) -> None:
    driver = drive(place_on(own_cluster))
    task = driver.task("waits", ONCE, HELD)
    driver.submit(task)
    job = driver.queued(task)[0].job
    own_cluster.save_state(job)
    own_cluster.kill_controller()
    own_cluster.up_controller()
    own_cluster.wait_for(lambda: job in own_cluster.ask("squeue", "-h"), "it is not known")
    time.sleep(1.1)  # the start of a controller is told in whole seconds
    driver.poll()

    own_cluster.ask("scancel", job)
    [gone] = driver.end(task)

    assert gone.fate is Fate.CANCELLED


@pytest.mark.parametrize("own_cluster", [FORGETFUL], indirect=True)
def test_a_job_that_the_controller_has_forgotten_is_unknown(
    own_cluster: Cluster, drive: Drive
) -> None:
    first, second = drive(place_on(own_cluster)), drive(place_on(own_cluster))
    tasks = [first.task("t%d" % number, ONCE) for number in range(2)]
    first.submit(*tasks)  # and it does not ask until all is forgotten
    own_cluster.wait_for(
        lambda: all((Path(task.folder) / "ran").exists() for task in tasks), "one has not run"
    )
    own_cluster.wait_for(
        lambda: not own_cluster.ask("squeue", "-h", "-t", "all").strip(), "it is still known"
    )

    found = second.find(*tasks)
    first.end(*tasks)

    assert [(each.name, each.fate) for each in found if isinstance(each, Gone)] == [
        (task.name, Fate.UNKNOWN) for task in tasks
    ]
    assert [first.gone(task)[0].fate for task in tasks] == [Fate.UNKNOWN, Fate.UNKNOWN]


def test_jobs_whose_submission_got_no_answer_are_found_and_not_submitted_again(
    shared_cluster: Cluster, drive: Drive, tmp_path: Path
) -> None:
    spies = Spies(tmp_path)
    spies.set("sbatch", LOST_ANSWER)
    driver = drive(place_on(shared_cluster, {"PATH": spies.path}))
    tasks = [driver.task("t%d" % number, ONCE) for number in range(3)]

    first = driver.submit(*tasks)
    again = driver.submit(*tasks)
    driver.end(*tasks)

    assert [type(each) for each in first] == [Silent]
    assert [each.name for each in again if not isinstance(each, Silent)] == [
        task.name for task in tasks
    ]
    assert len(spies.calls("sbatch")) == 1
    assert [(Path(task.folder) / "ran").read_text() for task in tasks] == ["ran\n"] * 3


def test_jobs_that_an_unanswered_submission_has_not_made_are_submitted(
    shared_cluster: Cluster, drive: Drive, tmp_path: Path
) -> None:
    spies = Spies(tmp_path)
    spies.set("sbatch", LOST_QUESTION)
    driver = drive(place_on(shared_cluster, {"PATH": spies.path}))
    tasks = [driver.task("t%d" % number, ONCE) for number in range(3)]
    first = driver.submit(*tasks)

    spies.set("sbatch")
    again = driver.submit(*tasks)
    driver.end(*tasks)

    assert [type(each) for each in first] == [Silent]
    assert [type(each) for each in again] == [Queued] * 3
    assert [(Path(task.folder) / "ran").read_text() for task in tasks] == ["ran\n"] * 3


def test_jobs_of_an_sbatch_that_outlives_who_started_it_are_found(
    shared_cluster: Cluster, drive: Drive, tmp_path: Path
) -> None:
    spies = Spies(tmp_path)
    # its caller is told that nobody answers; the rest of it submits later, as after a kill of it
    spies.set("sbatch", LATE)
    first = drive(place_on(shared_cluster, {"PATH": spies.path}))
    second = drive(place_on(shared_cluster))
    tasks = [first.task("t%d" % number, ONCE) for number in range(3)]
    first.submit(*tasks)

    second.find(*tasks)
    second.end(*tasks)

    assert [gone.fate for task in tasks for gone in second.gone(task)] == [Fate.ENDED] * 3
    assert [(Path(task.folder) / "ran").read_text() for task in tasks] == ["ran\n"] * 3


def test_no_controller_is_said_before_anything_runs(
    shared_cluster: Cluster, drive: Drive, tmp_path: Path
) -> None:
    alone = tmp_path / "slurm.conf"
    text = (shared_cluster.folder / "slurm.conf").read_text()
    alone.write_text(text.replace("SlurmctldPort=", "SlurmctldPort=1\n#"))
    driver = drive(place_on(shared_cluster, {"SLURM_CONF": str(alone)}))

    words = "its controller is not reached; `scontrol ping` says when it does"
    assert driver.place.check([]) == [Objection("Slurm does not answer: " + words)]


LOST_ANSWER = """
$program "$@" >/dev/null
echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2
exit 1
"""
LOST_QUESTION = """
echo 'sbatch: error: Batch job submission failed: Unable to contact slurm controller' >&2
exit 1
"""
LATE = """
cat >"$0.script"
(sleep 1; exec "$program" "$@" <"$0.script") >/dev/null 2>&1 &
echo 'sbatch: error: Batch job submission failed: Unable to contact slurm controller' >&2
exit 1
"""
