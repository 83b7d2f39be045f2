"""How steps ended whose orchestrator had died: a file in the run's folder, a line for each.

Whoever takes an end writes it; the orchestrator that goes on with the run reads it.
"""

from __future__ import annotations

import json
import math
import os
import sys
from typing import List, NamedTuple, Optional

from orchestra.executors.notes import open_note
from orchestra.model.run import AttemptKey

ENDS = "ends.jsonl"
"""The name of the file."""

_LARGEST = 64 * 2**20
_LARGEST_STATUS = 0xFFFF
_SAME_S = 1.0


class RecordedEnd(NamedTuple):
    """One end; `status` is as wait(2) gives it, `began_s` counts since the machine was started.

    `cpu_s` and `max_rss_bytes` are None where only who waits for a process is told, and this was
    another; `ended_at` is UTC seconds.

    `step` and `number` name the attempt where that could be told; `stopped` says that whoever wrote
    this had asked the process to end.
    """

    pid: int
    began_s: float
    status: int
    cpu_s: Optional[float]
    max_rss_bytes: Optional[int]
    ended_at: float
    step: str = ""
    number: int = 0
    stopped: bool = False

    def is_of(self, key: AttemptKey, pid: Optional[int], began_s: float) -> bool:
        """Whether it is that of an attempt, of which no more than this is known."""
        if self.step:
            return (self.step, self.number) == key and pid in (None, self.pid)
        return self.pid == pid and abs(self.began_s - began_s) <= _SAME_S


def add_end(folder: str, end: RecordedEnd) -> None:
    """Write one down.

    Raises:
        OSError: it cannot be written.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    descriptor = open_note("%s/%s" % (folder, ENDS), flags)
    try:
        os.write(descriptor, json.dumps(end).encode() + b"\n")
    finally:
        os.close(descriptor)


def read_ends(folder: str) -> List[RecordedEnd]:
    """All that are written down, oldest first; what is no whole line is passed over."""
    try:
        with open(open_note("%s/%s" % (folder, ENDS), os.O_RDONLY), "rb") as file:
            lines = file.read(_LARGEST).split(b"\n")[:-1]
    except OSError:
        return []
    return [end for end in map(_read, lines) if end is not None]


def _read(line: bytes) -> Optional[RecordedEnd]:
    """What a line says, None where no process can have ended so."""
    try:
        pid, began_s, status, cpu_s, max_rss_bytes, at, step, number, stopped = json.loads(line)
        end = RecordedEnd(
            int(pid),
            float(began_s),
            int(status),
            None if cpu_s is None else float(cpu_s),
            None if max_rss_bytes is None else int(max_rss_bytes),
            float(at),
            str(step),
            int(number),
            bool(stopped),
        )
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
    is_status = 0 <= end.status <= _LARGEST_STATUS and (
        os.WIFEXITED(end.status) or os.WIFSIGNALED(end.status)
    )
    is_use = 0 <= (end.cpu_s or 0) < math.inf and 0 <= (end.max_rss_bytes or 0) <= sys.maxsize
    is_time = math.isfinite(end.ended_at)
    return end if is_status and is_use and is_time and 0 <= end.pid <= sys.maxsize else None
