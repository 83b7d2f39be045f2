"""Processes of orchestra's own that run beside the attempts of a run. Never waits but in `finish`.

They are started, reaped and killed by the executor of the run: a library that started them here
would lose their ends to it, since it takes the ends of all children.
"""

from __future__ import annotations

import heapq
import itertools
import math
import select
import time
from functools import partial
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from orchestra.engine.ports import Ended, Executor, ExecutorStimulus, Handle, Unreached
from orchestra.model.run import AttemptKey, Invocation

TIMEOUT = "timeout"
INTERRUPTED = "interrupted"

OnEnd = Callable[[Ended, str], None]
"""Is told how a companion ended, and why it was killed: TIMEOUT, INTERRUPTED, or empty."""


class _Companion(NamedTuple):
    deadline: float
    on_end: OnEnd
    killed: str = ""


class Companions:
    """An executor that looks to the engine as the one it is made from.

    A companion is killed, with all its processes, when its time is over. The engine hears nothing
    of them, and `close` kills those that are left. `dropped` says what was raised by those who
    wanted to be called.
    """

    def __init__(self, executor: Executor, clock: Callable[[], float] = time.monotonic) -> None:
        self._executor = executor
        self._clock = clock
        self._companions: Dict[AttemptKey, _Companion] = {}
        self._calls: List[Tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self.dropped: List[str] = []

    def start(
        self, key: AttemptKey, invocation: Invocation, timeout_s: float, on_end: OnEnd
    ) -> None:
        """Start one under a key that no attempt has."""
        self._companions[key] = _Companion(self._clock() + timeout_s, on_end)
        self._executor.submit([(key, invocation)])

    def call_in(self, delay_s: float, call: Callable[[], None]) -> None:
        """Call this, once, in so many seconds, unless `finish` comes first."""
        heapq.heappush(self._calls, (self._clock() + delay_s, next(self._numbers), call))

    def finish(self, stop_fd: int) -> None:
        """Wait until the last has ended; once `stop_fd` is readable, kill them."""
        self._calls.clear()
        poller = select.poll()
        poller.register(self._executor.fileno(), select.POLLIN)
        poller.register(stop_fd, select.POLLIN)
        while self._companions:
            wait = self.due_in()
            ready = poller.poll(None if wait is None else max(0, math.ceil(wait * 1000)))
            if any(fd == stop_fd for fd, _ in ready):
                poller.unregister(stop_fd)
                self._kill(INTERRUPTED, math.inf)
            self.collect()

    # What the engine sees

    def fileno(self) -> int:
        """As the executor's."""
        return self._executor.fileno()

    def submit(self, batch: Sequence[Tuple[AttemptKey, Invocation]]) -> None:
        """Start attempts."""
        self._executor.submit(batch)

    def reattach(self, handles: Sequence[Handle]) -> None:
        """Take over attempts."""
        self._executor.reattach(handles)

    def collect(self) -> List[ExecutorStimulus]:
        """What has happened to attempts; companions are seen to on the way."""
        now = self._clock()
        self._kill(TIMEOUT, now)
        while self._calls and self._calls[0][0] <= now:
            self._call(heapq.heappop(self._calls)[2])
        if not self._companions:
            return self._executor.collect()
        return [news for news in self._executor.collect() if not self._is_own(news)]

    def stop(self, key: AttemptKey, signal: str) -> None:
        """Signal an attempt."""
        self._executor.stop(key, signal)

    def lend(self, key: AttemptKey, tokens: int) -> None:
        """Let an attempt have so many tokens."""
        self._executor.lend(key, tokens)

    def running(self) -> int:
        """How many attempts have not yet been reported as ended."""
        return self._executor.running() - len(self._companions)

    def due_in(self) -> Optional[float]:
        """Seconds until `collect` wants to be called, None for never."""
        now = self._clock()
        times = [each.deadline - now for each in self._companions.values() if not each.killed]
        times += [call[0] - now for call in self._calls[:1]]
        wait = self._executor.due_in()
        if wait is not None:
            times.append(wait)
        return max(0.0, min(times)) if times else None

    def unreached(self) -> List[Unreached]:
        """The attempts whose engines do not answer."""
        return self._executor.unreached()

    def faults(self) -> List[str]:
        """As the executor's."""
        return self._executor.faults()

    def close(self) -> None:
        """Kill whatever still runs."""
        self._executor.close()

    def _kill(self, why: str, by: float) -> None:
        """Kill those whose time is over by then."""
        for key, each in list(self._companions.items()):
            if each.deadline <= by and not each.killed:
                self._companions[key] = each._replace(killed=why)
                self._executor.stop(key, "SIGKILL")

    def _is_own(self, news: ExecutorStimulus) -> bool:
        each = self._companions.get(news.key)
        if each is None:
            return False
        if isinstance(news, Ended):
            del self._companions[news.key]
            self._call(partial(each.on_end, news, each.killed))
        return True

    def _call(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as fault:  # whatever goes wrong beside it, the run goes on
            self.dropped.append("%s: %s" % (type(fault).__name__, fault))
