"""The lock by which it is known that the steps of a dead orchestrator still have a keeper."""

from __future__ import annotations

import fcntl
import os
from typing import Optional

_KEEPER = "keeper"
_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def stand_guard(folder: str) -> Optional[int]:
    """Say that this process is the keeper of a run; what to close when it is no more.

    It is none where another one is, or the folder has gone.
    """
    try:
        descriptor = os.open("%s/%s" % (folder, _KEEPER), os.O_RDWR | os.O_CREAT | _FLAGS, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def has_keeper(folder: str) -> bool:
    """Whether a living process sees to the steps of a run whose orchestrator died."""
    try:
        descriptor = os.open("%s/%s" % (folder, _KEEPER), os.O_RDONLY | _FLAGS)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
