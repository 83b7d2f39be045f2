from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.model.screen_text import output_lines, safe_line

ANY_TEXT = st.text(st.characters(exclude_categories=())) | st.text(
    "\x1b[]0;mhJ\r\n\t\x07\x9b\u202e世a"
)
FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200d\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


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
        ("👩\u200d🚀", "👩🚀"),
    ],
)
def test_a_control_is_spelled_out_and_all_else_but_joiners_is_left(text: str, shown: str) -> None:
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
