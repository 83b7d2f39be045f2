"""Workers, schedulers and the process with the place die; each step runs once all the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List

import pytest

from orchestra.executors.places import Fate, Gone, Queued, Running, Silent
from orchestra.model.errand import Errand
from tests.dask.cluster import Cluster
from tests.dask.desk import Desk, is_alive, place
from tests.dask.waiting import until

_GPU = Errand("dask", gpus=1)  # runs on w1
_WAIT = "echo >>begun; while [ ! -e go ]; do sleep 0.02; done; echo >>done; exit 4"
_SUBMIT = """
import sys
from pathlib import Path
from tests.dask.desk import Desk
desk = Desk(Path(sys.argv[1]), {"scheduler": sys.argv[2]} if sys.argv[2] else {})
tasks = [desk.task("t%d" % n, sys.argv[3]) for n in range(int(sys.argv[4]))]
desk.submit(*tasks)
desk.until_running("t0")
Path(sys.argv[1], "ready").touch()
desk.until(lambda: False)
"""


def _elsewhere(cluster: Cluster, folder: Path) -> Desk:
    """A place on another machine than the workers' one, as far as it knows."""
    return Desk(folder, place=place(cluster.address, here="somewhere-else"))


@pytest.fixture(params=["here", "elsewhere"])
def either(request: pytest.FixtureRequest, cluster: Cluster, tmp_path: Path) -> Iterator[Desk]:
    """Places that look at processes themselves, and that have a worker do so."""
    makers = {
        "here": lambda: Desk(tmp_path / "errands", {"scheduler": cluster.address}),
        "elsewhere": lambda: _elsewhere(cluster, tmp_path / "errands"),
    }
    with makers[request.param]() as own:
        yield own


def test_a_step_whose_worker_dies_goes_on_and_runs_once(cluster: Cluster, either: Desk) -> None:
    cluster.start_worker("w3", "cpu=2 gpu=1")
    cluster.wait()
    either.submit(either.task("step", _WAIT, _GPU))
    either.until_running("step")
    ran = _worker_of(cluster, either.pid_of("step"))

    cluster.kill(cluster.worker_by_name[ran])
    polls = iter(range(20))  # so that what is asked to run it again has been refused
    either.until(lambda: next(polls, None) is None)
    (either.ground / "go").touch()

    assert either.until_gone("step")["step"] == Gone("step", Fate.ENDED)
    end = either.end_of("step")
    assert (end and end.exit_code, len(either.lines("begun")), len(either.lines("done"))) == (
        4,
        1,
        1,
    )


def test_a_step_that_dies_with_its_worker_is_told_of_as_lost(cluster: Cluster, desk: Desk) -> None:
    desk.submit(desk.task("step", _WAIT + " & wait"))
    desk.until_running("step")
    pid = desk.pid_of("step")

    cluster.kill(cluster.worker_by_name[_worker_of(cluster, pid)])
    os.kill(pid, signal.SIGKILL)

    gone = desk.until_gone("step")["step"]
    assert (gone.fate, gone.reason) == (
        Fate.NODE_FAILED,
        "its worker on %s died, and it has gone with it" % os.uname().nodename,
    )
    assert _session(pid) == []


def test_kill_reaches_a_step_that_its_worker_left_behind(cluster: Cluster, either: Desk) -> None:
    either.submit(either.task("step", _WAIT))
    either.until_running("step")
    pid = either.pid_of("step")
    cluster.kill(cluster.worker_by_name[_worker_of(cluster, pid)])

    either.place.stop(["step"], "SIGKILL")

    assert either.until_gone("step")["step"].fate is Fate.CANCELLED
    assert not is_alive(pid)


def test_a_scheduler_that_goes_is_silence_and_ends_are_found_when_it_is_back(
    cluster: Cluster, desk: Desk
) -> None:
    waiting = Errand("dask", cpu=2000)
    desk.submit(desk.task("step", _WAIT, waiting), desk.task("other", _WAIT, waiting))
    desk.until_running("step")
    desk.until_running("other")
    desk.submit(desk.task("queued", "exit 0", waiting))

    cluster.kill(cluster.scheduler)
    desk.until(lambda: any(isinstance(one, Silent) for one in desk.told))
    (desk.ground / "go").touch()
    until(lambda: desk.end_of("step") and desk.end_of("other"))
    cluster.start_scheduler(cluster.port)
    cluster.start_worker("w4", "cpu=2")

    assert desk.until_gone("step", "other", "queued") == {
        "step": Gone("step", Fate.ENDED),
        "other": Gone("other", Fate.ENDED),
        "queued": Gone("queued", Fate.UNKNOWN, "Dask does not know it, and it was never started"),
    }
    assert len(desk.lines("done")) == 2


def test_a_task_that_somebody_cancels_in_dask_is_told_of_so(cluster: Cluster, desk: Desk) -> None:
    desk.submit(desk.task("big", "exit 0", Errand("dask", cpu=3000)))
    desk.until(lambda: desk.last("big", Queued))
    code = (
        "import sys, distributed as d; c = d.Client(sys.argv[1]);"
        " c.cancel([d.Future('big', client=c)], force=True); c.close()"
    )
    subprocess.run([sys.executable, "-c", code, cluster.address], check=True, capture_output=True)

    assert desk.until_gone("big")["big"] == Gone("big", Fate.CANCELLED, "cancelled in Dask")


def test_tasks_outlive_the_process_that_submitted_them_and_are_found_again(
    cluster: Cluster, tmp_path: Path
) -> None:
    count = 6  # more than there is room for
    _killed(tmp_path / "errands", cluster.address, _WAIT, count)
    desk = Desk(tmp_path / "errands", {"scheduler": cluster.address})
    tasks = [desk.known("t%d" % n) for n in range(count)]
    try:
        found = desk.find(*tasks)
        (desk.ground / "go").touch()
        gone = desk.until_gone(*[task.name for task in tasks])
    finally:
        desk.end()

    assert {type(news) for news in found} == {Running, Queued}
    assert {news.fate for news in gone.values()} == {Fate.ENDED}
    assert (len(desk.lines("begun")), len(desk.lines("done"))) == (count, count)


def test_tasks_that_ended_while_nobody_looked_are_found_ended(
    cluster: Cluster, tmp_path: Path
) -> None:
    _killed(tmp_path / "errands", cluster.address, _WAIT, 1)
    desk = Desk(tmp_path / "errands", {"scheduler": cluster.address})
    (desk.ground / "go").touch()
    until(lambda: desk.end_of("t0"))
    task = desk.task("never", "exit 0")
    try:
        found = desk.find(desk.known("t0"), task)
        desk.until_gone("t0", "never")
    finally:
        desk.end()

    assert desk.gone("t0") == Gone("t0", Fate.ENDED)
    assert found[-1] == Gone(
        "never", Fate.UNKNOWN, "Dask does not know it, and it was never started"
    )


def test_steps_of_a_cluster_of_the_run_s_own_are_found_when_it_died_with_the_run(
    tmp_path: Path,
) -> None:
    _killed(tmp_path / "errands", "", _WAIT, 1)
    desk = Desk(tmp_path / "errands")
    try:
        found = desk.find(desk.known("t0"))
        (desk.ground / "go").touch()
        gone = desk.until_gone("t0")["t0"]
    finally:
        desk.end()

    assert found == [Running("t0", "t0", os.uname().nodename)]
    assert (gone.fate, len(desk.lines("begun"))) == (Fate.ENDED, 1)


def test_a_task_on_a_host_without_workers_is_lost_after_half_a_minute(
    shared_scheduler: Cluster, tmp_path: Path
) -> None:
    now = [0.0]
    with Desk(
        tmp_path / "errands", place=place(shared_scheduler.address, clock=lambda: now[0])
    ) as desk:
        task = desk.task("step", "exit 0")
        (desk.folder / "step" / "claim").mkdir()
        (desk.folder / "step" / "claim" / "by").write_text("far\n1\n2.0\n\n.\n")
        found = [desk.place.find([task]), desk.place.poll()]
        now[0] = 30.0
        found.append(desk.place.poll())

    assert found == [
        [Running("step", "step", "far")],
        [],
        [Gone("step", Fate.NODE_FAILED, "there is no worker on far any more")],
    ]


def _killed(folder: Path, address: str, script: str, count: int) -> None:
    """Tasks whose place was killed as soon as the first of them ran."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SUBMIT, str(folder), address, script, str(count)]
    )
    until((folder / "ready").exists)
    process.kill()
    process.wait()


def _worker_of(cluster: Cluster, pid: int) -> str:
    parent = int(_ps("ppid", pid)[0])
    return next(name for name, one in cluster.worker_by_name.items() if one.pid == parent)


def _session(pid: int) -> List[str]:
    """The states of the processes of a session, but for those that only wait to be reaped."""
    states = subprocess.run(
        ["ps", "-o", "state=", "-s", str(pid)], capture_output=True, check=False, text=True
    ).stdout.split()
    return [state for state in states if state != "Z"]


def _ps(field: str, pid: int) -> List[str]:
    return subprocess.run(
        ["ps", "-o", field + "=", "-p", str(pid)], capture_output=True, check=True, text=True
    ).stdout.split()
