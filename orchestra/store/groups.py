"""Concurrency groups: the runs of each stand in a line, in the order they came. Starts nothing.

A run's place is a file in `groups/` whose kernel lock the run holds: it is free again when its
holder is gone, however that ended, and the file that is left means nothing and is swept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal as signals
import socket
from typing import List, NamedTuple, Optional, Tuple

from orchestra.errors import StoreError
from orchestra.store import faults, locks
from orchestra.store.directory import StateDirectory

_GATE_PATIENCE_S = 30.0
_LARGEST_NOTE = 4096
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
            note = _read_note(member.path)
            if not locks.is_held(member.path):
                return ""
            if note is None:
                return "it does not say which process it is"
            if note.host != socket.gethostname():
                return "it runs on %s" % note.host
            if is_stopping or note.is_asked:
                return ""
            if not _send_term(note):
                return "its process %d cannot be told from others" % note.pid
            _mark(member.path)
            return ""
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
        lock = locks.acquire(path)
        if lock is None:
            raise StoreError(path, "another program keeps it locked")
        note = {"host": socket.gethostname(), "pid": os.getpid(), "start": _start_of(os.getpid())}
        with open(path, "r+b") as file:
            file.write(json.dumps(note).encode() + b"\n")
        return Place(self, number, path, lock)

    def _sweep(self) -> None:
        for name in os.listdir(self._state.groups):
            path = "%s/%s" % (self._state.groups, name)
            if not locks.is_held(path):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)


class _Note(NamedTuple):
    """Who holds a place; `start` is when the process began, in ticks of the kernel, 0 unknown."""

    host: str
    pid: int
    start: int
    is_asked: bool


def _read_note(path: str) -> Optional[_Note]:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with open(os.open(path, flags), "rb") as file:
            text = file.read(_LARGEST_NOTE)
        data = json.loads(text.partition(b"\n")[0])
        return _Note(data["host"], int(data["pid"]), int(data["start"]), _ASKED in text)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _mark(path: str) -> None:
    flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.suppress(FileNotFoundError), open(os.open(path, flags), "ab") as file:
        file.write(_ASKED)


def _send_term(note: _Note) -> bool:
    """Whether the process that the note names is that one; if so it has the signal."""
    if not hasattr(os, "pidfd_open") or not hasattr(signals, "pidfd_send_signal"):
        if _start_of(note.pid) != note.start:
            return False
        os.kill(note.pid, signals.SIGTERM)
        return True
    try:
        held = os.pidfd_open(note.pid)  # from here on the number is no other's
    except OSError:
        return False
    try:
        if _start_of(note.pid) != note.start:
            return False
        signals.pidfd_send_signal(held, signals.SIGTERM)
        return True
    except ProcessLookupError:
        return True  # it has just ended, as it should
    finally:
        os.close(held)


def _start_of(pid: int) -> int:
    """When a process began, in clock ticks since the machine did; 0 where that is not told.

    Source: proc(5), field 22 of /proc/PID/stat.
    """
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0
