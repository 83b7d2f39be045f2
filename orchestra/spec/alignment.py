"""Which character of a file a character of a scalar's value came from. Pure.

Folding, indentation and line breaks only ever change white space, so the n-th character that is
none is the same on both sides; escapes in quotes are taken apart first.
"""

from __future__ import annotations

import re
from typing import Dict, Iterable, Iterator, Tuple

_WHITE = " \t\r\n\x85\u2028\u2029"
_SOLID = re.compile("[^%s]" % _WHITE)
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")
_HEADER = re.compile(r"[|>][^\n\r]*(?:\r\n|\n|\r)?")
_ESCAPE = re.compile(r"\\(?:x..|u....|U........|\r\n|.)", re.DOTALL)
_NOT_SOLID = frozenset(["\\n", "\\t", "\\ ", "\\r", "\\N", "\\L", "\\P", "\\\t", "\\\n", "\\\r"])


def source_indexes(source: str, style: str, value: str, offsets: Iterable[int]) -> Dict[int, int]:
    """For each offset into `value`: the index in `source`, the scalar as it stands in the file.

    Exact for every character that is no white space; white space is found by its neighbour.
    """
    start = _body_start(source, style)
    marks = _solid_marks(source, style, start)
    found: Dict[int, int] = {}
    passed = after = 0
    behind = start
    pending = next(marks, None)
    for offset in sorted(set(offsets)):
        solid = passed + sum(1 for _ in _SOLID.finditer(value, after, offset))
        while passed < solid and pending is not None:
            passed, behind = passed + 1, pending[1]
            pending = next(marks, None)
        after = max(after, min(offset, len(value)))
        if pending is not None and _SOLID.match(value, offset):
            found[offset] = pending[0]
        else:
            blanks = offset - len(value[:offset].rstrip(_WHITE))
            found[offset] = min(behind + blanks, max(len(source) - 1, 0))
    return found


def _body_start(source: str, style: str) -> int:
    match = _PROPERTIES.match(source)
    start = match.end() if match else 0
    if style in ("|", ">"):
        header = _HEADER.match(source, start)
        return header.end() if header else start
    return start + len(style)


def _solid_marks(source: str, style: str, start: int) -> Iterator[Tuple[int, int]]:
    """Begin and end, in the source, of each character of the value that is no white space."""
    end = len(source) - len(style) if style in ("'", '"') else len(source)
    position = start
    while True:
        match = _SOLID.search(source, position, end)
        if match is None:
            return
        position = match.end()
        if style == "'" and match.group() == "'":
            position += 1
        elif style == '"' and match.group() == "\\":
            escape = _ESCAPE.match(source, match.start())
            position = escape.end() if escape else position
            if escape and escape.group() in _NOT_SOLID:
                continue
        yield match.start(), position
