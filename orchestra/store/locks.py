"""A kernel lock on a file: it dies with the process that holds it, so none is ever stale."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from typing import Optional

_PAUSE_S = 0.005
_LONGEST_QUESTION_S = 10.0


class Lock:
    """Holds a locked file until `release`, or until this process is gone.

    The descriptor is close-on-exec: no step inherits the lock.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: bytes) -> None:
        """Let the locked file hold `data` and nothing else.

        Raises:
            OSError: it cannot be written.
        """
        # cut off behind it, not emptied before: who reads meanwhile finds the new first line
        os.pwrite(self._descriptor, data, 0)
        os.ftruncate(self._descriptor, len(data))

    def release(self) -> None:
        """Give the lock back. Safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def acquire(path: str, patience_s: float = 0.1) -> Optional[Lock]:
    """The lock on `path`, a file that is made where there is none; None where another holds it.

    Who only asks (`is_held`) has the lock for microseconds, or for as long as it is held up itself,
    so a refusal is believed after `patience_s` and not at once, and not for those who ask. A file
    that its holder has removed is none to hold: the lock is that on the file which is at `path`
    now.

    Raises:
        OSError: the file cannot be made, its file system has no locks, or what stands there is no
            plain file of its own: a link, a FIFO, a folder.
    """
    deadline = time.monotonic() + patience_s
    last = deadline + _LONGEST_QUESTION_S
    while True:
        descriptor = _open(path, os.O_RDWR | os.O_CREAT)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
                # who writes into one with another name changes a file that is not ours
                raise OSError(errno.ENXIO, os.strerror(errno.ENXIO), path)
            while not _try(descriptor, fcntl.LOCK_EX):
                now = time.monotonic()
                if now >= last or (now >= deadline and not _is_only_asked_for(descriptor)):
                    os.close(descriptor)
                    return None
                time.sleep(_PAUSE_S)
            if _is_at(descriptor, path):
                return Lock(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)


def is_held(path: str) -> bool:
    """Whether a living process holds the lock on `path`; False where there is no such file."""
    try:
        descriptor = _open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _try(descriptor, fcntl.LOCK_SH)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _open(path: str, flags: int) -> int:
    # O_NONBLOCK: a FIFO planted under the name must not hang whoever opens it
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)


def _is_at(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def _is_only_asked_for(descriptor: int) -> bool:
    """Whether nobody holds a lock but those who ask whether it is held, or nobody any more."""
    if not _try(descriptor, fcntl.LOCK_SH):
        return False
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
