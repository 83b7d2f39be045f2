"""The descriptor that is readable once a child has ended. Decides nothing about signals."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Optional

OWN_BYTES = bytes((0, signal.SIGCHLD))


def _noted(_number: int, _frame: Optional[FrameType]) -> None:
    """Nothing: the interpreter's C handler has already written the signal's number."""


class Wakeup:
    """A pipe that gets a byte per signal, written by the interpreter's C handler.

    A handler in Python that wrote the byte would not do: a signal that arrives between the last
    bytecode and the wait runs its Python handler only after the wait has ended. So every signal
    with a Python handler wakes whoever waits on this descriptor. A process has one such pipe: who
    had set one before gets the numbers of all other signals handed on. Main thread only.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._old_handler = signal.signal(signal.SIGCHLD, _noted)
        signal.siginterrupt(signal.SIGCHLD, False)
        self._old_mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        self._old_fd = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)

    def fileno(self) -> int:
        """The descriptor that is readable."""
        return self._reader

    def poke(self) -> None:
        """Make it readable; what fails when the pipe is full has then been done before."""
        try:
            os.write(self._writer, b"\0")
        except BlockingIOError:
            return

    def drain(self) -> None:
        """Make it unreadable again; hands on what belongs to others."""
        try:
            numbers = os.read(self._reader, 4096).translate(None, OWN_BYTES)
            if numbers and self._old_fd >= 0:
                os.write(self._old_fd, numbers)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Put everything back as it was."""
        signal.set_wakeup_fd(self._old_fd)
        # None stands for a handler that was not set from Python and cannot be put back.
        signal.signal(signal.SIGCHLD, self._old_handler or signal.SIG_DFL)
        if signal.SIGCHLD in self._old_mask:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        os.close(self._reader)
        os.close(self._writer)
