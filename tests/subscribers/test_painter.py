from __future__ import annotations

from typing import List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.subscribers.painter import Line, Painter
from tests.subscribers.screens import Terminal


def lines(*texts: str) -> Tuple[Line, ...]:
    return tuple(Line(text, len(text)) for text in texts)


def test_the_first_frame_is_written_as_it_is() -> None:
    assert Painter().paint(lines("a", "b"), 80) == "\x1b[?25la\r\nb"


def test_a_frame_that_has_not_changed_is_not_written() -> None:
    painter = Painter()
    painter.paint(lines("a", "b"), 80)
    assert painter.paint(lines("a", "b"), 80) == ""


def test_only_lines_that_changed_are_written_again() -> None:
    painter = Painter()
    painter.paint(lines("a", "b", "c"), 80)
    assert painter.paint(lines("a", "B", "c"), 80) == "\r\x1b[2A\r\nB\x1b[K\r\nc\x1b[J"


def test_text_above_stays_and_the_frame_moves_down() -> None:
    painter, terminal = Painter(), Terminal(80)
    terminal.feed(painter.paint(lines("a", "b"), 80))
    terminal.feed(painter.paint(lines("a", "b"), 80, "load failed\n"))
    assert terminal.seen() == ["load failed", "a", "b"]


def test_the_end_takes_the_frame_away_and_gives_the_cursor_back() -> None:
    painter, terminal = Painter(), Terminal(80)
    terminal.feed(painter.paint(lines("a", "b"), 80, "kept\n"))
    assert terminal.cursor_hidden
    terminal.feed(painter.clear(80))
    assert terminal.seen() == ["kept", ""]
    assert not terminal.cursor_hidden


def test_with_nothing_painted_there_is_nothing_to_clear() -> None:
    assert Painter().clear(80) == ""


@pytest.mark.parametrize(
    ("columns", "up"), [(80, "\r\x1b[1A"), (20, "\r\x1b[2A"), (10, "\r\x1b[3A"), (0, "\r\x1b[31A")]
)
def test_a_narrower_terminal_has_broken_long_lines_into_rows(columns: int, up: str) -> None:
    painter = Painter()
    painter.paint(lines("x" * 30, "yy"), 81)
    assert painter.paint(lines("x", "y"), columns) == up + "\x1b[Jx\r\ny"


FRAME = st.lists(st.text("abc", max_size=5), min_size=1, max_size=6)


@given(st.lists(st.tuples(FRAME, st.text("xyz", max_size=3)), max_size=8))
def test_the_terminal_always_shows_the_last_frame_below_all_that_stays(
    frames: List[Tuple[List[str], str]],
) -> None:
    painter, terminal = Painter(), Terminal(80)
    stays: List[str] = []
    last: List[str] = [""]
    for frame, above in frames:
        stays += [above] if above else []
        last = frame
        terminal.feed(painter.paint(lines(*frame), 80, above + "\n" if above else ""))
    assert terminal.seen() == stays + last
