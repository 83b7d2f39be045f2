"""A part of what a step wrote, safe to show, and how to ask for one. Pure."""

from __future__ import annotations

from typing import List, NamedTuple, Protocol, Tuple

from orchestra.model.screen_text import output_lines


class LogExcerpt(NamedTuple):
    """The first and the last lines of a log.

    `cut_bytes` lie between them; where it is 0 all lines are in `head` or in `tail`. `path` is
    absolute; `problem` says why the log cannot be read, else it is empty.
    """

    path: str
    head: Tuple[str, ...] = ()
    cut_bytes: int = 0
    tail: Tuple[str, ...] = ()
    problem: str = ""


class LogReader(Protocol):
    """Reads the logs of one run; never raises for a log that is gone."""

    def path(self, log: str) -> str:
        """Where the log lies, absolute; `log` is relative to the run's folder."""

    def read(self, log: str, head_bytes: int, tail_bytes: int) -> LogExcerpt:
        """At most so many bytes from either end, cut where a line ends."""


def cut_excerpt(path: str, head: bytes, cut_bytes: int, tail: bytes) -> LogExcerpt:
    """The excerpt of a log of which `cut_bytes` were not read between `head` and `tail`.

    Half lines at the cut count as cut too, so that no character and no word is torn.
    """
    if not cut_bytes:
        return LogExcerpt(path, tuple(output_lines(head + tail)))
    kept = head[: head.rfind(b"\n") + 1] or head
    begin = tail.find(b"\n") + 1
    rest = tail[begin:] if 0 < begin < len(tail) else tail
    cut_bytes += len(head) - len(kept) + len(tail) - len(rest)
    return LogExcerpt(path, tuple(output_lines(kept)), cut_bytes, tuple(output_lines(rest)))


def last_lines(excerpt: LogExcerpt, count: int) -> Tuple[List[str], int]:
    """At most `count` lines from the end, and how many of the excerpt's lines stand before them."""
    lines = list(excerpt.tail if excerpt.cut_bytes else excerpt.head + excerpt.tail)
    before = max(0, len(lines) - count)
    return lines[before:], before
