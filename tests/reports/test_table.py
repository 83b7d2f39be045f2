from __future__ import annotations

from typing import List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from orchestra.model.look import Look, Tone
from orchestra.model.screen_text import safe_line
from orchestra.reports.table import Cell, Column, render_table

COLUMNS = (
    Column("", least=1, gap=1),
    Column("step", least=6),
    Column("time", least=4, right=True, yields=2),
    Column("note", least=4, yields=1),
    Column("why", least=6),
)


def rows(*texts: tuple[str, ...]) -> list[tuple[Cell, ...]]:
    return [tuple(Cell(text) for text in row) for row in texts]


def test_columns_stand_below_their_titles() -> None:
    table = render_table(
        COLUMNS, rows(("+", "build", "1.2s", "", ""), ("x", "东京", "12.5s", "", "no")), 80, Look()
    )
    assert table == ("  step    time  why\n+ build   1.2s\nx 东京   12.5s  no\n")


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (60, "+ a-long-name  1.2s  a note too  because of a long reason"),
        (40, "+ a-long-n…  1.2s  a note t…  because o…"),
        (28, "+ a-lon…  1.2s  a n…  becau…"),
        (27, "+ a-long…  a note…  becaus…"),
        (21, "+ a-long-…  because …"),
        (17, "+ a-lon…  becaus…"),
        (14, "+ a-lo…  beca…"),
        (6, "+ …  …"),
    ],
)
def test_a_short_width_cuts_the_widest_then_lets_columns_go(width: int, line: str) -> None:
    made = rows(("+", "a-long-name", "1.2s", "a note too", "because of a long reason"))
    assert render_table(COLUMNS, made, width, Look()).splitlines()[1] == line


def test_a_column_that_is_empty_in_every_row_is_left_out() -> None:
    assert render_table(COLUMNS, rows(("", "a", "", "", "")), 80, Look()) == "step\na\n"


def test_colours_take_no_room() -> None:
    made = [(Cell("+", Tone.GOOD), Cell("a"), Cell(""), Cell(""), Cell("no", Tone.BAD))]
    assert render_table(COLUMNS, made, 80, Look(color=True)) == (
        "  \x1b[2mstep\x1b[0m  \x1b[2mwhy\x1b[0m\n\x1b[32m+\x1b[0m a     \x1b[31mno\x1b[0m\n"
    )


ODD = st.text("ab 東🎻\u0301\x1b\n", max_size=30).map(safe_line)


@given(st.lists(st.tuples(ODD, ODD, ODD, ODD, ODD), min_size=1, max_size=5), st.integers(12, 60))
def test_no_line_is_wider_than_it_may_be(
    texts: List[Tuple[str, str, str, str, str]], width: int
) -> None:
    lines = render_table(COLUMNS, rows(*texts), width, Look()).splitlines()
    assert len(lines) == len(texts) + 1
    assert max(cell_len(line) for line in lines) <= width
    assert [line.rstrip(" ") for line in lines] == lines
