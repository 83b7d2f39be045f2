"""Turns frames into terminal text: goes back to the last frame's top and writes what is new.

The only place that makes cursor movements. Pure: it remembers the last frame and returns text.
"""

from __future__ import annotations

from typing import List, NamedTuple, Tuple

_HIDE_CURSOR = "\x1b[?25l"
_SHOW_CURSOR = "\x1b[?25h"
_CLEAR_LINE_END = "\x1b[K"
_CLEAR_BELOW = "\x1b[J"


class Line(NamedTuple):
    """One line of a frame: its text with colours, and the cells it takes."""

    text: str
    cells: int


class Painter:
    """Keeps one frame at the foot of the terminal; the cursor rests where its last line ends."""

    def __init__(self) -> None:
        self._lines: Tuple[Line, ...] = ()
        self._columns = 0
        self._hidden = False

    def paint(self, lines: Tuple[Line, ...], columns: int, above: str = "") -> str:
        """The text that puts `lines` in the place of the last frame, with `above` before them.

        `above` is whole lines that stay; `columns` is the terminal's width now. Lines that have not
        changed are not written again, except the last one, at whose end the cursor must rest: a
        terminal that reflows keeps it there. An empty text means that nothing has changed.
        """
        anew = bool(above) or columns != self._columns
        if not anew and lines == self._lines:
            return ""
        parts: List[str] = []
        if not self._hidden:
            self._hidden = True
            parts.append(_HIDE_CURSOR)
        parts.append(self._to_top(columns))
        if anew and self._lines:
            parts.append(_CLEAR_BELOW)
        parts.append(above)
        old = () if anew else self._lines
        for place, line in enumerate(lines):
            if place:
                parts.append("\r\n")
            if place >= len(old):
                parts.append(line.text)
            elif place == len(lines) - 1:
                parts += (line.text, _CLEAR_BELOW)
            elif line != old[place]:
                parts += (line.text, _CLEAR_LINE_END)
        self._lines, self._columns = lines, columns
        return "".join(parts)

    def clear(self, columns: int) -> str:
        """The text that takes the last frame away and gives the cursor back."""
        text = self._to_top(columns) + _CLEAR_BELOW if self._lines else ""
        if self._hidden:
            text += _SHOW_CURSOR
        self._lines, self._hidden = (), False
        return text

    def _to_top(self, columns: int) -> str:
        if not self._lines:
            return ""
        rows = len(self._lines)
        if columns < self._columns:
            # Terminals that reflow have broken each line that no longer fits into several rows.
            width = max(columns, 1)
            rows = sum(max(1, -(-line.cells // width)) for line in self._lines)
        return "\r\x1b[%dA" % (rows - 1) if rows > 1 else "\r"
