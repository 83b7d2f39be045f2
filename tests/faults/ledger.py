"""The ledger: what steps themselves say of their begin and end, in a file outside of the run.

Each line is one O_APPEND write, so the order of the lines is the order of what they tell: a
`begin` stands after the step began, an `end` before it ended. Knows nothing of orchestra.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import List, NamedTuple, Optional

BEGIN = "begin"
END = "end"
QUIET = "quiet"
"""Said by the test itself: no process of the run is alive now."""


class Line(NamedTuple):
    """What happened, to which attempt; `at` is seconds since boot, `status` that of an end."""

    word: str
    step: str = ""
    attempt: int = 0
    pid: int = 0
    at: float = 0.0
    status: Optional[int] = None


class Ledger:
    """The file and what stands in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> List[Line]:
        """All lines so far, in order.

        Raises:
            ValueError: there is a line that nobody wrote as a whole.
        """
        if not self.path.exists():
            return []
        return [parse(text) for text in self.path.read_text(encoding="utf-8").splitlines()]

    def mark_quiet(self) -> None:
        """Say that what has begun and not ended will not end any more."""
        with self.path.open("ab", buffering=0) as file:
            file.write(b"%s\n" % QUIET.encode())


def parse(text: str) -> Line:
    """A line from its text."""
    if text == QUIET:
        return Line(QUIET)
    word, step, attempt, pid, at, status = text.split(" ")
    if word not in (BEGIN, END) or (word == BEGIN) != (status == "-"):
        raise ValueError("no line of a ledger: %r" % text)
    return Line(
        word, step, int(attempt), int(pid), float(at), None if status == "-" else int(status)
    )


def boot_time_s() -> float:
    """Seconds since boot, the clock of the ledger."""
    return float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])


def append(path: Path, line: str) -> None:
    """Add a line as a step does, for tests of what reads it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode() + b"\n")
    finally:
        os.close(descriptor)
