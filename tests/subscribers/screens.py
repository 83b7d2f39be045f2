"""Screens for tests: one that keeps what it is given, one that behaves like a terminal."""

from __future__ import annotations

import re
from typing import List, Tuple

from orchestra.model.screen_text import cell_width

_TOKEN = re.compile("\x1b\\[([?0-9;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


class Pages:
    """A screen that keeps every text; `ready` is its answer to whether it is idle."""

    def __init__(self) -> None:
        self.texts: List[str] = []
        self.kept: List[bool] = []
        self.ready = True

    def write(self, text: str, keep: bool = False) -> None:
        self.texts.append(text)
        self.kept.append(keep)

    def idle(self) -> bool:
        return self.ready

    @property
    def text(self) -> str:
        return "".join(self.texts)


class Terminal:
    """A terminal that knows the few sequences the live view may use, and no other.

    Its lines are never wrapped: a frame that is too wide is an error here.
    """

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.rows: List[str] = [""]
        self.cursor_hidden = False
        self._row = 0
        self._at_start = True

    def feed(self, text: str) -> None:
        """Show the text."""
        end = 0
        for match in _TOKEN.finditer(text):
            assert match.start() == end, "unknown sequence at %r" % text[end : end + 20]
            end = match.end()
            parameters, command, control, words = match.groups()
            if command:
                self._command(parameters, command)
            elif control:
                self._control(control)
            else:
                self._write(words)
        assert end == len(text), "unknown sequence at %r" % text[end : end + 20]

    def seen(self) -> List[str]:
        """The rows as a person sees them."""
        return [row.rstrip() for row in self.rows]

    def _command(self, parameters: str, command: str) -> None:
        if command == "A":
            self._row -= int(parameters)
            assert self._row >= 0, "the cursor left the screen"
        elif command == "K" and self._at_start:
            self.rows[self._row] = ""
        elif command == "J":
            del self.rows[self._row + 1 :]
            if self._at_start:
                self.rows[self._row] = ""
        elif parameters == "?25":
            self.cursor_hidden = command == "l"
        else:
            assert command in "mK", "unknown command %s" % command

    def _control(self, control: str) -> None:
        self._at_start = True
        if control == "\n":
            self._row += 1
            if self._row == len(self.rows):
                self.rows.append("")

    def _write(self, words: str) -> None:
        self.rows[self._row] = words if self._at_start else self.rows[self._row] + words
        self._at_start = False
        assert cell_width(self.rows[self._row]) <= self.columns, "a line is too wide"


def size_of(columns: int, lines: int) -> Tuple[int, int]:
    """Columns and lines, as a view asks for them."""
    return columns, lines
