"""The ends to read of the pipes that the processes of another orchestrator write to. Linux only.

Whoever has one open keeps what is in the pipe from being lost; only who has claimed it may read,
for what two read would be torn.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from typing import Optional


def open_outlet(pid: int) -> Optional[int]:
    """The end to read of the pipe that a process writes its output to, None if there is none."""
    with contextlib.suppress(OSError):
        path = "/proc/%d/fd/1" % pid
        if stat.S_ISFIFO(os.stat(path).st_mode):
            return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    return None


def claim(outlet: int) -> bool:
    """Become the one who reads, until the outlet is closed; False if another is."""
    try:
        fcntl.flock(outlet, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def take_outlet(pid: int) -> Optional[int]:
    """Open and claim it; None where that cannot be."""
    outlet = open_outlet(pid)
    if outlet is None or claim(outlet):
        return outlet
    os.close(outlet)
    return None
