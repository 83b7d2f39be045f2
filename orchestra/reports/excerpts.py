"""The ends of failed steps' logs for a report that must not grow without bounds. Pure."""

from __future__ import annotations

from typing import List, Optional

from orchestra.model.log_excerpt import LogReader, last_lines
from orchestra.model.record import Attempt
from orchestra.model.units import format_size


class Excerpts:
    """Gives the last lines of logs until `room_bytes` of them were given.

    At most `most_lines`, of at most `most_bytes`, of each; nothing where `logs` is None.
    """

    def __init__(
        self, logs: Optional[LogReader], room_bytes: int, most_bytes: int, most_lines: int
    ) -> None:
        self._logs = logs
        self._room_bytes = room_bytes
        self._most_bytes = most_bytes
        self._most_lines = most_lines

    def of(self, attempt: Attempt) -> List[str]:
        """The end of its log, lines that are safe to show; one of ours tells what is left out."""
        if self._logs is None or attempt.log is None:
            return []
        if self._room_bytes <= 0:
            return ["… left out: this report has no room for more logs"]
        excerpt = self._logs.read(attempt.log, 0, self._most_bytes)
        if excerpt.problem:
            return ["… the log cannot be read: %s" % excerpt.problem]
        lines, before = last_lines(excerpt, self._most_lines)
        self._room_bytes -= sum(map(len, lines)) + len(lines)
        if excerpt.cut_bytes:
            lines.insert(0, "… %s before this" % format_size(excerpt.cut_bytes))
        elif before:
            lines.insert(0, "… %d %s before this" % (before, "line" if before == 1 else "lines"))
        return lines

    def path(self, attempt: Attempt) -> str:
        """Where the whole log lies; empty where there is none."""
        if attempt.log is None:
            return ""
        return attempt.log if self._logs is None else self._logs.path(attempt.log)
