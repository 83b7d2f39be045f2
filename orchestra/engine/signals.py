"""The signals that ask a run to end, put into one order with everything else."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from types import FrameType, TracebackType
from typing import Dict, List, Optional, Type, Union

from orchestra.engine.stimuli import StopAsked

_STOPPING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)

ONE_S = 0.05
"""How soon a signal comes again that was sent once: to a process, and to its group with it.

More than a busy machine takes from one to the other; less than a person does.
"""

_Handler = Union[signal.Handlers, int, None, object]


class Echoes:
    """Tells the second copy of a signal from a second signal: timeout(1) sends each one twice."""

    def __init__(self) -> None:
        self._last: Dict[int, float] = {}

    def is_echo(self, number: int) -> bool:
        """Whether a signal that came now is but a copy of the one before."""
        now = time.monotonic()
        if now - self._last.get(number, -ONE_S) < ONE_S:
            return True
        self._last[number] = now
        return False


class SignalInbox:
    """Catches HUP, INT and TERM while it is entered; main thread only.

    HUP and INT that were ignored when it was entered stay ignored, as `nohup` and a shell's
    background jobs expect.
    """

    def __init__(self) -> None:
        self._seen: List[int] = []
        self._echoes = Echoes()
        self._previous: Dict[int, _Handler] = {}
        self._read, self._write = -1, -1

    def __enter__(self) -> SignalInbox:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        for number in _STOPPING:
            ignored = signal.getsignal(number) is signal.SIG_IGN
            if number is signal.SIGTERM or not ignored:
                self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal itself gave
        os.close(self._read)
        os.close(self._write)

    def settle(self) -> None:
        """Let nothing that arrives from now on, also after this inbox, change the exit code."""
        for number in self._previous:
            self._previous[number] = signal.SIG_IGN
            signal.signal(number, signal.SIG_IGN)

    def fileno(self) -> int:
        """A descriptor that is readable when `drain` has something."""
        return self._read

    def drain(self) -> List[StopAsked]:
        """The requests since the last call, in order; a run ends with 128 and the number."""
        if not self._seen:
            return []
        with contextlib.suppress(BlockingIOError):
            os.read(self._read, 4096)
        seen, self._seen = self._seen, []
        return [StopAsked(signal.Signals(number).name, 128 + number) for number in seen]

    def _note(self, number: int, frame: Optional[FrameType]) -> None:
        if self._echoes.is_echo(number):
            return
        self._seen.append(number)
        with contextlib.suppress(BlockingIOError):  # the pipe is full of earlier wake-ups
            os.write(self._write, b"\0")
