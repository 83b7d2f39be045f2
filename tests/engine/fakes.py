"""Stand-ins for what the driver drives: they keep what was asked of them, in one order."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any, Callable, Dict, Generator, List, Optional, Sequence, Tuple

from orchestra.engine.caching import Finding, Question, Seal
from orchestra.engine.ports import (
    Ended,
    Handle,
    Kept,
    Launched,
    Launching,
    Lost,
    Unreached,
    Written,
)
from orchestra.errors import StoreError
from orchestra.model.events import Envelope
from orchestra.model.expression import ExpressionError, Scope
from orchestra.model.run import AttemptKey, Invocation, KeptFile
from orchestra.model.workflow import Step


class FakeClock:
    """The real monotonic clock, and a wall clock that says 1000 when it starts."""

    def monotonic(self) -> float:
        return time.monotonic()

    def time(self) -> float:
        return 1000.0


class FakeExecutor:
    """An executor without processes: an invocation's words say how the attempt goes.

    `exit 3` and `die SIGSEGV` end at once, `last` ends when it is stopped, `insist` only by
    SIGKILL, `refuse` never starts. `trace` gets a line for each call, as the store's does.
    """

    def __init__(self, trace: List[str]) -> None:
        self.trace = trace
        self.on_submit: Callable[[], None] = lambda: None
        self.faults_to_tell: List[str] = []
        self.silent = ""
        self._news: List[Any] = []
        self._word_by_key: Dict[AttemptKey, bytes] = {}
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        self.handles: List[Handle] = []

    def fileno(self) -> int:
        return self._read

    def submit(self, batch: Sequence[Tuple[AttemptKey, Invocation]]) -> None:
        for key, invocation in batch:
            self.trace.append("submit %s.%d" % key)
            word, *more = invocation.argv
            self._word_by_key[key] = word
            if word == b"refuse":
                self._tell(Ended(key, refusal="no such program"))
                continue
            self._tell(Launched(key, 42))
            if word == b"exit":
                self._tell(Ended(key, exit_code=int(more[0])))
            elif word == b"die":
                self._tell(Ended(key, signal=more[0].decode()))
        self.on_submit()

    def reattach(self, handles: Sequence[Handle]) -> None:
        for handle in handles:
            self.handles.append(handle)
            self.trace.append("reattach %s.%d" % handle.key)
            self._tell(Lost(handle.key))

    def collect(self) -> List[Any]:
        with contextlib.suppress(BlockingIOError):
            os.read(self._read, 4096)
        news, self._news = self._news, []
        for each in news:
            if isinstance(each, Ended):
                del self._word_by_key[each.key]
        return news

    def stop(self, key: AttemptKey, signal: str) -> None:
        self.trace.append("%s %s.%d" % (signal, *key))
        word = self._word_by_key.get(key)
        if word == b"last" or (word == b"insist" and signal == "SIGKILL"):
            self._word_by_key[key] = b"stopped"
            self._tell(Ended(key, signal=signal))

    def lend(self, key: AttemptKey, tokens: int) -> None:
        self.trace.append("lend %s.%d %d" % (*key, tokens))

    def running(self) -> int:
        return len(self._word_by_key)

    def due_in(self) -> Optional[float]:
        return 0.0 if self._news else None

    def unreached(self) -> List[Unreached]:
        return [Unreached(key, self.silent) for key in self._word_by_key if self.silent]

    def faults(self) -> List[str]:
        faults, self.faults_to_tell = self.faults_to_tell, []
        return faults

    def close(self) -> None:
        self._word_by_key.clear()
        self._news.clear()
        if self._read >= 0:
            os.close(self._read)
            os.close(self._write)
            self._read = -1

    def _tell(self, news: Any) -> None:
        self._news.append(news)
        os.write(self._write, b"\0")


class FakeCopy:
    """A copy of one file that takes some slices."""

    def __init__(self, slices: int, on_slice: Callable[[], None]) -> None:
        self._slices = slices
        self._on_slice = on_slice

    def advance(self) -> Optional[Kept]:
        self._slices -= 1
        self._on_slice()
        return None if self._slices else Kept((KeptFile("artifacts/x", 1, "00"),), ("one file",))

    def give_up(self) -> Kept:
        return Kept((), ("given up",))


class FakeRenderer:
    """Renders a step as the words for it in `words`, else as `exit 0`; or raises its fault."""

    def __init__(self, words: Dict[str, str], faults: Dict[str, Exception]) -> None:
        self._words = words
        self._faults = faults
        self.written: Dict[str, Written] = {}
        self.slices = 3
        self.on_slice: Callable[[], None] = lambda: None

    def render(self, launching: Launching) -> Invocation:
        fault = self._faults.get(launching.key.step)
        if fault is not None:
            raise fault
        words = self._words.get(launching.key.step, "exit 0").encode().split()
        return Invocation(tuple(words), {}, "/", "/log")

    def log_path(self, key: AttemptKey) -> str:
        return "/run/" + key.log

    def outputs(self, step: Step, key: AttemptKey) -> Written:
        return self.written.get(step.id, Written({}))

    def job_server(self, step: Step, key: AttemptKey) -> Optional[str]:
        return "/jobs" if step.jobserver else None

    def artifacts(self, step: Step, scope: Scope, folder: str) -> FakeCopy:
        fault = self._faults.get("artifacts of " + step.id)
        if fault is not None:
            raise fault
        return FakeCopy(self.slices, self.on_slice)


class FakeCache:
    """A cache without files: the answers by step id, each after `slices` slices of work.

    `trace` gets a line for each slice. What is not told must run, and leaves nothing.
    """

    def __init__(self, trace: Optional[List[str]] = None, slices: int = 1) -> None:
        self.findings: Dict[str, Finding] = {}
        self.seals: Dict[str, Seal] = {}
        self.asked: List[Question] = []
        self.on_slice: Callable[[], None] = lambda: None
        self._trace = [] if trace is None else trace
        self._slices = slices

    def check(self, question: Question) -> Generator[None, None, Finding]:
        self.asked.append(question)
        yield from self._work("check %s" % question.step.id)
        return self.findings.get(question.step.id, Finding("f", reason="it has to"))

    def seal(self, question: Question, finding: Finding) -> Generator[None, None, Seal]:
        yield from self._work("seal %s" % question.step.id)
        return self.seals.get(question.step.id, Seal({}))

    def _work(self, line: str) -> Generator[None, None, None]:
        for _ in range(self._slices):
            self._trace.append(line)
            self.on_slice()
            yield


class FakeStore:
    """Keeps turns; fails from the `fails_at`-th append on."""

    def __init__(self, trace: List[str], fails_at: int = 10**9) -> None:
        self.turns: List[List[Envelope]] = []
        self.lasting: List[bool] = []
        self._trace = trace
        self._fails_at = fails_at

    def append(self, envelopes: Sequence[Envelope], lasting: bool = False) -> None:
        if len(self.turns) + 1 >= self._fails_at:
            raise StoreError("/runs.db", "the disk is full")
        self.turns.append(list(envelopes))
        self.lasting.append(lasting)
        self._trace.append("commit " + " ".join(type(e.event).__name__ for e in envelopes))

    def attend(self, at: float) -> Optional[float]:
        return None


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


NULL_INSIDE = ExpressionError("params.x is null", 0, "use default(params.x, '')")
