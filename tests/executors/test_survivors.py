"""Processes that an orchestrator left behind are found, told from others, and ended."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Sequence

import pytest

from orchestra.engine.ports import Ended, ExecutorStimulus, Handle, Lost, Reattached
from orchestra.executors.ends import ENDS, RecordedEnd, add_end, read_ends
from orchestra.executors.local import LocalExecutor
from orchestra.executors.pidfd import hold
from orchestra.executors.proc import Proc, since_boot_s
from orchestra.executors.survivors import Survivors
from orchestra.model.run import AttemptKey
from tests.executors.workbench import LIMIT_S

RUN = "20261122-101500-%04x" % (os.getpid() & 0xFFFF)  # no other process of this machine has it
KEY = AttemptKey("a", 1)


class Strangers:
    """Processes that were not started by an executor here, as those of a dead orchestrator."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: List[subprocess.Popen[bytes]] = []

    def start(self, script: str, key: AttemptKey = KEY, run_id: str = RUN) -> Handle:
        """Start a step; what its orchestrator had recorded of it."""
        marks: Dict[str, str] = {
            "ORCHESTRA_RUN_ID": run_id,
            "ORCHESTRA_STEP": key.step,
            "ORCHESTRA_ATTEMPT": str(key.number),
        }
        reader, writer = os.pipe()
        both = os.open("/proc/self/fd/%d" % writer, os.O_RDWR)
        process = subprocess.Popen(
            ["sh", "-c", script],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], **marks},
            stdout=both,
            stderr=both,
            start_new_session=True,
        )
        for descriptor in (reader, writer, both):
            os.close(descriptor)
        self._processes.append(process)
        # the kernel lets us go on before the new program has its environment
        until(lambda: b"ORCHESTRA_RUN_ID" in Proc().environ(process.pid))
        began_s = Proc().began_s(process.pid)
        assert began_s is not None
        return Handle(key, process.pid, began_s, str(self.folder / "a.log"))

    def end(self) -> None:
        """End all."""
        for process in self._processes:
            if process.poll() is None:  # the executor may have taken its end
                process.kill()
            process.wait()


@pytest.fixture
def strangers(tmp_path: Path) -> Iterator[Strangers]:
    made = Strangers(tmp_path)
    yield made
    made.end()


TakeOver = Callable[[Sequence[Handle]], LocalExecutor]


@pytest.fixture
def take_over(tmp_path: Path) -> Iterator[TakeOver]:
    """An executor that takes over attempts; what was there before it, it takes for no orphan."""
    made: List[LocalExecutor] = []

    def begin(handles: Sequence[Handle]) -> LocalExecutor:
        made.append(LocalExecutor(RUN, folder=str(tmp_path)))
        made[0].reattach(handles)
        return made[0]

    yield begin
    for executor in made:
        executor.close()


def told(executor: LocalExecutor, kind: type) -> ExecutorStimulus:
    """The first stimulus of a kind."""
    found: List[ExecutorStimulus] = []

    def is_there() -> bool:
        found.extend(each for each in executor.collect() if isinstance(each, kind))
        return bool(found)

    until(is_there)
    return found[0]


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.01)


def test_what_still_runs_is_taken_over_and_its_output_goes_on(
    take_over: TakeOver, strangers: Strangers
) -> None:
    handle = strangers.start(
        "echo before; until test -e go; do sleep 0.02; done; echo after; exit 7"
    )

    executor = take_over([handle])

    taken = told(executor, Reattached)
    (strangers.folder / "go").touch()
    ended = told(executor, Ended)
    assert taken.key == KEY
    assert isinstance(ended, Ended)
    assert (ended.exit_code, ended.log_bytes) == (7, len("before\nafter\n"))
    assert Path(handle.log_path).read_text() == "before\nafter\n"
    assert executor.running() == 0


def test_without_its_number_the_one_that_leads_its_session_is_taken(
    take_over: TakeOver, strangers: Strangers
) -> None:
    strangers.start("(until test -e go; do sleep 0.02; done) & wait; exit 3")

    executor = take_over([Handle(KEY, None, 0.0, str(strangers.folder / "a.log"))])

    told(executor, Reattached)
    (strangers.folder / "go").touch()
    ended = told(executor, Ended)
    assert isinstance(ended, Ended)
    assert ended.exit_code == 3


@pytest.mark.parametrize("what", ["other run", "other step", "began before"])
def test_a_number_that_has_become_anothers_is_left_alone(
    take_over: TakeOver, strangers: Strangers, what: str
) -> None:
    begun = {
        "other run": lambda: strangers.start("sleep 60", run_id="20261122-101501-0002"),
        "other step": lambda: strangers.start("sleep 60", AttemptKey("b", 1)),
        "began before": lambda: strangers.start("sleep 60", run_id="")._replace(began_s=1.0),
    }[what]()

    executor = take_over([begun._replace(key=KEY)])

    assert told(executor, Lost) == Lost(KEY)
    assert begun.pid is not None
    assert not Proc().is_dead(begun.pid)


def test_what_is_left_of_an_attempt_is_dead_before_it_is_told_as_lost(
    take_over: TakeOver, strangers: Strangers
) -> None:
    left = strangers.start("sleep 60")

    executor = take_over([Handle(KEY, 2**22 - 1, since_boot_s(), left.log_path)])

    assert told(executor, Lost) == Lost(KEY)
    assert left.pid is not None
    assert Proc().is_dead(left.pid)


def test_an_end_that_somebody_wrote_down_counts(take_over: TakeOver, tmp_path: Path) -> None:
    add_end(str(tmp_path), RecordedEnd(77, 5.0, 3 << 8, 0.5, 1024, 1e9, "a", 1))

    executor = take_over([Handle(KEY, 77, 5.0, str(tmp_path / "a.log"))])

    ended = Ended(KEY, exit_code=3, cpu_s=0.5, max_rss_bytes=1024, ended_at=1e9)
    assert told(executor, Ended) == ended


def test_an_end_that_was_asked_for_is_none(take_over: TakeOver, tmp_path: Path) -> None:
    add_end(str(tmp_path), RecordedEnd(77, 5.0, 15, 0.5, 1024, 1e9, "a", 1, stopped=True))

    executor = take_over([Handle(KEY, 77, 5.0, str(tmp_path / "a.log"))])

    assert told(executor, Lost) == Lost(KEY)


def test_half_a_line_and_lines_of_other_kinds_are_passed_over(tmp_path: Path) -> None:
    end = RecordedEnd(77, 5.0, 0, 0.5, 1024, 1e9, "a", 1)
    add_end(str(tmp_path), end)
    with (tmp_path / ENDS).open("ab") as file:
        file.write(b"{}\n[1]\n\xff\n[99, 5.0, 0")

    assert read_ends(str(tmp_path)) == [end]


@pytest.mark.parametrize("number", ["SIGTERM", "SIGKILL"])
def test_what_was_taken_over_can_be_stopped_with_all_its_processes(
    take_over: TakeOver, strangers: Strangers, number: str
) -> None:
    handle = strangers.start("setsid sleep 60 & sleep 60")
    executor = take_over([handle])
    told(executor, Reattached)

    executor.stop(KEY, number)

    ended = told(executor, Ended)
    assert isinstance(ended, Ended)
    assert ended.signal == number
    assert Survivors(RUN).by_attempt() == {}


def test_the_processes_of_other_attempts_are_ended(strangers: Strangers) -> None:
    kept = strangers.start("sleep 60")
    ended = strangers.start("setsid sleep 60 & sleep 60", AttemptKey("b", 1))

    assert Survivors(RUN).end_all_but([KEY]) == []

    assert kept.pid is not None
    assert ended.pid is not None
    assert (Proc().is_dead(kept.pid), Proc().is_dead(ended.pid)) == (False, True)
    assert list(Survivors(RUN).by_attempt()) == [KEY]


def test_a_process_that_has_gone_cannot_be_held() -> None:
    process = subprocess.Popen(["true"])
    process.wait()

    assert hold(process.pid) is None
