"""Stand-ins for what the driver drives: they keep what was asked of them, in one order."""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from orchestra.engine.ports import Ended, Launched, Launching, Written
from orchestra.errors import StoreError
from orchestra.model.events import Envelope
from orchestra.model.expression import ExpressionError
from orchestra.model.run import AttemptKey, Invocation
from orchestra.model.workflow import Step


class FakeClock:
    """The real monotonic clock, and a wall clock that says 1000 when it starts."""

    def monotonic(self) -> float:
        return time.monotonic()

    def time(self) -> float:
        return 1000.0


class FakeExecutor:
    """Ends every attempt as told by `ends` (exit code 0 if not), at once; None: only when stopped.

    `trace` gets a line for each call, together with the store's.
    """

    def __init__(self, trace: List[str], ends: Optional[Dict[str, Optional[int]]] = None) -> None:
        self.trace = trace
        self.on_submit: Callable[[], None] = lambda: None
        self.faults_to_tell: List[str] = []
        self._ends = ends or {}
        self._news: List[Any] = []
        self._open: List[AttemptKey] = []
        self._read, self._write = os.pipe()

    def fileno(self) -> int:
        return self._read

    def submit(self, batch: Sequence[Tuple[AttemptKey, Invocation]]) -> None:
        for key, _ in batch:
            self.trace.append("submit %s.%d" % key)
            self._open.append(key)
            self._news.append(Launched(key, 42))
            exit_code = self._ends.get(key.step, 0)
            if exit_code is not None:
                self._news.append(Ended(key, exit_code=exit_code))
        self.on_submit()

    def collect(self) -> List[Any]:
        news, self._news = self._news, []
        for each in news:
            if isinstance(each, Ended) and each.key in self._open:
                self._open.remove(each.key)
        return news

    def stop(self, key: AttemptKey, signal: str) -> None:
        self.trace.append("%s %s.%d" % (signal, *key))
        self._news.append(Ended(key, signal=signal))

    def running(self) -> int:
        return len(self._open)

    def due_in(self) -> Optional[float]:
        return 0.0 if self._news else None

    def faults(self) -> List[str]:
        faults, self.faults_to_tell = self.faults_to_tell, []
        return faults

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


class FakeRenderer:
    """Renders nothing much, or the `faults` of steps; `written` is what the others leave."""

    def __init__(self, faults: Optional[Dict[str, Exception]] = None) -> None:
        self._faults = faults or {}
        self.written: Dict[str, Written] = {}

    def render(self, launching: Launching) -> Invocation:
        fault = self._faults.get(launching.key.step)
        if fault is not None:
            raise fault
        return Invocation((b"true",), {}, "/", "/log")

    def outputs(self, step: Step, key: AttemptKey) -> Written:
        return self.written.get(step.id, Written({}))


class FakeStore:
    """Keeps turns; fails from the `fails_at`-th append on."""

    def __init__(self, trace: List[str], fails_at: int = 10**9) -> None:
        self.turns: List[List[Envelope]] = []
        self._trace = trace
        self._fails_at = fails_at

    def append(self, envelopes: Sequence[Envelope]) -> None:
        if len(self.turns) + 1 >= self._fails_at:
            raise StoreError("/runs.db", "the disk is full")
        self.turns.append(list(envelopes))
        self._trace.append("commit " + " ".join(type(e.event).__name__ for e in envelopes))


class Listener:
    """Keeps what it is told; raises if asked to."""

    def __init__(self, fault: Optional[Exception] = None) -> None:
        self.heard: List[Envelope] = []
        self.closed = False
        self._fault = fault

    def handle(self, envelopes: Sequence[Envelope]) -> None:
        if self._fault is not None:
            raise self._fault
        self.heard.extend(envelopes)

    def close(self) -> None:
        self.closed = True


NULL_INSIDE = ExpressionError("params.x is null", 0, "default(params.x, '')")
