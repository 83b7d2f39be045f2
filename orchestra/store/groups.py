"""Concurrency groups: the runs of each stand in a line, in the order they came. Starts nothing.

A run's place is a file in `groups/` whose kernel lock the run holds: it is free again when its
holder is gone, however that ended, and the file that is left means nothing and is swept.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import List, NamedTuple, Optional, Tuple

from orchestra.errors import StoreError
from orchestra.store import faults, holders, locks
from orchestra.store.directory import StateDirectory

_GATE_PATIENCE_S = 30.0
_ASKED = b"asked to stop\n"


class Member(NamedTuple):
    """A run in a line: it runs, or waits for its turn. `path` is the file of its place."""

    run_id: str
    path: str


class Place:
    """A run's place in the line of its group, until `leave` or the end of this process."""

    def __init__(self, line: Line, number: int, path: str, lock: locks.Lock) -> None:
        self._line = line
        self._number = number
        self._path = path
        self._lock = lock

    def ahead(self) -> List[Member]:
        """The living runs that came before, oldest first."""
        return [member for number, member in self._line.living() if number < self._number]

    def leave(self) -> None:
        """Give the place up. Safe to call twice."""
        with contextlib.suppress(OSError):  # what is left is swept by the next who comes
            os.unlink(self._path)
        self._lock.release()


class Line:
    """The line of one group. `group` is any text; runs of one state directory share it."""

    def __init__(self, state: StateDirectory, group: str) -> None:
        self._state = state
        digest = hashlib.blake2b(group.encode("utf-8", "surrogatepass"), digest_size=12)
        self._prefix = digest.hexdigest() + "-"

    def enter(self, run_id: str, room: Optional[int]) -> Tuple[Optional[Place], List[Member]]:
        """A place at the end of the line, and who is ahead.

        With `room`, no place is given where so many runs are in the line already.

        Raises:
            StoreError: the line cannot be kept.
        """
        try:
            gate = self._gate()
            try:
                self._sweep()
                there = self.living()
                ahead = [member for _, member in there]
                if room is not None and len(there) >= room:
                    return None, ahead
                number = there[-1][0] + 1 if there else 1
                return self._take(number, run_id), ahead
            finally:
                gate.release()
        except OSError as fault:
            raise faults.from_os(fault, self._state.groups) from fault

    def living(self) -> List[Tuple[int, Member]]:
        """The runs in the line by their numbers."""
        found = []
        for name in os.listdir(self._state.groups):
            if name.startswith(self._prefix):
                number, _, run_id = name[len(self._prefix) :].partition("-")
                path = "%s/%s" % (self._state.groups, name)
                if number.isdigit() and locks.is_held(path):
                    found.append((int(number), Member(run_id, path)))
        return sorted(found)

    def ask_to_stop(self, member: Member, is_stopping: bool) -> str:
        """Send SIGTERM, once, to the orchestrator that holds the place; why not, where it was not.

        The signal goes to the process that took the place, and only while its lock is held and the
        process of that number began when the holder did. `is_stopping` says that the run is being
        stopped already: a second signal would leave it no time.
        """
        gate = self._gate()
        try:
            holder = holders.read(member.path)
            if not locks.is_held(member.path):
                return ""
            if holder is None:
                return holders.NAMELESS
            if holder.is_here and (is_stopping or _ASKED in holder.rest):
                return ""
            why_not = holders.terminate(member.path, holder)
            if not why_not:
                _mark(member.path)
            return why_not
        except OSError as fault:
            raise faults.from_os(fault, self._state.groups) from fault
        finally:
            gate.release()

    def _gate(self) -> locks.Lock:
        """Held for the moments in which the line changes."""
        self._state.create_groups()
        gate = locks.acquire(self._state.groups_lock, _GATE_PATIENCE_S)
        if gate is None:
            raise StoreError(self._state.groups_lock, "another program keeps it locked")
        return gate

    def _take(self, number: int, run_id: str) -> Place:
        path = "%s/%s%d-%s" % (self._state.groups, self._prefix, number, run_id)
        lock = holders.hold(path)
        if lock is None:
            raise StoreError(path, "another program keeps it locked")
        return Place(self, number, path, lock)

    def _sweep(self) -> None:
        for name in os.listdir(self._state.groups):
            path = "%s/%s" % (self._state.groups, name)
            if not locks.is_held(path):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)


def _mark(path: str) -> None:
    flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.suppress(FileNotFoundError), open(os.open(path, flags), "ab") as file:
        file.write(_ASKED)
