"""How tasks end, on a scheduler and two workers that have nothing of orchestra."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator

import pytest

from orchestra.executors.places import Fate, Gone, Queued
from orchestra.model.errand import Errand
from tests.dask.cluster import Cluster
from tests.dask.desk import Desk, is_alive, place


@pytest.fixture
def desk(shared_scheduler: Cluster, tmp_path: Path) -> Iterator[Desk]:
    """Nothing here harms the cluster."""
    with Desk(tmp_path / "errands", {"scheduler": shared_scheduler.address}) as own:
        yield own


def test_a_task_is_queued_under_its_name_and_ends_as_its_record_says(desk: Desk) -> None:
    desk.submit(desk.task("fine", "exit 0"), desk.task("bad", "exit 3"))

    assert desk.told == [Queued("fine", "fine"), Queued("bad", "bad")]
    assert desk.until_gone("fine", "bad") == {
        "fine": Gone("fine", Fate.ENDED),
        "bad": Gone("bad", Fate.ENDED),
    }
    ends = [desk.end_of("fine"), desk.end_of("bad")]
    assert [end.exit_code for end in ends if end] == [0, 3]


def test_a_task_that_runs_is_told_of_with_its_node(desk: Desk) -> None:
    desk.submit(desk.task("long", "while [ ! -e go ]; do sleep 0.02; done"))

    assert desk.until_running("long").node == os.uname().nodename
    (desk.ground / "go").touch()
    assert desk.until_gone("long")["long"].fate is Fate.ENDED


def test_a_signal_is_told_apart_from_an_exit_code(desk: Desk) -> None:
    desk.submit(desk.task("code", "exit 137"), desk.task("killed", "kill -9 $$"))

    desk.until_gone("code", "killed")
    code, killed = desk.end_of("code"), desk.end_of("killed")
    assert (code and code.exit_code, killed and killed.signal) == (137, "SIGKILL")


def test_what_a_step_leaves_behind_ends_with_it(desk: Desk) -> None:
    desk.submit(desk.task("daemon", "sleep 300 & echo $! > pid"))

    assert desk.until_gone("daemon")["daemon"].fate is Fate.ENDED
    assert not is_alive(int(desk.lines("pid")[0]))


def test_a_folder_that_a_worker_does_not_see_is_told_of_with_the_worker_s_node(desk: Desk) -> None:
    task = desk.task("lost", "exit 0")
    desk.submit(task._replace(folder=str(desk.folder / "nowhere")))

    start, node = desk.folder / "nowhere" / "start", os.uname().nodename
    assert desk.until_gone("lost")["lost"] == Gone(
        "lost", Fate.NOT_LAUNCHED, "%s: cannot be read on %s" % (start, node)
    )


def test_term_reaches_the_step_which_may_end_as_it_likes(desk: Desk) -> None:
    desk.submit(
        desk.task(
            "kind", "trap 'echo bye >said; exit 5' TERM; echo >up; while :; do sleep 0.02; done"
        )
    )
    desk.until(lambda: desk.lines("up"))

    desk.place.stop(["kind"], "SIGTERM")

    assert desk.until_gone("kind")["kind"].fate is Fate.ENDED
    end = desk.end_of("kind")
    assert (end and end.exit_code, desk.lines("said")) == (5, ["bye"])


def test_term_that_could_not_be_sent_is_sent_later(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.submit(desk.task("kind", "trap 'exit 5' TERM; echo >up; while :; do sleep 0.02; done"))
    desk.until(lambda: desk.lines("up"))
    failing_shell(tmp_path, "[ -e %s/failed ]" % tmp_path, monkeypatch)

    desk.place.stop(["kind"], "SIGTERM")
    assert (tmp_path / "failed").exists()

    desk.until_gone("kind")
    end = desk.end_of("kind")
    assert (end and end.exit_code) == 5


def failing_shell(folder: Path, unless: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the shell of this process fail until something is so, as on a machine without memory."""
    script = '#!/bin/sh\nif %s; then exec /bin/sh "$@"; fi\ntouch %s/failed; exit 1\n'
    (folder / "bin").mkdir()
    (folder / "bin" / "sh").write_text(script % (unless, folder))
    (folder / "bin" / "sh").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder / "bin"), prepend=os.pathsep)


def test_what_runs_where_nobody_can_look_for_now_is_not_lost(
    shared_scheduler: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    failing_shell(tmp_path, "false", monkeypatch)
    with Desk(
        tmp_path / "errands", place=place(shared_scheduler.address, clock=lambda: now[0])
    ) as desk:
        task = desk.task("step", "exit 0")
        (desk.folder / "step" / "claim").mkdir()
        claim = "%s\n1\n2.0\n\n.\n" % os.uname().nodename
        (desk.folder / "step" / "claim" / "by").write_text(claim)
        desk.place.find([task])
        now[0] = 3600.0
        assert desk.place.poll() == []
        now[0] = 7200.0
        assert desk.place.poll() == []


def test_term_that_comes_while_a_step_is_being_started_reaches_it(desk: Desk) -> None:
    task = desk.task("step", "exec sleep 300")
    desk.submit(task)
    desk.until_running("step")
    by = Path(task.folder, "claim", "by")
    by.rename(by.with_name("kept"))  # as if the script had not come so far

    desk.place.stop(["step"], "SIGTERM")
    by.with_name("kept").rename(by)

    desk.until_gone("step")
    end = desk.end_of("step")
    assert end is not None
    assert end.signal == "SIGTERM"


def test_kill_leaves_no_process_of_a_task(desk: Desk) -> None:
    script = (
        "trap '' TERM; (setsid sleep 300 & echo $! >far; wait) & sleep 300 & echo $! >near; wait"
    )
    desk.submit(desk.task("hard", script))
    desk.until(lambda: desk.lines("far") and desk.lines("near"))
    wrapper = desk.pid_of("hard")

    desk.place.stop(["hard"], "SIGKILL")

    assert desk.until_gone("hard")["hard"].fate is Fate.CANCELLED
    pids = [wrapper, int(desk.lines("near")[0]), int(desk.lines("far")[0])]
    assert [is_alive(pid) for pid in pids] == [False, False, False]


def test_a_task_that_waits_is_cancelled_and_never_starts(desk: Desk) -> None:
    four = [desk.task("busy%d" % n, "while [ ! -e go ]; do sleep 0.02; done") for n in range(4)]
    desk.submit(*four)
    for task in four:
        desk.until_running(task.name)
    desk.submit(desk.task("late", "echo >ran"))

    desk.place.stop(["late"], "SIGTERM")

    assert desk.until_gone("late")["late"] == Gone(
        "late", Fate.CANCELLED, "cancelled before it was started"
    )
    (desk.ground / "go").touch()
    desk.until_gone(*[task.name for task in four])
    assert not desk.lines("ran")


def test_a_task_waits_for_a_worker_that_has_what_it_asks_for(desk: Desk) -> None:
    gpu = Errand("dask", gpus=1)
    wait = "echo >>begun; while [ ! -e go ]; do sleep 0.02; done"
    desk.submit(desk.task("one", wait, gpu))
    desk.until(lambda: desk.lines("begun"))
    desk.submit(desk.task("two", wait, gpu))
    desk.until(
        lambda: desk.last("two", Queued) == Queued("two", "two", "waits for room on its worker")
    )

    desk.until(lambda: desk.lines("begun"))
    assert len(desk.lines("begun")) == 1
    (desk.ground / "go").touch()
    desk.until_gone("one", "two")
    assert len(desk.lines("begun")) == 2


def test_what_no_worker_declares_yet_is_waited_for_in_words(desk: Desk) -> None:
    desk.submit(desk.task("big", "exit 0", Errand("dask", cpu=3000)))

    desk.until(lambda: desk.last("big", Queued) == Queued("big", "big", "no worker has cpu 3"))
