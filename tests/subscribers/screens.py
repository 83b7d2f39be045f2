"""Screens for tests: one that keeps what it is given, one that is a terminal."""

from __future__ import annotations

from typing import List

import pyte


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
    """A terminal of that size, with all that was ever scrolled off its top."""

    def __init__(self, columns: int, lines: int) -> None:
        self._open(columns, lines)

    def feed(self, text: str) -> None:
        """Show the text; line feeds return the carriage, as a terminal's driver has it."""
        self._stream.feed(text.replace("\n", "\r\n"))

    def resize(self, columns: int, lines: int) -> None:
        """Take another size, breaking lines that are too long for it as most terminals do."""
        rows = self.seen()
        self._open(columns, lines)
        self.feed("\n".join(rows))

    def seen(self) -> List[str]:
        """The rows down to the cursor or the last that is not blank, whichever is lower."""
        past = [
            "".join(line[column].data for column in range(self.screen.columns)).rstrip()
            for line in self.screen.history.top
        ]
        rows = [row.rstrip() for row in self.screen.display]
        last = max([self.screen.cursor.y, *(n for n, row in enumerate(rows) if row)])
        return past + rows[: last + 1]

    @property
    def cursor_hidden(self) -> bool:
        return bool(self.screen.cursor.hidden)

    @property
    def breaks_long_lines(self) -> bool:
        return pyte.modes.DECAWM in self.screen.mode

    def _open(self, columns: int, lines: int) -> None:
        self.screen = pyte.HistoryScreen(columns, lines, history=10_000)
        self._stream = pyte.Stream(self.screen)
