"""Attempts on an engine elsewhere, whose client lives in a helper that may die at any moment."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest

from orchestra.engine.ports import (
    Ended,
    Launched,
    Lost,
    Queued,
    Reattached,
)
from orchestra.executors.errands import errands_of, make_errand, task_name
from orchestra.executors.hosted import MOST_STARTS
from orchestra.executors.places import Objection
from orchestra.executors.proc import Proc
from orchestra.executors.survivors import Survivors
from orchestra.model.errand import Errand
from orchestra.model.run import AttemptKey, Outcome
from tests.executors.hosted_bench import LIMIT_S, Bench, wait_for

ROOT = Path(__file__).parents[2]
A, B, C = AttemptKey("a", 1), AttemptKey("b", 1), AttemptKey("c", 1)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    made: List[Bench] = []

    def make_one(**options: Any) -> Bench:
        made.append(Bench(tmp_path, **options))
        return made[-1]

    yield make_one
    for bench in made:
        bench.executor.close()
        for pid in bench.pids:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def wait_for_death(pid: int) -> None:
    """Its end has been caused; it may not have been taken by whoever inherits it."""
    deadline = time.monotonic() + LIMIT_S
    while not Proc().is_dead(pid):
        assert time.monotonic() < deadline, pid
        time.sleep(0.01)


def test_no_helper_is_started_for_nothing(make: Callable[..., Bench]) -> None:
    bench = make()

    bench.executor.submit([])
    bench.executor.stop(A, "SIGKILL")
    told = bench.executor.collect()

    assert (told, bench.pids) == ([], [])


def test_it_tells_where_an_attempt_waits_and_runs(make: Callable[..., Bench]) -> None:
    bench = make(slots=1)
    bench.submit(a="until [ -e go ]; do sleep 0.05; done", b="exit 0")
    bench.until(lambda: len(bench.of(Launched)) == 1 and len(bench.of(Queued)) == 2)
    (bench.folder / "go").touch()
    bench.until(lambda: len(bench.of(Ended)) == 2)

    names = [task_name(bench.run_id, key) for key in (A, B)]
    assert bench.of(Queued) == [
        Queued(A, "process " + names[0], ""),
        Queued(B, "process " + names[1], "all 1 slots are taken"),
    ]
    node = os.uname().nodename
    launched = [each._replace(ago_s=0.0) for each in bench.of(Launched)]
    assert launched == [Launched(A, 0, 0.0, node), Launched(B, 0, 0.0, node)]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
def test_what_is_stopped_in_the_queue_never_runs(make: Callable[..., Bench], name: str) -> None:
    bench = make(slots=1)
    bench.submit(a="exec sleep 1000", b="touch ran")
    bench.until(lambda: len(bench.of(Queued)) == 2)

    bench.executor.stop(B, name)
    bench.until(lambda: len(bench.of(Ended)) == 1)
    bench.executor.stop(A, "SIGKILL")
    bench.until(lambda: len(bench.of(Ended)) == 2)

    assert [(each.key, each.signal) for each in bench.of(Ended)] == [(B, name), (A, "SIGKILL")]
    assert not (bench.folder / "ran").exists()


def test_secrets_are_masked_in_the_log_and_in_what_is_shown(make: Callable[..., Bench]) -> None:
    bench = make(secrets=["swordfish"])
    bench.submit(a="printf 'one sword'; sleep 0.3; echo 'fish two'")
    bench.until(lambda: len(bench.of(Ended)) == 1)

    assert bench.log(A) == b"one *** two\n"
    assert b"".join(block for _, block in bench.seen) == b"one *** two\n"
    assert bench.of(Ended)[0].log_bytes == len(b"one *** two\n")


def test_output_is_shown_while_an_attempt_runs(make: Callable[..., Bench]) -> None:
    bench = make()
    bench.submit(a="echo early; until [ -e go ]; do sleep 0.05; done; echo late")
    bench.until(lambda: bench.seen == [(A, b"early\n")])
    assert bench.log(A) == b"early\n"
    (bench.folder / "go").touch()
    bench.until(lambda: len(bench.of(Ended)) == 1)

    assert bench.seen == [(A, b"early\n"), (A, b"late\n")]


def test_a_silent_attempt_has_no_log(make: Callable[..., Bench]) -> None:
    bench = make()
    bench.submit(a=":")
    bench.until(lambda: len(bench.of(Ended)) == 1)

    assert not (bench.folder / "a.log").exists()


def test_a_log_that_is_there_already_is_a_fault(make: Callable[..., Bench]) -> None:
    bench = make()
    (bench.folder / "a.log").symlink_to("elsewhere")
    bench.submit(a="echo text")
    bench.until(lambda: len(bench.of(Ended)) == 1)

    assert bench.executor.faults() == ["cannot write %s/a.log: File exists" % bench.folder]
    assert not (bench.folder / "elsewhere").exists()


def test_a_folder_goes_once_the_end_was_recorded(make: Callable[..., Bench]) -> None:
    bench = make()
    bench.submit(a="exit 0", b="exec sleep 1000")
    bench.until(lambda: len(bench.of(Ended)) == 1)
    assert bench.errand(A).exists()

    bench.executor.collect()  # the driver asks again when it has recorded what it was told
    bench.until(lambda: not bench.errand(A).exists())

    assert bench.errand(B).exists()


def test_closing_leaves_no_process_and_no_folder(make: Callable[..., Bench]) -> None:
    bench = make(slots=1)
    bench.submit(a="echo $$ >new; mv new pid; exec sleep 1000", b="touch ran")
    bench.until(lambda: len(bench.of(Launched)) == 1)
    wait_for(bench.folder / "pid")

    bench.executor.close()

    wait_for_death(int((bench.folder / "pid").read_text()))
    assert not os.path.exists(errands_of(str(bench.folder)))
    assert not (bench.folder / "ran").exists()
    assert bench.notes == []


def test_an_attempt_survives_the_helper_and_is_found_by_the_next(
    make: Callable[..., Bench],
) -> None:
    bench = make()
    bench.submit(a="echo one >>ran; until [ -e go ]; do sleep 0.05; done; echo out; exit 7")
    bench.until(lambda: len(bench.of(Launched)) == 1)
    wait_for(bench.folder / "ran")

    os.kill(bench.pids[0], signal.SIGKILL)
    bench.until(lambda: len(bench.pids) == 2)
    (bench.folder / "go").touch()
    bench.until(lambda: len(bench.of(Ended)) == 1)

    assert (bench.folder / "ran").read_text() == "one\n"
    assert len(bench.of(Launched)) == 1
    assert bench.of(Reattached) == bench.of(Lost) == bench.executor.faults() == []
    assert (bench.of(Ended)[0].exit_code, bench.log(A)) == (7, b"out\n")


def test_a_helper_that_cannot_live_is_given_up(make: Callable[..., Bench]) -> None:
    bench = make(module="tests.executors.broken_place")
    bench.submit(a="exit 0")
    faults: List[str] = []
    bench.until(lambda: bool(faults.extend(bench.executor.faults()) or bench.of(Lost)))
    faults.extend(bench.executor.faults())

    assert len(bench.pids) == MOST_STARTS + 1
    assert [fault.partition(": its helper process ")[2] for fault in faults] == [
        "died 4 times: RuntimeError: a bug of its own",
        "died 5 times: RuntimeError: a bug of its own",
    ]
    assert [(lost.key, lost.reason) for lost in bench.of(Lost)] == [
        (A, "its helper process died 5 times: RuntimeError: a bug of its own")
    ]
    assert bench.notes == ["process may still run: %s" % bench.errand(A).name]
    assert bench.executor.running() == 0


def test_what_runs_is_ended_though_the_helper_was_given_up(make: Callable[..., Bench]) -> None:
    bench = make()
    bench.submit(a="echo $$ >pid; exec sleep 1000")
    faults: List[str] = []
    for number in range(MOST_STARTS):
        bench.until(lambda number=number: len(bench.pids) > number)
        wait_for(bench.folder / "pid")
        os.kill(bench.pids[number], signal.SIGKILL)
    bench.until(lambda: bool(faults.extend(bench.executor.faults()) or faults))

    bench.executor.stop(A, "SIGTERM")
    bench.until(lambda: len(bench.of(Ended)) == 1)

    wait_for_death(int((bench.folder / "pid").read_text()))
    assert faults == ["process: its helper process died 4 times"]
    assert bench.of(Ended)[0].signal == "SIGTERM"
    assert bench.notes == []


def test_a_helper_that_is_stopped_is_replaced(make: Callable[..., Bench]) -> None:
    bench = make(deaf_s=5.0)
    bench.submit(a="echo one >>ran; until [ -e go ]; do sleep 0.05; done; exit 7")
    bench.until(lambda: len(bench.of(Launched)) == 1)

    os.kill(bench.pids[0], signal.SIGSTOP)
    bench.until(lambda: len(bench.pids) > 1)
    (bench.folder / "go").touch()
    bench.until(lambda: len(bench.of(Ended)) == 1)

    wait_for_death(bench.pids[0])
    assert bench.of(Ended)[0].exit_code == 7
    assert (bench.folder / "ran").read_text() == "one\n"
    assert bench.notes == ["process: its helper process hung, another one takes over"]
    assert bench.executor.faults() == []


def test_a_helper_whose_place_hangs_is_replaced(make: Callable[..., Bench], tmp_path: Path) -> None:
    hang = tmp_path / "hang"
    settings = {"file": str(hang)}
    bench = make(module="tests.executors.hanging_place", settings=settings, deaf_s=30, stuck_s=1)
    bench.submit(a="until [ -e go ]; do sleep 0.05; done")
    bench.until(lambda: len(bench.of(Launched)) == 1)

    hang.touch()
    bench.until(lambda: len(bench.pids) > 1)
    hang.unlink()
    (bench.folder / "go").touch()
    bench.until(lambda: len(bench.of(Ended)) == 1)

    wait_for_death(bench.pids[0])
    assert bench.of(Ended)[0].exit_code == 0
    assert bench.executor.faults() == []


def test_a_helper_that_has_been_asked_nothing_for_long_is_not_replaced(
    make: Callable[..., Bench],
) -> None:
    bench = make(deaf_s=4.0)
    bench.submit(a="exit 0")
    bench.until(lambda: len(bench.of(Ended)) == 1)
    quiet_until = time.monotonic() + 5.0
    bench.until(lambda: time.monotonic() > quiet_until)

    bench.submit(b="exit 0")
    bench.until(lambda: len(bench.of(Ended)) == 2)

    assert len(bench.pids) == 1


def test_helpers_that_die_while_things_go_on_are_not_counted(make: Callable[..., Bench]) -> None:
    bench = make()
    keys = [AttemptKey("s%d" % number, 1) for number in range(MOST_STARTS + 1)]
    for number, key in enumerate(keys):
        bench.submit(**{key.step: "until [ -e go%d ]; do sleep 0.05; done" % number})
        bench.until(lambda number=number: len(bench.of(Launched)) == number + 1)
        os.kill(bench.pids[-1], signal.SIGKILL)
        bench.until(lambda number=number: len(bench.pids) == number + 2)
        (bench.folder / ("go%d" % number)).touch()
        bench.until(lambda number=number: len(bench.of(Ended)) == number + 1)

    assert bench.executor.faults() == []


def test_a_check_tells_what_the_place_finds(make: Callable[..., Bench]) -> None:
    bench = make()

    assert bench.executor.check([Errand("process", gpus=1)]) == [
        Objection("there are no GPUs here")
    ]
    assert bench.executor.check([Errand("process")]) == []


def test_a_check_tells_why_a_place_cannot_be_used(make: Callable[..., Bench]) -> None:
    bench = make(slots=0)

    assert bench.executor.check([Errand("process")]) == [
        Objection("slots: must be a number over 0")
    ]


def test_a_check_tells_what_code_is_missing(make: Callable[..., Bench]) -> None:
    (problem,) = make(module="no_such_module").executor.check([Errand("process")])

    assert problem == Objection("ModuleNotFoundError: No module named 'no_such_module'")


@contextlib.contextmanager
def killed_engine(folder: Path, run_id: str, **order: Any) -> Iterator[None]:
    """An engine that has handed attempts over, and is killed with no time to say a word."""
    told: Dict[str, Any] = {"folder": str(folder), "run_id": run_id, "secrets": [], **order}
    engine = subprocess.Popen(
        [sys.executable, "-m", "tests.executors.lone_hosted", json.dumps(told)],
        cwd=str(ROOT),
        stdout=subprocess.PIPE,
    )
    assert engine.stdout is not None
    with engine.stdout:
        assert engine.stdout.readline() == b"ready\n"
    engine.kill()
    engine.wait(LIMIT_S)
    yield


def test_each_attempt_runs_once_though_the_engine_dies(
    make: Callable[..., Bench], tmp_path: Path
) -> None:
    bench = make(secrets=["swordfish"])
    scripts = {
        "a": "echo a >>ran; echo a swordfish; until [ -e go ]; do sleep 0.05; done; echo z; exit 3",
        "b": "echo b >>ran; until [ -e stop ]; do sleep 0.05; done; echo out; exit 4",
        "c": "echo c >>ran",
    }
    with killed_engine(
        tmp_path, bench.run_id, scripts=scripts, slots=2, running=2, secrets=["swordfish"]
    ):
        (tmp_path / "stop").touch()
        wait_for(bench.errand(B) / "end")
        bench.executor.reattach([bench.handle(key) for key in (A, B, C)])
        bench.until(lambda: len(bench.of(Reattached)) == 1)
        bench.executor.submit([(C._replace(number=2), bench.invocation(C, scripts["c"]))])
        (tmp_path / "go").touch()
        bench.until(lambda: len(bench.of(Ended)) == 3)

    assert sorted((tmp_path / "ran").read_text().split()) == ["a", "b", "c"]
    assert bench.of(Lost) == [Lost(C)]
    codes = {each.key: each.exit_code for each in bench.of(Ended)}
    assert codes == {A: 3, B: 4, C._replace(number=2): 0}
    ended_at = {each.key: each.ended_at is not None for each in bench.of(Ended)}
    assert ended_at == {A: False, B: True, C._replace(number=2): False}
    assert (bench.log(A), bench.log(B)) == (b"a ***\nz\n", b"out\n")


def test_what_was_never_handed_over_is_lost_and_can_start_no_more(
    make: Callable[..., Bench],
) -> None:
    bench = make()
    folder = str(bench.errand(A))
    make_errand(folder, bench.invocation(A, "touch ran"), 0o022)

    bench.executor.reattach([bench.handle(A)])
    bench.until(lambda: bench.of(Lost) == [Lost(A)])

    assert subprocess.call(["sh", folder + "/start"]) == 75
    assert not (bench.folder / "ran").exists()


def test_what_was_killed_without_a_record_is_lost_after_a_while(
    make: Callable[..., Bench],
) -> None:
    bench = make(grace_s=0.2)
    bench.submit(a="echo $PPID >parent; kill -9 $PPID; echo on; exit 0")
    bench.until(lambda: len(bench.of(Lost)) == 1)

    assert bench.of(Lost)[0].reason == "it ended without a record"


@pytest.mark.parametrize("removes", ["errands/*", "errands"])
def test_what_removes_its_own_folder_has_failed_and_is_not_lost(
    make: Callable[..., Bench], removes: str
) -> None:
    bench = make()
    bench.submit(a="rm -r %s; exit 0" % removes)
    bench.until(lambda: len(bench.of(Ended)) == 1)

    (ended,) = bench.of(Ended)
    assert (ended.exit_code, ended.outcome) == (None, Outcome.FAILED)
    assert ended.reason.startswith("its folder was removed while it was under way")
    assert bench.of(Lost) == []


def test_a_folder_that_is_gone_when_another_helper_looks_is_no_reason_to_run_again(
    make: Callable[..., Bench],
) -> None:
    bench = make()
    bench.submit(a="rm -r errands/*; touch on; until [ -e go ]; do sleep 0.05; done")
    wait_for(bench.folder / "on")
    bench.until(lambda: len(bench.of(Launched)) == 1)

    os.kill(bench.pids[0], signal.SIGKILL)
    bench.until(lambda: len(bench.of(Ended)) == 1)
    (bench.folder / "go").touch()

    assert bench.of(Ended)[0].outcome is Outcome.FAILED
    assert bench.of(Lost) == []


def test_what_an_engine_runs_on_this_machine_is_no_survivor_of_its_run(
    make: Callable[..., Bench],
) -> None:
    bench = make()
    bench.submit(a="touch on; ORCHESTRA_STEP=a ORCHESTRA_ATTEMPT=1 exec sleep 1000")
    wait_for(bench.folder / "on")

    assert Survivors(bench.run_id).by_attempt() == {}
