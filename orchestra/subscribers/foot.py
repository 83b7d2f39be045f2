"""The frame at the foot of a terminal, drawn by rich: what to write so that it is seen there.

The only place that moves a cursor. It writes nowhere itself: the text is given back.
"""

from __future__ import annotations

from io import StringIO
from typing import Tuple

from rich.console import Console
from rich.control import Control
from rich.live import Live
from rich.segment import ControlCode, ControlType, Segment, Segments

from orchestra.model.look import Look

Line = Tuple[Segment, ...]

_BLANK: Tuple[Line, ...] = ((Segment(""),),)

# Terminals and rich do not agree on the cells of every sign; a line that were broken in two
# for that would leave a row behind at each frame. rich knows no control for it.
_CUT_LONG_LINES = "\x1b[?7l"
_BREAK_LONG_LINES = "\x1b[?7h"


class Foot:
    """One frame below all that stays; its cursor is hidden from the first frame to `clear`."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._written = StringIO()
        self._begin()

    def _begin(self) -> None:
        """Have no frame yet."""
        self._console = Console(
            file=self._written,
            force_terminal=True,
            force_interactive=True,
            force_jupyter=False,
            legacy_windows=False,
            color_system="standard" if self._look.color else None,
            width=80,
            height=24,
            _environ={},  # who made the look has read it
        )
        self._segments = Segments(())
        self._live = Live(
            self._segments,
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._lines: Tuple[Line, ...] = ()
        self._size = (0, 0)

    def paint(self, lines: Tuple[Line, ...], size: Tuple[int, int], above: str = "") -> str:
        """The text that puts `lines` in the place of the last frame, with `above` before them.

        `above` is whole lines that stay; `size` is columns and lines of the terminal now, which the
        frame must fit. An empty text means that nothing has changed.
        """
        if lines == self._lines and size == self._size and not above:
            return ""
        self._resize(size)
        if above:
            self._set(_BLANK)
            self._live.start()
            self._console.print(Segments([Segment(above)]), soft_wrap=True)
        self._set(lines)
        self._live.start()
        self._written.write(_CUT_LONG_LINES)
        self._live.refresh()
        self._written.write(_BREAK_LONG_LINES)
        return self._take()

    def clear(self, size: Tuple[int, int]) -> str:
        """The text that takes the last frame away and gives the cursor back."""
        if not self._lines:
            return ""
        self._resize(size)
        self._set(_BLANK)  # rich draws the frame once more before it goes
        self._live.stop()
        self._lines = ()
        return self._take()

    def leave(self) -> str:
        """The text that gives the cursor back; the last frame stays, the next is drawn anew."""
        if not self._lines:
            return ""
        self._console.show_cursor()
        self._begin()
        return self._take()

    def _set(self, lines: Tuple[Line, ...]) -> None:
        self._lines = lines
        segments = self._segments.segments
        segments.clear()
        for line in lines:
            if segments:
                segments.append(Segment.line())
            segments.extend(line)

    def _resize(self, size: Tuple[int, int]) -> None:
        """Go up past the rows that a terminal has made of lines too long for its new width."""
        columns = max(size[0], 1)
        if columns < self._size[0]:
            lengths = [Segment.get_line_length(list(line)) for line in self._lines]
            more = sum((length - 1) // columns for length in lengths if length)
            erase: ControlCode = (ControlType.ERASE_IN_LINE, 2)
            up: Tuple[ControlCode, ...] = ((ControlType.CURSOR_UP, 1), erase)
            self._console.control(Control(ControlType.CARRIAGE_RETURN, erase, *up * more))
        self._size = size
        self._console.width, self._console.height = columns, max(size[1], 1)

    def _take(self) -> str:
        text = self._written.getvalue()
        self._written.seek(0)
        self._written.truncate()
        return text
