"""The living descendants of a step that are in none of its process groups. Never waits for them.

A shell with job control, `timeout`, `setsid` put their children into groups of their own, which a
signal to the step's group does not reach. Such a process is not ours to wait for, so its number may
become another's at any moment: it is held by a descriptor, and signalled through that only once it
is known to be the child of one that is held as well.
"""

from __future__ import annotations

import contextlib
import os
from typing import Collection, Iterator, Optional, Sequence

from orchestra.executors.pidfd import Held, hold
from orchestra.executors.proc import Proc

DEEPEST = 64
"""How many generations are followed; each holds a descriptor while its children are looked at."""


class Strays:
    """Finds and signals them; where the kernel cannot hold a process it reaches nobody."""

    def __init__(self, proc: Proc) -> None:
        self._proc = proc

    def signal(self, root: int, numbers: Sequence[int], groups: Collection[int]) -> None:
        """Send the signals to all below `root`, a child that is not reaped, but in no group.

        The lowest come first: one whose parent has died is not found below it any more. For the
        same reason this comes before the signal to the groups.
        """
        self._signal_below(root, None, numbers, groups, DEEPEST)

    def _signal_below(
        self,
        parent: int,
        parent_held: Optional[Held],
        numbers: Sequence[int],
        groups: Collection[int],
        depth: int,
    ) -> None:
        for pid in self._proc.children(parent) if depth else ():
            with _held(pid) as held:
                if held is None or self._proc.parent(pid) != parent:
                    continue
                if parent_held is not None and not parent_held.send(0):
                    return
                self._signal_below(pid, held, numbers, groups, depth - 1)
                if not _is_in(pid, groups):
                    for number in numbers:
                        held.send(number)


@contextlib.contextmanager
def _held(pid: int) -> Iterator[Optional[Held]]:
    """A process that cannot become another; None if it has gone, or cannot be held."""
    held = hold(pid)
    try:
        yield held
    finally:
        if held is not None:
            held.close()


def _is_in(pid: int, groups: Collection[int]) -> bool:
    """Whether the process has had the signal with a group; one that has gone needs none."""
    try:
        return os.getpgid(pid) in groups
    except ProcessLookupError:
        return True
