"""Companions: processes beside the attempts, of which the engine hears nothing."""

from __future__ import annotations

import os
import select
import time
from pathlib import Path
from typing import Any, Iterator, List, Tuple

import pytest

from orchestra.engine.ports import Ended
from orchestra.executors.companions import INTERRUPTED, TIMEOUT, Companions
from orchestra.executors.local import LocalExecutor
from orchestra.model.run import AttemptKey, Invocation

OWN = AttemptKey("notify:1", 1)
STEP = AttemptKey("a", 1)
LIMIT_S = 180.0


class Bench:
    """Companions of a real executor, and what was heard of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.heard: List[Tuple[Ended, str]] = []
        self.companions = Companions(LocalExecutor("r"))
        self.stop_fd, self.stopper = os.pipe()

    def invocation(self, key: AttemptKey, script: str) -> Invocation:
        env = {b"PATH": b"/usr/bin:/bin", b"ORCHESTRA_RUN_ID": b"r"}
        env[b"ORCHESTRA_STEP"] = key.step.encode()
        env[b"ORCHESTRA_ATTEMPT"] = b"1"
        argv = (b"sh", b"-c", script.encode())
        return Invocation(argv, env, str(self.folder), str(self.folder / (key.step + ".log")))

    def start(self, script: str, timeout_s: float = LIMIT_S, on_end: Any = None) -> None:
        tell = on_end or (lambda end, killed: self.heard.append((end, killed)))
        self.companions.start(OWN, self.invocation(OWN, script), timeout_s, tell)

    def attempt(self, script: str) -> None:
        self.companions.submit([(STEP, self.invocation(STEP, script))])

    def turns(self) -> Iterator[List[Any]]:
        """What the engine is told, turn by turn, until a limit."""
        deadline = time.monotonic() + LIMIT_S
        poller = select.poll()
        poller.register(self.companions.fileno(), select.POLLIN)
        while time.monotonic() < deadline:
            wait = self.companions.due_in()
            poller.poll(1000 if wait is None else min(1000, wait * 1000 + 1))
            yield self.companions.collect()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.companions.close()
    os.close(bench.stop_fd)
    os.close(bench.stopper)


def test_the_engine_hears_of_attempts_only(bench: Bench) -> None:
    bench.start("exit 3")
    bench.attempt("exit 4")
    assert bench.companions.running() == 1
    told: List[Any] = []
    for news in bench.turns():
        told += news
        if bench.heard and any(isinstance(one, Ended) for one in told):
            break
    assert {one.key for one in told} == {STEP}
    assert [(end.exit_code, killed) for end, killed in bench.heard] == [(3, "")]
    assert bench.companions.running() == 0


def test_one_that_takes_too_long_is_killed_with_all_its_processes(bench: Bench) -> None:
    pid = bench.folder / "pid"
    for timeout_s in (0.3, 5.0, 25.0):  # on a busy machine the first may be over before it begins
        bench.start("setsid sleep 100 & echo $! > part; mv part pid; sleep 100", timeout_s)
        next(None for _ in bench.turns() if bench.heard)
        assert [killed for _, killed in bench.heard] == [TIMEOUT]
        if pid.exists():
            break
        bench.heard.clear()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_the_end_of_a_run_waits_for_those_that_are_left(bench: Bench) -> None:
    bench.start("sleep 0.2; exit 5")
    bench.companions.finish(bench.stop_fd)
    assert [(end.exit_code, killed) for end, killed in bench.heard] == [(5, "")]


def test_who_does_not_want_to_wait_has_them_killed(bench: Bench) -> None:
    bench.start("sleep 100")
    os.write(bench.stopper, b"x")
    bench.companions.finish(bench.stop_fd)
    assert [(end.signal, killed) for end, killed in bench.heard] == [("SIGKILL", INTERRUPTED)]


def test_one_that_cannot_be_started_is_told_of(bench: Bench) -> None:
    bench.companions.start(
        OWN,
        bench.invocation(OWN, "")._replace(argv=(b"/nowhere/page",)),
        30.0,
        lambda end, killed: bench.heard.append((end, killed)),
    )
    bench.companions.finish(bench.stop_fd)
    assert bench.heard[0][0].refusal == "/nowhere/page: no such file"


def test_calls_are_made_in_their_order_when_they_are_due(bench: Bench) -> None:
    called: List[str] = []
    bench.companions.call_in(0.2, lambda: called.append("late"))
    bench.companions.call_in(0.0, lambda: called.append("early"))
    next(None for _ in bench.turns() if len(called) == 2)
    assert called == ["early", "late"]
    assert bench.companions.due_in() is None


def test_no_call_is_made_after_the_run(bench: Bench) -> None:
    bench.companions.call_in(0.0, lambda: bench.heard.append(None))  # type: ignore[arg-type]  # any mark
    bench.companions.finish(bench.stop_fd)
    bench.companions.collect()
    assert bench.heard == []


def test_whoever_raises_when_told_does_not_harm_the_run(bench: Bench) -> None:
    def raise_(end: Ended, killed: str) -> None:
        raise KeyError("gone")

    bench.start("true", on_end=raise_)
    bench.companions.finish(bench.stop_fd)
    assert bench.companions.dropped == ["KeyError: 'gone'"]
