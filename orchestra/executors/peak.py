"""The largest size that this process has had, which the kernel counts for its children too."""

from __future__ import annotations

import contextlib
import sys

NOISE_KIB = 4096
"""How far apart the kernel's counts of the same memory may be: it adds them up now and then."""


class OwnPeak:
    """Tells which peaks of children are their own.

    Linux counts the memory from which a process was started as its own: a step of 2 MB started by
    an engine of 40 MB reads as 40 MB. Only what is above tells something.
    Source: exec_mmap() in fs/exec.c, which calls setmax_mm_hiwater_rss().
    """

    def __init__(self, status: str = "/proc/self/status") -> None:
        self._status = status
        self._kib = 0

    def hides(self, child_kib: int) -> bool:
        """Whether the peak of a child may be ours; our own is read only where that matters."""
        if sys.platform != "linux":
            return False
        if child_kib > self._kib + NOISE_KIB:
            self._kib = self._read()
        return child_kib <= self._kib + NOISE_KIB

    def _read(self) -> int:
        """Our own peak; where the kernel does not tell it, so much that it hides everything."""
        text = b""
        with contextlib.suppress(OSError), open(self._status, "rb") as file:
            text = file.read()
        words = text.partition(b"VmHWM:")[2].split()
        return int(words[0]) if words else sys.maxsize
