"""Reads a log on from where it was left. Never follows a link, never waits, never raises."""

from __future__ import annotations

import os
import stat

_BLOCK_BYTES = 1 << 18


class LogTail:
    """One attempt's log, which may not exist yet and may still grow."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._offset = 0

    def read(self) -> bytes:
        """The next bytes, a block at the most; empty where there is nothing new."""
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(self._path, flags)
        except OSError:
            return b""
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return b""
            data = os.pread(descriptor, _BLOCK_BYTES, self._offset)
        except OSError:
            return b""
        finally:
            os.close(descriptor)
        self._offset += len(data)
        return data
