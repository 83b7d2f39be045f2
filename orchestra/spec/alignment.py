"""Which character of a file a character of a scalar's value came from. Pure.

Folding, indentation and line breaks only ever change white space, so the n-th character that is
none is the same on both sides; escapes in quotes are taken apart first.
"""

from __future__ import annotations

import re
from typing import Iterator, NamedTuple

_WHITE = " \t\r\n\x85\u2028\u2029"
_PROPERTIES = re.compile(r"(?:[&!][^\s]*\s+)*")
_HEADER = re.compile(r"[|>][^\n\r]*(?:\r\n|\n|\r)?")
_ESCAPE = re.compile(r"\\(?:x..|u....|U........|\r\n|.)", re.DOTALL)
_WHITE_ESCAPES = frozenset(["\\n", "\\t", "\\ ", "\\r", "\\N", "\\L", "\\P", "\\\t"])


class _Mark(NamedTuple):
    position: int
    is_white: bool


def source_index(source: str, style: str, value: str, offset: int) -> int:
    """The index in `source`, a scalar as it stands in the file, of `value[offset]`.

    Exact for every character that is no white space; white space is found by its neighbour.
    """
    before = value[:offset]
    solid = sum(1 for character in before if character not in _WHITE)
    is_white = value[offset : offset + 1] in _WHITE
    behind = len(before) - len(before.rstrip(_WHITE)) if is_white else 0
    position = _body_start(source, style)
    count = 0
    for mark in _marks(source, style):
        if mark.is_white:
            continue
        if count == solid and not is_white:
            return mark.position
        count += 1
        position = mark.position + 1
        if count == solid and is_white:
            break
    return min(position + behind, max(len(source) - 1, 0))


def _body_start(source: str, style: str) -> int:
    match = _PROPERTIES.match(source)
    start = match.end() if match else 0
    if style in ("|", ">"):
        header = _HEADER.match(source, start)
        return header.end() if header else start
    return start + len(style)


def _marks(source: str, style: str) -> Iterator[_Mark]:
    """The characters of the value, in order, with where each stands."""
    position = _body_start(source, style)
    end = len(source) - len(style) if style in ("'", '"') else len(source)
    while position < end:
        if style == '"' and source[position] == "\\":
            match = _ESCAPE.match(source, position)
            text = match.group() if match else "\\"
            if text[1:2] not in ("\n", "\r"):
                yield _Mark(position, text in _WHITE_ESCAPES)
            position += len(text)
        else:
            yield _Mark(position, source[position] in _WHITE)
            position += 2 if style == "'" and source[position] == "'" else 1
