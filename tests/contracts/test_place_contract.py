"""What every place does; each member of `PLACES` runs all of it."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Callable, Dict, Iterator, List

import pytest

from orchestra.executors.dask import open_place
from orchestra.executors.places import Fate, Gone, Place, Queued, Running
from orchestra.model.errand import Errand
from tests.contracts.place_driver import PlaceDriver
from tests.dask.engine import need_dask
from tests.executors.process_place import ProcessPlace
from tests.slurm.cluster import Cluster
from tests.slurm.engine import place_on

LASTS = "touch $folder/began; exec sleep 1000"
INSISTS = "trap '' TERM; touch $folder/began; while :; do sleep 0.05; done"
ANSWERS = """
trap 'touch $folder/asked' TERM
touch $folder/began
until [ -e $folder/asked ]; do sleep 0.05; done
touch $folder/done
"""

Open = Callable[[], Place]
"""Opens a place, each as another process would."""


def processes(request: pytest.FixtureRequest) -> Open:
    return lambda: ProcessPlace(slots=8)


def slurm(request: pytest.FixtureRequest) -> Open:
    cluster: Cluster = request.getfixturevalue("shared_cluster")
    return lambda: place_on(cluster)


def dask(request: pytest.FixtureRequest) -> Open:
    need_dask()
    address = request.getfixturevalue("shared_scheduler").address
    return lambda: open_place({"scheduler": address}, "run")


PLACES: Dict[str, Callable[[pytest.FixtureRequest], Open]] = {
    "dask": dask,
    "process": processes,
    "slurm": slurm,
}
OF_ENGINES = [pytest.param(name, marks=pytest.mark.engines) for name in ("dask", "slurm")]


@pytest.fixture(params=["process", *OF_ENGINES])
def opened(request: pytest.FixtureRequest) -> Open:
    return PLACES[request.param](request)


@pytest.fixture
def drivers(opened: Open, tmp_path: Path) -> Iterator[Callable[[], PlaceDriver]]:
    """Makes drivers of places, after which none of their tasks is left."""
    made: List[PlaceDriver] = []

    def make() -> PlaceDriver:
        made.append(PlaceDriver(opened(), tmp_path))
        return made[-1]

    yield make
    for driver in made:
        names = {each.name for each in driver.told if isinstance(each, (Queued, Running))}
        names -= {each.name for each in driver.told if isinstance(each, Gone)}
        driver.place.stop(sorted(names), "SIGKILL")
        driver.place.close()


@pytest.fixture
def driver(drivers: Callable[[], PlaceDriver]) -> PlaceDriver:
    return drivers()


def test_a_task_is_taken_in_then_runs_then_is_over(driver: PlaceDriver) -> None:
    task = driver.task("one", ANSWERS)

    assert driver.submit(task) == [Queued(task.name, driver.queued(task)[0].job)]
    driver.start(task)
    (Path(task.folder) / "asked").touch()
    gone = driver.end(task)

    job = driver.queued(task)[0].job
    assert job
    assert [(each.job, bool(each.node)) for each in driver.running(task)] == [(job, True)]
    assert [each.fate for each in gone] == [Fate.ENDED]


def test_many_alike_tasks_each_run_once_and_are_told_of_once(driver: PlaceDriver) -> None:
    tasks = [driver.task("t%d" % number, "echo ran >>$folder/ran") for number in range(12)]

    driver.submit(*tasks)
    driver.end(*tasks)

    assert [len(driver.gone(task)) for task in tasks] == [1] * 12
    assert [(Path(task.folder) / "ran").read_text() for task in tasks] == ["ran\n"] * 12


def test_tasks_that_ask_for_different_things_go_together(driver: PlaceDriver) -> None:
    small = driver.task("small", "touch $folder/ran", Errand("elsewhere", cpu=500))
    large = driver.task("large", "touch $folder/ran", Errand("elsewhere", cpu=2000))
    light = driver.task("light", "touch $folder/ran", Errand("elsewhere", memory_bytes=64 << 20))

    driver.submit(small, large, light)
    driver.end(small, large, light)

    ran = [(Path(task.folder) / "ran").exists() for task in (small, large, light)]
    assert ran == [True, True, True]


def test_a_task_that_fails_is_one_that_ran_to_its_end(driver: PlaceDriver) -> None:
    task = driver.task("bad", "exit 3")

    driver.submit(task)

    assert [each.fate for each in driver.end(task)] == [Fate.ENDED]


def test_a_task_without_its_script_is_not_launched_and_why_is_said(driver: PlaceDriver) -> None:
    task = driver.task("void", "")
    (Path(task.folder) / "start").unlink()

    driver.submit(task)
    [gone] = driver.end(task)

    assert gone.fate is Fate.NOT_LAUNCHED
    assert "%s/start: cannot be read" % task.folder in gone.reason


def test_another_process_finds_a_running_task_and_sees_its_end(
    drivers: Callable[[], PlaceDriver],
) -> None:
    first, second = drivers(), drivers()
    task = first.task("kept", ANSWERS)
    first.submit(task)
    first.start(task)
    first.place.close()

    [found] = second.find(task)

    assert isinstance(found, Running)
    assert found.job == first.queued(task)[0].job
    second.place.stop([task.name], "SIGTERM")
    assert [each.fate for each in second.end(task)] == [Fate.ENDED]


def test_a_task_that_has_ended_is_found_to_be_over(drivers: Callable[[], PlaceDriver]) -> None:
    first, second = drivers(), drivers()
    task = first.task("over", "exit 0")
    first.submit(task)
    first.end(task)

    assert [each.fate for each in second.find(task) if isinstance(each, Gone)] == [Fate.ENDED]


def test_a_task_that_was_never_handed_over_is_unknown(driver: PlaceDriver) -> None:
    task = driver.task("new", "exit 0")

    [gone] = driver.find(task)

    assert isinstance(gone, Gone)
    assert (gone.name, gone.fate) == (task.name, Fate.UNKNOWN)


def test_a_task_that_was_not_found_can_be_handed_over(driver: PlaceDriver) -> None:
    task = driver.task("new", "exit 0")
    driver.find(task)
    driver.told.clear()

    driver.submit(task)

    assert [each.fate for each in driver.end(task)] == [Fate.ENDED]


def test_a_signal_reaches_a_task_which_then_goes_on_to_its_own_end(driver: PlaceDriver) -> None:
    task = driver.task("asked", ANSWERS)
    driver.submit(task)
    driver.start(task)

    driver.place.stop([task.name], "SIGTERM")
    driver.end(task)

    assert (Path(task.folder) / "done").exists()


def test_a_kill_ends_what_no_other_signal_does(driver: PlaceDriver) -> None:
    stubborn, other = driver.task("stubborn", INSISTS), driver.task("other", ANSWERS)
    driver.submit(stubborn, other)
    driver.start(stubborn, other)

    driver.place.stop([stubborn.name], "SIGKILL")
    driver.end(stubborn)

    assert driver.gone(other) == []
    driver.place.stop([other.name], "SIGTERM")
    driver.end(other)
    assert (Path(other.folder) / "done").exists()


def test_a_stop_of_what_is_over_or_unknown_does_nothing(driver: PlaceDriver) -> None:
    task = driver.task("over", "exit 0")
    driver.submit(task)
    driver.end(task)

    driver.place.stop([task.name, "never-%s" % uuid.uuid4().hex], "SIGKILL")

    assert driver.poll() == []


def test_a_place_with_nothing_to_follow_has_no_news(driver: PlaceDriver) -> None:
    assert driver.poll() == []
    assert driver.place.period_s() > 0


def test_a_demand_that_is_met_is_no_problem_and_one_that_cannot_be_is_one(
    driver: PlaceDriver,
) -> None:
    assert driver.place.check([Errand("elsewhere"), Errand("elsewhere", cpu=1000)]) == []
    assert len(driver.place.check([Errand("elsewhere"), Errand("elsewhere", cpu=9_999_000)])) == 1
