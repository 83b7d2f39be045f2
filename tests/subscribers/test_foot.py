from __future__ import annotations

from typing import List, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style

from orchestra.model.look import Look
from orchestra.subscribers.foot import Foot, Line
from tests.subscribers.screens import Terminal

SIZE = (80, 24)


def lines(*texts: str) -> Tuple[Line, ...]:
    return tuple((Segment(text),) for text in texts)


def test_a_frame_is_seen_line_by_line_without_a_cursor() -> None:
    terminal = Terminal(*SIZE)
    terminal.feed(Foot(Look()).paint(lines("a", "b"), SIZE))
    assert terminal.seen() == ["a", "b"]
    assert terminal.cursor_hidden


def test_a_frame_that_has_not_changed_is_not_written() -> None:
    foot = Foot(Look())
    foot.paint(lines("a", "b"), SIZE)
    assert foot.paint(lines("a", "b"), SIZE) == ""


def test_another_size_has_the_same_frame_written_again() -> None:
    foot, terminal = Foot(Look()), Terminal(*SIZE)
    terminal.feed(foot.paint(lines("x" * 30), SIZE))
    terminal.resize(20, 24)
    terminal.feed(foot.paint(lines("x" * 30), (20, 24)))
    assert terminal.seen() == ["x" * 20]


def test_text_above_stays_and_the_frame_moves_down() -> None:
    foot, terminal = Foot(Look()), Terminal(*SIZE)
    terminal.feed(foot.paint(lines("a", "b"), SIZE))
    terminal.feed(foot.paint(lines("a", "b"), SIZE, "load failed\n"))
    assert terminal.seen() == ["load failed", "a", "b"]


def test_text_above_is_broken_into_rows_and_never_cut() -> None:
    foot, terminal = Foot(Look()), Terminal(10, 24)
    terminal.feed(foot.paint(lines("a"), (10, 24), "/a/long/path\n"))
    assert terminal.seen() == ["/a/long/pa", "th", "a"]


def test_the_end_takes_the_frame_away_and_gives_the_cursor_back() -> None:
    foot, terminal = Foot(Look()), Terminal(*SIZE)
    terminal.feed(foot.paint(lines("a", "b"), SIZE, "kept\n"))
    terminal.feed(foot.clear(SIZE))
    assert terminal.seen() == ["kept", ""]
    assert not terminal.cursor_hidden
    assert terminal.breaks_long_lines


def test_a_frame_that_is_left_stays_and_the_next_is_drawn_below_what_came() -> None:
    foot, terminal = Foot(Look()), Terminal(*SIZE)
    terminal.feed(foot.paint(lines("a", "b"), SIZE))
    terminal.feed(foot.leave())
    assert not terminal.cursor_hidden
    assert foot.leave() == ""
    terminal.feed("\n$ fg\n")
    terminal.feed(foot.paint(lines("c", "d"), SIZE))
    assert terminal.seen() == ["a", "b", "$ fg", "c", "d"]


def test_with_nothing_painted_there_is_nothing_to_clear() -> None:
    foot = Foot(Look())
    assert foot.clear(SIZE) == ""
    foot.paint(lines("a"), SIZE)
    foot.clear(SIZE)
    assert foot.clear((10, 24)) == ""


@pytest.mark.parametrize("columns", [79, 20, 10, 1])
def test_the_frame_goes_when_the_terminal_became_narrower(columns: int) -> None:
    foot, terminal = Foot(Look()), Terminal(80, 60)
    terminal.feed(foot.paint(lines("x" * 30, "yy"), (80, 60)))
    terminal.resize(columns, 60)
    terminal.feed(foot.clear((columns, 60)))
    assert terminal.seen() == [""]


def test_a_terminal_that_is_not_as_tall_any_more_keeps_nothing_of_the_end() -> None:
    foot, terminal = Foot(Look()), Terminal(*SIZE)
    terminal.feed(foot.paint(lines("a", "b", "c", "d"), SIZE))
    terminal.resize(80, 2)
    terminal.feed(foot.clear((80, 2)))
    scrolled_off_by_the_terminal = ["a", "b"]
    assert terminal.seen() == [*scrolled_off_by_the_terminal, ""]


def test_a_frame_may_be_as_large_as_the_terminal() -> None:
    terminal, frame = Terminal(200, 60), ["x" * 199] * 59
    terminal.feed(Foot(Look()).paint(lines(*frame), (200, 60)))
    assert terminal.seen() == frame


def test_a_line_wider_than_expected_leaves_nothing_behind() -> None:
    foot, terminal = Foot(Look()), Terminal(20, 24)
    terminal.feed(foot.paint(lines("x" * 30, "y"), SIZE))
    terminal.feed(foot.paint(lines("z" * 30, "y"), SIZE, "kept\n"))
    terminal.feed(foot.paint(lines("z", "y"), SIZE, "kept too\n"))
    assert terminal.seen() == ["kept", "kept too", "z", "y"]


@pytest.mark.parametrize(
    ("look", "shown"), [(Look(color=True), ("red", True)), (Look(), ("default", False))]
)
def test_colours_are_those_of_the_terminal_and_only_where_it_has_them(
    look: Look, shown: Tuple[str, bool]
) -> None:
    terminal, loud = Terminal(*SIZE), Style(color="red", bold=True)
    terminal.feed(Foot(look).paint(((Segment("x", loud),),), SIZE))
    cell = terminal.screen.buffer[0][0]
    assert (cell.fg, cell.bold) == shown


FRAME = st.lists(st.text("abc", max_size=30), min_size=1, max_size=6)
COLUMNS = st.sampled_from([8, 20, 80])


@settings(deadline=None)  # a busy machine takes as long as it takes
@given(st.lists(st.tuples(COLUMNS, FRAME, st.text("xyz", max_size=3)), max_size=8))
def test_the_terminal_always_shows_the_last_frame_below_all_that_stays(
    frames: List[Tuple[int, List[str], str]],
) -> None:
    foot, terminal = Foot(Look()), Terminal(80, 99)
    stays: List[str] = []
    last: List[str] = [""]
    for columns, frame, above in frames:
        stays += [above] if above else []
        last = [line[: columns - 1] for line in frame]
        terminal.resize(columns, 99)
        terminal.feed(foot.paint(lines(*last), (columns, 99), above + "\n" if above else ""))
    assert terminal.seen() == stays + last
