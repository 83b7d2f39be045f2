from __future__ import annotations

import time
from typing import Callable, TypeVar

_LIMIT_S = 200.0  # Slurm tries again after 2 minutes to start what it could not
_T = TypeVar("_T")


def until(look: Callable[[], _T]) -> _T:
    """What `look` gives as soon as it gives anything; a hang is a failure that says so."""
    limit = time.monotonic() + _LIMIT_S
    while time.monotonic() < limit:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("waited for %d s for %r" % (_LIMIT_S, look))
