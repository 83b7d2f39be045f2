"""Which process was started for which attempt, and how it ended: memory that two processes share.

The engine writes, without a system call; its keeper reads once the engine has died. By then what
the engine knew and had not recorded is nowhere else.
"""

from __future__ import annotations

import mmap
import struct
from typing import List, NamedTuple

SLOTS = 1024
"""Of so many that were started last it is known; those before are in the record by then."""

_SLOT_BYTES = 512
_HEAD = struct.Struct("<qdiHB")  # pid, when it began, attempt, length of the id, whether it ended
_START = struct.Struct("<qd")
_END = struct.Struct("<idq?")  # status, seconds of cpu, bytes at the peak, whether it was stopped
_STEP_AT = _HEAD.size + _END.size
_LONGEST = _SLOT_BYTES - _STEP_AT
_NOTHING = (0, 0.0, 0, 0, 0)

SERVERS = 64
"""Of so many fork servers it is known at once."""

_SERVER = struct.Struct("<q")

NO_SLOT = -1
"""Where a process is that has no place on the board."""

NOT_YET = -1
"""The number of a process that was about to be started, or had just been: it was not told yet."""


class Posted(NamedTuple):
    """A process that was started; the rest is as in `RecordedEnd`, and of use once it `ended`.

    `pid` may be `NOT_YET`, then `began_s` is the moment before it was started.
    """

    pid: int
    began_s: float
    step: str
    number: int
    ended: bool
    status: int
    cpu_s: float
    max_rss_bytes: int
    stopped: bool


class Board:
    """Made before the fork; each of the two processes has it then."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, SLOTS * _SLOT_BYTES + SERVERS * _SERVER.size)
        self._next = 0

    def launching(self, step: str, number: int, at_s: float) -> int:
        """A process is about to be started for an attempt; where that stands."""
        id = step.encode("utf-8", "surrogateescape")
        if len(id) > _LONGEST:
            return NO_SLOT
        place = self._next % SLOTS * _SLOT_BYTES
        self._next += 1
        memory = self._memory
        _HEAD.pack_into(memory, place, *_NOTHING)  # half of a slot must not be read as a whole one
        memory[place + _STEP_AT : place + _STEP_AT + len(id)] = id
        _HEAD.pack_into(memory, place, NOT_YET, at_s, number, len(id), 0)
        return place

    def launched(self, place: int, pid: int, began_s: float) -> None:
        """The process was started that stands there."""
        if place != NO_SLOT:
            _START.pack_into(self._memory, place, pid, began_s)

    def not_launched(self, place: int) -> None:
        """None was started."""
        self.launched(place, 0, 0.0)

    def ended(
        self, place: int, status: int, cpu_s: float, max_rss_bytes: int, stopped: bool
    ) -> None:
        """The process that stands there has ended, and nobody else can take its end any more."""
        if place == NO_SLOT:
            return
        memory = self._memory
        _END.pack_into(memory, place + _HEAD.size, status, cpu_s, max_rss_bytes, stopped)
        memory[place + _HEAD.size - 1] = 1

    def hired(self, pid: int) -> None:
        """A fork server was started; it is no step."""
        self._change_server(0, pid)

    def dismissed(self, pid: int) -> None:
        """It has ended, and its number may be another's."""
        self._change_server(pid, 0)

    def servers(self) -> List[int]:
        """The fork servers that there are."""
        return [pid for pid in self._server_pids() if pid]

    def _change_server(self, old: int, new: int) -> None:
        for number, pid in enumerate(self._server_pids()):
            if pid == old:
                at = SLOTS * _SLOT_BYTES + number * _SERVER.size
                _SERVER.pack_into(self._memory, at, new)
                return

    def _server_pids(self) -> List[int]:
        return [pid for (pid,) in _SERVER.iter_unpack(self._memory[SLOTS * _SLOT_BYTES :])]

    def read(self) -> List[Posted]:
        """All that is known."""
        found = []
        for place in range(0, SLOTS * _SLOT_BYTES, _SLOT_BYTES):
            pid, began_s, number, length, ended = _HEAD.unpack_from(self._memory, place)
            if pid:
                end = _END.unpack_from(self._memory, place + _HEAD.size)
                at = place + _STEP_AT
                id = self._memory[at : at + length].decode("utf-8", "surrogateescape")
                found.append(Posted(pid, began_s, id, number, bool(ended), *end))
        return found
