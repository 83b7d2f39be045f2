"""Moves what attempts write from their pipes into their logs, and to who watches."""

from __future__ import annotations

from typing import Callable, Dict, Optional

from orchestra.executors.output import BLOCK_BYTES
from orchestra.executors.poller import Poller
from orchestra.executors.started import Started
from orchestra.model.run import AttemptKey

IDLE_S = 0.1
"""How long what a step leaves behind may sleep and be silent before it is killed."""

BLOCKS_AT_END = 32
"""How much is read at once when a step ends: more than a pipe holds."""


class Pump:
    """The pipes of one executor. `on_output` is handed each block once it is in the log.

    What a step leaves behind may write for `drain_s` after its end.
    """

    def __init__(
        self,
        poller: Poller,
        drain_s: float,
        on_output: Optional[Callable[[AttemptKey, bytes], None]],
    ) -> None:
        self.block = memoryview(bytearray(BLOCK_BYTES))
        self._poller = poller
        self._drain_s = drain_s
        self._on_output = on_output
        self._started_by_fd: Dict[int, Started] = {}

    def add(self, started: Started) -> None:
        """Listen to one more, which has an output."""
        assert started.output is not None
        self._started_by_fd[started.output.fd] = started
        self._poller.add(started.output.fd)

    def attend(self, fd: int, now: float) -> bool:
        """Move a block from this descriptor, if it is an attempt's; whether it is."""
        started = self._started_by_fd.get(fd)
        if started is None:
            return False
        self._move(started, now)
        return True

    def empty(self, started: Started, now: float) -> None:
        """Move what its pipe holds; bounded, for someone may be writing all the time."""
        blocks = 0
        while started.output is not None and blocks < BLOCKS_AT_END and self._move(started, now):
            blocks += 1

    def tell(self, key: AttemptKey, shown: bytes) -> None:
        """Hand on what is in a log now."""
        if shown and self._on_output is not None:
            self._on_output(key, shown)

    def close(self, started: Started) -> None:
        """Listen no more to an attempt that has an output; its log is whole."""
        assert started.output is not None
        self.tell(started.key, started.output.finish())
        self._poller.remove(started.output.fd)
        del self._started_by_fd[started.output.fd]
        started.log_bytes = started.output.log_bytes
        started.output.close()
        started.output = None

    def close_all(self) -> None:
        """Listen to none any more."""
        for started in list(self._started_by_fd.values()):
            self.close(started)

    def _move(self, started: Started, now: float) -> bool:
        """Move a block of output to its log; whether there was one."""
        assert started.output is not None
        count = started.output.pump(self.block)
        if count:
            started.drained_by = min(now + IDLE_S, started.gone_by - self._drain_s)
            if self._on_output is not None:
                self.tell(started.key, started.output.shown(self.block, count))
        elif count == 0:
            self.close(started)
        return bool(count)
