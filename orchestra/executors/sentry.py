"""The lock by which it is known who keeps the steps of an orchestrator that died."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import FrozenSet, Optional

from orchestra.executors.notes import open_note

_KEEPER = "keeper"
_LARGEST = 4096


def stand_guard(folder: str) -> Optional[int]:
    """Say that this process is a keeper of a run; what to close when it is no more.

    None where that cannot be said. There may be several, one for each time that the run went on.
    """
    try:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        descriptor = open_note("%s/%s" % (folder, _KEEPER), flags)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        os.write(descriptor, b"%d\n" % os.getpid())
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def keepers(folder: str) -> FrozenSet[int]:
    """The processes that see to steps of a run whose orchestrator died, as far as they live.

    The file names those of all times: who does not have it open is none, whatever number he has.
    """
    try:
        descriptor = open_note("%s/%s" % (folder, _KEEPER), os.O_RDONLY)
    except OSError:
        return frozenset()
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        pids = os.read(descriptor, _LARGEST).split(b"\n")
        named = (int(pid) for pid in pids if pid.isdigit())
        return frozenset(pid for pid in named if _has_open(pid, os.fstat(descriptor)))
    finally:
        os.close(descriptor)
    return frozenset()


def _has_open(pid: int, file: os.stat_result) -> bool:
    """Whether a process has that file open."""
    fds = "/proc/%d/fd" % pid
    with contextlib.suppress(OSError):
        for name in os.listdir(fds):
            with contextlib.suppress(OSError):
                if os.path.samestat(os.stat("%s/%s" % (fds, name)), file):
                    return True
    return False
