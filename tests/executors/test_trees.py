"""All processes of a step, and how they are ended."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Iterator

import pytest

from tests.executors.workbench import Workbench, is_alive, pids_marked, wait_until_gone


@pytest.mark.parametrize("manner", ["talking", "silent", "nameless"])
def test_a_daemon_left_behind_is_killed_and_holds_nothing_up(
    bench: Workbench, tmp_path: Path, manner: str
) -> None:
    ended = bench.run_script("leaves_daemon.py", tmp_path / "pid", manner)

    daemon = int((tmp_path / "pid").read_text())
    assert (ended.exit_code, bench.log(ended)) == (0, b"left one\n")
    assert not is_alive(daemon)
    assert bench.executor.due_in() is None
    assert bench.executor.faults() == []


def test_what_does_not_die_in_time_is_named(run_id: str, tmp_path: Path) -> None:
    bench = Workbench(run_id, tmp_path, drain_s=0)

    ended = bench.run_script("leaves_daemon.py", tmp_path / "pid", "silent")

    faults = bench.executor.faults()
    bench.executor.close()
    assert ended.exit_code == 0
    daemon = (tmp_path / "pid").read_text()
    assert faults == ["processes that could not be killed: %s" % daemon]


def test_a_daemon_that_never_stops_writing_has_a_limit(run_id: str, tmp_path: Path) -> None:
    bench = Workbench(run_id, tmp_path, drain_s=0.3)
    started = time.monotonic()

    ended = bench.run_script("leaves_daemon.py", tmp_path / "pid", "noisy")

    took_s = time.monotonic() - started
    bench.executor.close()
    assert ended.exit_code == 0
    assert took_s > 0.3
    assert pids_marked(run_id) == []


@pytest.mark.parametrize("manner", ["talking", "silent", "nameless"])
def test_a_daemon_is_left_alone_as_long_as_its_step_runs(
    bench: Workbench, tmp_path: Path, manner: str
) -> None:
    pid, done = tmp_path / "pid", tmp_path / "done"
    key = bench.start_script("leaves_daemon.py", pid, manner, done)
    bench.wait_for_output(key, b"left one\n")

    others = [bench.run("sh", "-c", "sleep 0.01 & exit 0") for _ in range(3)]

    done.write_text("")
    assert [ended.exit_code for ended in others] == [0, 0, 0]
    assert bench.end_of(key).exit_code == 0
    assert not is_alive(int(pid.read_text()))


def test_what_is_left_in_the_background_is_killed_and_the_end_waits_for_its_death(
    bench: Workbench,
) -> None:
    script = "sleep 1000 & (setsid sleep 1000 &); (sleep 1000 >/dev/null 2>&1 &); exit 0"

    ended = bench.run("bash", "-c", script)

    assert ended.exit_code == 0
    assert pids_marked(bench.run_id) == []


def test_term_reaches_a_step_its_children_and_its_daemons_once_each(bench: Workbench) -> None:
    loop = "trap 'echo got %s' TERM; echo up %s; while :; do sleep 0.02; done"
    scripts = {name: loop % (name, name) for name in ("main", "child", "daemon")}
    script = 'sh -c "$child" & (setsid sh -c "$daemon" &); eval "$main"'
    key = bench.start("sh", "-c", script, env=scripts)
    for name in scripts:
        bench.wait_for_output(key, b"up %s\n" % name.encode())

    bench.executor.stop(key, "SIGTERM")

    for name in scripts:
        bench.wait_for_output(key, b"got %s\n" % name.encode())
    bench.executor.stop(key, "SIGKILL")
    assert sorted(bench.log(bench.end_of(key)).split()).count(b"got") == 3


def test_term_reaches_what_a_step_has_put_into_another_group(bench: Workbench) -> None:
    loop = "trap 'echo got it; exit 7' TERM; echo up; while :; do sleep 0.02; done"
    key = bench.start("sh", "-c", 'trap "" TERM; timeout 1000 sh -c "$L"', env={"L": loop})
    bench.wait_for_output(key, b"up\n")

    bench.executor.stop(key, "SIGTERM")

    ended = bench.end_of(key)
    assert (ended.signal, b"got it\n" in bench.log(ended)) == (None, True)


def test_what_outlives_a_stopped_step_has_time_until_it_is_killed(bench: Workbench) -> None:
    slow = "trap 'sleep 0.3; echo clean; exit' TERM; echo up; while :; do sleep 0.02; done"
    key = bench.start("sh", "-c", 'setsid sh -c "$S" & wait', env={"S": slow})
    bench.wait_for_output(key, b"up\n")

    bench.executor.stop(key, "SIGTERM")
    ended = bench.end_of(key)

    assert (ended.signal, bench.log(ended)[-6:]) == ("SIGTERM", b"clean\n")


@pytest.mark.parametrize("redirection", ["", ">/dev/null 2>&1"], ids=["talking", "silent"])
def test_what_outlives_a_stopped_step_for_ever_is_killed_when_asked(
    bench: Workbench, redirection: str
) -> None:
    stubborn = "trap '' TERM; touch $UP; while :; do sleep 0.02; done"
    up = bench.folder / "up"
    script = 'sh -c "$S" %s & while [ ! -e $UP ]; do sleep 0.01; done; echo up; wait' % redirection
    key = bench.start("sh", "-c", script, env={"S": stubborn, "UP": str(up)})
    bench.wait_for_output(key, b"up\n")
    bench.executor.stop(key, "SIGTERM")
    bench.turn()

    others = [bench.run("true").exit_code for _ in range(3)]
    survivors = pids_marked(bench.run_id)
    bench.executor.stop(key, "SIGKILL")

    assert bench.end_of(key).signal == "SIGTERM"
    assert (others, len(survivors) > 0, pids_marked(bench.run_id)) == ([0, 0, 0], True, [])


def test_a_step_that_ignores_term_goes_on_until_it_is_killed(bench: Workbench) -> None:
    key = bench.start_script("ignores_term.sh")
    bench.wait_for_output(key, b"ready\n")

    bench.executor.stop(key, "SIGTERM")
    bench.wait_for_output(key, b"no\n")
    bench.executor.stop(key, "SIGKILL")

    assert bench.end_of(key).signal == "SIGKILL"


def test_a_step_may_call_it_a_success_when_it_is_told_to_end(bench: Workbench) -> None:
    key = bench.start_script("exits_0_after_term.sh")
    bench.wait_for_output(key, b"ready\n")

    bench.executor.stop(key, "SIGTERM")

    assert bench.end_of(key).exit_code == 0


def test_a_step_that_stopped_itself_sees_the_signal(bench: Workbench) -> None:
    key = bench.start_script("stops_itself.sh")
    bench.wait_for_output(key, b"ready\n")

    bench.executor.stop(key, "SIGTERM")

    ended = bench.end_of(key)
    assert (ended.exit_code, bench.log(ended)) == (5, b"ready\ngot term\n")


@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1"])
def test_other_signals_can_be_sent(bench: Workbench, name: str) -> None:
    key = bench.start("sleep", "1000")

    bench.executor.stop(key, name)

    assert bench.end_of(key).signal == name


def test_200_children_are_killed_with_their_step(bench: Workbench) -> None:
    key = bench.start_script("has_many_children.sh")
    bench.wait_for_output(key, b"ready\n")
    before = len(pids_marked(bench.run_id))

    bench.executor.stop(key, "SIGKILL")
    bench.end_of(key)

    assert before > 150
    assert pids_marked(bench.run_id) == []


@pytest.mark.parametrize("script", ["forks_while_dying.py", "forks_endlessly.py"])
def test_a_step_that_multiplies_is_killed_to_the_last(bench: Workbench, script: str) -> None:
    key = bench.start_script(script)
    bench.wait_for_output(key, b"ready\n")

    bench.executor.stop(key, "SIGTERM")
    bench.wait_for_output(key, b"more\n")
    bench.executor.stop(key, "SIGTERM")
    bench.executor.stop(key, "SIGKILL")
    bench.end_of(key)

    assert pids_marked(bench.run_id) == []


def test_a_step_killed_by_a_stranger_ends_with_its_children(bench: Workbench) -> None:
    key = bench.start("sh", "-c", "sleep 1000 & echo $$; wait")
    pid = int(bench.wait_for_output(key, b"\n"))

    os.kill(pid, signal.SIGKILL)

    assert bench.end_of(key).signal == "SIGKILL"
    assert pids_marked(bench.run_id) == []


def test_closing_kills_all_that_runs(run_id: str, tmp_path: Path) -> None:
    bench = Workbench(run_id, tmp_path)
    keys = [bench.start_script(name) for name in ("ignores_term.sh", "stops_itself.sh")]
    keys.append(bench.start_script("leaves_daemon.py", tmp_path / "pid", "nameless", "/never"))
    for key in keys[:2]:
        bench.wait_for_output(key, b"ready\n")
    bench.wait_for_output(keys[2], b"left one\n")

    bench.executor.close()

    assert pids_marked(run_id) == []
    assert not is_alive(int((tmp_path / "pid").read_text()))


@pytest.fixture
def bystander() -> Iterator[int]:
    """A child of this process that was there before the executor, in a session of its own."""
    pid = os.posix_spawn("/bin/sleep", ["sleep", "1000"], {}, setsid=True)
    yield pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_a_child_that_was_there_before_is_left_alone(
    bystander: int, run_id: str, tmp_path: Path
) -> None:
    bench = Workbench(run_id, tmp_path)

    bench.run("sh", "-c", "sleep 1000 & exit 0")

    bench.executor.close()
    assert is_alive(bystander)


def test_where_orphans_cannot_be_seen_the_group_of_a_step_is_still_killed(
    run_id: str, tmp_path: Path
) -> None:
    bench = Workbench(run_id, tmp_path, proc="/nowhere")

    ended = bench.run("sh", "-c", "sleep 1000 & (sleep 1000 >/dev/null 2>&1 &); exit 3")

    bench.executor.close()
    assert ended.exit_code == 3
    wait_until_gone(run_id)
