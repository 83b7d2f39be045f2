"""Writes text to a descriptor from a thread of its own, so that no reader can hold up a run.

It never blocks who writes, never raises for a reader that is gone, and never holds more than its
limit. The thread does nothing but wait and write.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import threading
import time
from collections import deque
from typing import Callable, Deque, Optional

_PIPE_ROOM = 4096
"""A pipe that polls as writable takes this much without blocking (POSIX: PIPE_BUF, Linux 4096)."""

_LOOK_UP_S = 0.1
_RETRY_S = 0.03


def lost_note(count: int) -> str:
    """The line that stands where texts were left out because the reader was too slow."""
    return "... %d blocks are not shown here, the reader was too slow; the logs have them\n" % count


class ScreenWriter:
    """A `Screen` on a descriptor, which it does not close.

    Beyond `limit` characters that wait for a slow reader, texts are left out whole and counted, and
    `note` says so in their place; those written with `keep` are always taken. `fault` is the first
    error of the descriptor; after it everything is dropped in silence. `gave_up` says that `close`
    left out what a reader did not take.

    What comes within `gather_s` seconds goes out in one call, so that ten thousand quick steps cost
    thirty writes a second. It is 0 for frames: they are made for the size the terminal has now.
    """

    def __init__(
        self,
        descriptor: int,
        encoding: str = "utf-8",
        limit: int = 16 * 1024 * 1024,
        note: Callable[[int], str] = lost_note,
        gather_s: float = 0.03,
    ) -> None:
        self.fault: Optional[OSError] = None
        self.gave_up = False
        self._descriptor = descriptor
        self._encoding = encoding
        self._limit = limit
        self._note = note
        self._gather_s = gather_s
        self._lock = threading.Lock()
        self._texts: Deque[str] = deque()
        self._waiting = 0
        self._lost = 0
        self._written = 0
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._give_up = False
        self._thread: Optional[threading.Thread] = None

    def write(self, text: str, keep: bool = False) -> None:
        """Queue the text; costs no system call while others wait to be written."""
        if self.fault is not None:
            return
        with self._lock:
            if self._waiting and self._waiting + len(text) > self._limit and not keep:
                self._lost += 1
                return
            self._waiting += len(text)
            self._note_losses()
            self._texts.append(text)
        if not self._wake.is_set():
            self._wake.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._drain, name="screen", daemon=True)
            self._thread.start()

    def idle(self) -> bool:
        """Whether all that was written has been taken, or can no longer be."""
        return not self._waiting or self.fault is not None

    def close(self, patience_s: float = 5.0) -> None:
        """Wait until all is written, giving up on a reader that takes nothing for `patience_s`."""
        self._closing.set()
        self._wake.set()
        thread = self._thread
        while thread is not None and thread.is_alive():
            before = self._written
            thread.join(patience_s)
            if self._written == before:
                self.gave_up = thread.is_alive()
                break
        self._give_up = True
        if thread is not None:
            thread.join(2 * _LOOK_UP_S)

    def _note_losses(self) -> None:
        if self._lost:
            note = self._note(self._lost)
            self._lost = 0
            self._waiting += len(note)
            self._texts.append(note)

    def _drain(self) -> None:
        # a child's end that reached this thread would take it through the interpreter's lock
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while not self._give_up and self.fault is None:
            self._wake.wait()
            self._closing.wait(self._gather_s)
            self._wake.clear()
            text = self._take()
            if text:
                self._put(text)
                self._wake.set()  # more may have come meanwhile, or been left out
            elif self._closing.is_set():
                return

    def _take(self) -> str:
        with self._lock:
            if not self._texts:
                self._note_losses()
            text = "".join(self._texts)
            self._texts.clear()
        return text

    def _put(self, text: str) -> None:
        data = memoryview(text.encode(self._encoding, "backslashreplace"))
        try:
            while data and not self._give_up:
                # Not poll: on macOS it does not know terminals.
                if select.select((), (self._descriptor,), (), _LOOK_UP_S)[1]:
                    count = write_some(self._descriptor, data[:_PIPE_ROOM])
                    self._written += count
                    data = data[count:]
        except (OSError, ValueError) as fault:
            self.fault = fault if isinstance(fault, OSError) else OSError(errno.EBADF, str(fault))
        with self._lock:
            self._waiting -= len(text)


def write_some(descriptor: int, data: memoryview) -> int:
    """How many bytes the descriptor took: 0 where it has no room just now.

    Raises:
        OSError: it takes no more at all.
    """
    try:
        return os.write(descriptor, data)
    except BlockingIOError:  # somebody else who has this terminal made it non-blocking
        time.sleep(_RETRY_S)
        return 0
