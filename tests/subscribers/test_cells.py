from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from orchestra.model.screen_text import safe_line
from orchestra.subscribers.cells import fit

ODD = st.text("a東🎻\u0301\ufe0f❤\u200d\U0001f1e9\x1b ", max_size=30).map(safe_line)


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("abcd", 1, "…"),
        ("abcd", 0, ""),
        ("abcd", -2, ""),
        ("ab cd", 4, "ab …"),
        ("東京都", 6, "東京都"),
        ("東京都", 5, "東京…"),
        ("東京都", 4, "東 …"),
        ("e\u0301e\u0301", 2, "e\u0301e\u0301"),
        ("", 0, ""),
    ],
)
def test_text_is_shortened_to_the_cells_there_are(text: str, width: int, shown: str) -> None:
    assert fit(text, width, "…") == shown


@given(ODD, st.integers(0, 40))
def test_shortened_text_never_takes_more_cells_than_there_are(text: str, width: int) -> None:
    shown = fit(text, width, "~")
    assert cell_len(shown) <= width
    assert text.startswith(shown[:-1].rstrip(" "))


def test_a_flood_of_combining_characters_is_cut() -> None:
    assert fit("a" + "\u0301" * 10_000, 5, "…").rstrip("\u0301 …") == "a"
    assert len(fit("a" + "\u0301" * 10_000, 5, "…")) < 100
