"""The descriptors of this process: which of them steps get, and for how many attempts they do."""

from __future__ import annotations

import contextlib
import os
import resource
from typing import List

from orchestra.errors import RunBroken
from orchestra.executors.standard_streams import open_standard_streams

LEAST = 17
"""Descriptors without which no run begins: its store, its signals, and one attempt."""

SPARE = 16
"""Descriptors left to the rest of orchestra: its store, its reports, what it imports."""

PER_ATTEMPT = 3
"""Both ends of a pipe and a log."""


def check_descriptors() -> None:
    """See that there are enough for a run, before it has opened anything.

    Raises:
        RunBroken: no step could be started; each would wait for room and then fail.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit - len(open_descriptors()) < LEAST:
        raise RunBroken("only %d files may be open at once" % limit, "allow more: ulimit -n 256")


def settle_descriptors() -> None:
    """Make 0 to 2 open and all others close-on-exec, so that steps get these three only."""
    open_standard_streams()
    for descriptor in open_descriptors():
        if descriptor > 2:
            with contextlib.suppress(OSError):  # the one that listed them has gone
                os.set_inheritable(descriptor, False)


def room_for_attempts() -> int:
    """How many attempts fit at once under the limit of open files, at least one."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = limit - len(open_descriptors()) - SPARE
    return max(1, free // PER_ATTEMPT)


def open_descriptors() -> List[int]:
    """The numbers that are open here."""
    return [int(name) for name in os.listdir("/dev/fd")]
