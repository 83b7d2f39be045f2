from __future__ import annotations

import re
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.model.screen_text import cell_width, fit, output_lines, pad, safe_line

ANY_TEXT = st.text(st.characters(exclude_categories=())) | st.text(
    "\x1b[]0;mhJ\r\n\t\x07\x9b\u202e世a"
)
FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("grüße 東京 🎻", "grüße 東京 🎻"),
        ("two\nlines", "two\\nlines"),
        ("safe\rEVIL", "safe\\rEVIL"),
        ("\x1b[2J", "\\e[2J"),
        ("\x1b]0;title\x07", "\\e]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("\u2028", "\\u2028"),
        ("half \ud83d", "half \\ud83d"),
        ("\udfff", "\\udfff"),
        ("\U000e0041", "\\U000e0041"),
        ("tab\there", "tab\\there"),
        ("del\x7f", "del\\x7f"),
        ("no\u00a0break", "no\u00a0break"),
        ("e\u0301", "e\u0301"),
    ],
)
def test_a_control_is_spelled_out_and_all_else_is_left(text: str, shown: str) -> None:
    assert safe_line(text) == shown


@given(ANY_TEXT)
def test_a_safe_line_holds_no_control_and_can_be_encoded(text: str) -> None:
    shown = safe_line(text)
    assert FORBIDDEN.search(shown) is None
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert safe_line(shown) == shown


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"one", ["one"]),
        (b"one\n", ["one"]),
        (b"one\n\ntwo\n", ["one", "", "two"]),
        (b"dos\r\nlines\r\n", ["dos", "lines"]),
        (b"10%\r20%\r", ["10%", "20%"]),
        (b"safe\rEVIL\n", ["safe", "EVIL"]),
        (b"\x1b[1;31mred\x1b[0m \x1b[38:5:1mred\x1b[m", ["red red"]),
        (b"\x1b[31", ["\\e[31"]),
        (b"\x1b[2K\x1b[1A", ["\\e[2K\\e[1A"]),
        (b"a\tb", ["a       b"]),
        (b"\xff\xfe\x9b", ["\\xff\\xfe\\x9b"]),
        (b"nul\x00", ["nul\\x00"]),
        ("東京\n".encode(), ["東京"]),
        ("東京".encode()[:4], ["東\\xe4"]),
        (b"back\x08space", ["back\\x08space"]),
    ],
)
def test_output_becomes_lines_that_are_safe_to_show(data: bytes, lines: list[str]) -> None:
    assert output_lines(data) == lines


@given(st.binary() | ANY_TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_control_of_any_output_is_left(data: bytes) -> None:
    text = "\n".join(output_lines(data))
    assert FORBIDDEN.search(text.replace("\n", "")) is None
    assert text.encode("utf-8").decode("utf-8") == text


def test_a_very_long_line_is_cut_and_says_so() -> None:
    assert output_lines(b"x" * 5000) == ["x" * 4000 + "… (1000 more characters)"]


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("", 0),
        ("abc", 3),
        ("東京", 4),
        ("e\u0301", 1),
        ("🎻", 2),
        ("❤\ufe0f", 2),
        ("─━●", 3),
        ("👩\u200d🚀", 4),
    ],
)
def test_width_counts_cells_not_characters(text: str, cells: int) -> None:
    assert cell_width(text) == cells


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("abcd", 1, "…"),
        ("abcd", 0, ""),
        ("abcd", -2, ""),
        ("東京都", 6, "東京都"),
        ("東京都", 5, "東京…"),
        ("東京都", 4, "東…"),
        ("e\u0301e\u0301", 2, "e\u0301e\u0301"),
        ("", 0, ""),
    ],
)
def test_text_is_shortened_to_the_cells_there_are(text: str, width: int, shown: str) -> None:
    assert fit(text, width) == shown


@given(ANY_TEXT.map(safe_line), st.integers(0, 40))
def test_shortened_text_never_takes_more_cells_than_there_are(text: str, width: int) -> None:
    shown = fit(text, width)
    assert cell_width(shown) <= width
    assert shown in (text, text[: max(len(shown) - 1, 0)] + "…"[:width])


def test_a_flood_of_combining_characters_is_cut() -> None:
    shown = fit("a" + "\u0301" * 10_000, 5)
    assert len(shown) < 100
    assert [category(c) for c in shown[1:3]] == ["Mn", "Mn"]


@pytest.mark.parametrize(
    ("text", "right", "padded"),
    [("ab", False, "ab  "), ("ab", True, "  ab"), ("東", False, "東  "), ("abcde", False, "abcde")],
)
def test_padding_counts_cells(text: str, right: bool, padded: str) -> None:
    assert pad(text, 4, right) == padded
