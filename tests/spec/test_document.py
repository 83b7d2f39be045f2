"""What data a YAML text is, and where in the text it stands."""

from __future__ import annotations

import gc
from typing import Any, List, Tuple

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra.errors import Problem
from orchestra.spec.document import Document, read_document
from orchestra.spec.reader import read
from orchestra.spec.scalars import WORDS, SourceFloat, SourceInt, number_or_text, text_of
from tests.effort import examples


def root(text: str) -> Any:
    document = read_document("f.yaml", text.encode())
    assert document.blemishes == ()
    return document.root


PLAIN_WORDS: List[Tuple[str, Any]] = [
    ("true", True),
    ("True", True),
    ("TRUE", True),
    ("false", False),
    ("null", None),
    ("~", None),
    ("", None),
    ("0", 0),
    ("-1", -1),
    ("42", 42),
    ("0.5", 0.5),
    ("-1.25", -1.25),
    ("1e+16", 1e16),
    ("yes", "yes"),
    ("no", "no"),
    ("on", "on"),
    ("off", "off"),
    ("y", "y"),
    ("tRUE", "tRUE"),
    ("nULL", "nULL"),
    ("012", "012"),
    ("-07", "-07"),
    ("00.5", "00.5"),
    ("1_000", "1_000"),
    ("22:30", "22:30"),
    ("1:30:45", "1:30:45"),
    ("190:20:30.15", "190:20:30.15"),
    ("2026-11-22", "2026-11-22"),
    ("2026-02-30", "2026-02-30"),
    ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
    (".inf", ".inf"),
    ("-.INF", "-.INF"),
    (".nan", ".nan"),
    ("1e999", "1e999"),
    ("0b101", "0b101"),
    ("0o8", "0o8"),
    ("0x", "0x"),
    ("1.2.3", "1.2.3"),
    ("1e", "1e"),
    ("+", "+"),
    (".", "."),
    ("=", "="),
    ("<<", "<<"),
    ("٣", "٣"),
    ("9" * 5000, "9" * 5000),
]

NUMBERS_WITH_SOURCE: List[Tuple[str, float, type]] = [
    ("+1", 1, SourceInt),
    ("-0", 0, SourceInt),
    ("0x1F", 31, SourceInt),
    ("0o14", 12, SourceInt),
    ("3.10", 3.1, SourceFloat),
    ("1e3", 1000.0, SourceFloat),
    (".5", 0.5, SourceFloat),
    ("5.", 5.0, SourceFloat),
    ("+1.5", 1.5, SourceFloat),
    ("1E5", 100000.0, SourceFloat),
]


@pytest.mark.parametrize(("word", "value"), PLAIN_WORDS)
def test_a_plain_word_is_what_the_core_rules_of_yaml_1_2_say(word: str, value: Any) -> None:
    found = root("a: %s" % word)["a"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("word", [word for word, _ in PLAIN_WORDS])
@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_quoted_word_is_text(word: str, quote: str) -> None:
    assert root("a: %s%s%s" % (quote, word, quote)) == {"a": word}


@pytest.mark.parametrize(("word", "value", "kind"), NUMBERS_WITH_SOURCE)
def test_a_number_in_another_form_keeps_its_source(word: str, value: float, kind: type) -> None:
    found = root("a: %s" % word)["a"]
    assert (found, type(found), text_of(found)) == (value, kind, word)


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "x"), (1, "1"), (True, "true"), (False, "false"), (0.5, "0.5"), (1e16, "1e+16")],
)
def test_a_scalar_as_text_is_as_it_was_written(value: Any, text: str) -> None:
    assert text_of(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_shortest_form_of_a_float_is_read_as_that_float(number: float) -> None:
    found = number_or_text(repr(number))
    assert (found, type(found)) == (number, float)


@given(st.integers(min_value=-(10**90), max_value=10**90))
def test_a_whole_number_is_read_as_itself(number: int) -> None:
    found = number_or_text(str(number))
    assert (found, type(found)) == (number, int)


def _is_text_to_all(word: str) -> bool:
    """Whether YAML 1.1, by which PyYAML decides what to quote, and 1.2 agree on a plain word."""
    return word not in WORDS and number_or_text(word) == word


WORD = st.text(st.characters(blacklist_categories=("Cs",)), max_size=8).filter(_is_text_to_all)
DATA = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(10**30), max_value=10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORD,
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(WORD, parts, max_size=4),
    max_leaves=8,
)
MAPPING = st.dictionaries(WORD, DATA, max_size=4)


@settings(max_examples=examples(100), deadline=None)
@given(MAPPING, st.sampled_from([None, True, False]))
def test_what_pyyaml_writes_is_read_back_as_it_was(data: Any, flow: Any) -> None:
    text = yaml.safe_dump(data, default_flow_style=flow)
    assert read(text.encode()) == (data, (), True)


@settings(max_examples=examples(50), deadline=None)
@given(MAPPING)
def test_the_pure_parser_reads_the_same_as_the_one_in_c(data: Any) -> None:
    text = yaml.safe_dump(data).encode()
    assert read(text, pure=True) == read(text)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: &x 1\nb: *x", {"a": 1, "b": 1}),
        ("a: &x [1]\nb: [*x, *x]", {"a": [1], "b": [[1], [1]]}),
        ("a: &x k\n*x : 1", {"a": "k", "k": 1}),
        ("a: &x 1\nb: &x 2\nc: *x", {"a": 1, "b": 2, "c": 2}),
        ("a: &x {k: 1, l: 2}\nb: {<<: *x, l: 3}", {"a": {"k": 1, "l": 2}, "b": {"k": 1, "l": 3}}),
        ("a: &x {k: 1}\nb: {l: 3, <<: *x}", {"a": {"k": 1}, "b": {"k": 1, "l": 3}}),
        (
            "a: &x {k: 1}\nb: &y {k: 2, l: 2}\nc: {<<: [*x, *y]}",
            {"a": {"k": 1}, "b": {"k": 2, "l": 2}, "c": {"k": 1, "l": 2}},
        ),
        ("a: {<<: {k: 1}}", {"a": {"k": 1}}),
        ('a: {"<<": 1}', {"a": {"<<": 1}}),
        ("a: &x {k: 1}\nb: &y {<<: *x}\nc: *y", {"a": {"k": 1}, "b": {"k": 1}, "c": {"k": 1}}),
    ],
)
def test_anchors_and_merges_work(text: str, data: Any) -> None:
    assert root(text) == data


def test_merged_steps_come_before_the_mappings_own() -> None:
    assert list(root("a: &x {one: 1, two: 2}\nb: {three: 3, <<: *x, two: 4}")["b"]) == [
        "one",
        "two",
        "three",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffa: 1\n",
        "a: 1\r\n",
        "a: 1\r",
        "--- \na: 1\n...\n",
        "%YAML 1.2\n---\na: 1\n",
        "{a: 1}",
        '{"a": 1}',
        '{\n\t"a":\t1\n}',
        "# comment\n\na: 1 # comment",
        "? a\n: 1",
    ],
)
def test_every_form_of_one_mapping_is_accepted(text: str) -> None:
    assert root(text) == {"a": 1}


@pytest.mark.parametrize("text", ["", "# only\n", "---\n", "\ufeff", " \n\n"])
def test_an_empty_file_holds_nothing(text: str) -> None:
    assert root(text) is None


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_as_it_was_after_reading(enabled: bool) -> None:
    (gc.enable if enabled else gc.disable)()
    try:
        read(b"a: [")
        after = gc.isenabled()
    finally:
        gc.enable()
    assert after is enabled


LAYOUT = """\
version: 1
anchored: &x {k: 1, "q\\n": 'it''s'}
merged:
  <<: *x
  own: 2
list: [1, *x, {in: &y deep}]
*y : late
block:
  - a: 1
    b:
      c: 3
  - [x, [y]]
"""


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ((), (1, 1), (1, 1)),
        (("version",), (1, 10), (1, 1)),
        (("anchored",), (2, 11), (2, 1)),
        (("anchored", "k"), (2, 18), (2, 15)),
        (("anchored", "q\n"), (2, 28), (2, 21)),
        (("merged", "k"), (2, 18), (2, 15)),
        (("merged", "own"), (5, 8), (5, 3)),
        (("list", 0), (6, 8), (6, 8)),
        (("list", 1), (6, 11), (6, 11)),
        (("list", 1, "k"), (2, 18), (2, 15)),
        (("list", 2, "in"), (6, 20), (6, 16)),
        (("deep",), (7, 6), (7, 1)),
        (("block", 0, "b", "c"), (11, 10), (11, 7)),
        (("block", 1, 1, 0), (12, 10), (12, 10)),
        (("nowhere",), (1, 1), (1, 1)),
        (("merged", "nowhere"), (4, 3), (3, 1)),
    ],
)
def test_a_path_leads_to_a_line_and_a_column(path: Any, value: Any, key: Any) -> None:
    document = read_document("f.yaml", LAYOUT.encode())
    found = document.position(path), document.position(path, on_key=True)
    assert found == (value, key)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("é: 1\nü: {中文: x}", (2, 9)),
        ("a: 1\r\nü: {中文: x}", (2, 9)),
        ("\ufeff# 😀\nü: {中文: x}", (2, 9)),
        ('a: "x\x85 y\u2028 z"\nü: {中文: x}', (2, 9)),
    ],
)
def test_columns_count_characters_and_lines_end_at_line_feeds(text: str, place: Any) -> None:
    assert read_document("f.yaml", text.encode()).position(("ü", "中文")) == place


def _letters(document: Document, key: str) -> List[Tuple[str, str]]:
    """Each solid character of a value, beside the character of the file that it is said to be."""
    lines = document.text.split("\n")
    value = document.root[key]
    offsets = [offset for offset, letter in enumerate(value) if letter.strip()]
    faults = document.faults([Problem((key,), "c", "m", offset=offset) for offset in offsets])
    return [
        (value[offset], lines[fault.line - 1][fault.column - 1])
        for offset, fault in zip(offsets, faults)
    ]


@pytest.mark.parametrize(
    "scalar",
    [
        "plain words",
        "plain\n  over\n\n  lines",
        "'single ''quoted'' text'",
        "'single\n\n  over lines'",
        '"double over\n   lines, \\\n   joined"',
        "|\n  literal\n    indented\n\n  text",
        "|2-  # comment\n    literal\n  text",
        "|+\n  kept\n\n",
        ">\n  folded\n  words\n\n    more\n  text",
        "&anchor plain",
        '&anchor "double"',
        "&anchor |\n  literal",
    ],
)
def test_a_character_of_a_value_is_found_in_the_file(scalar: str) -> None:
    document = read_document("f.yaml", ("first: 1\nkey: %s\nlast: 2\n" % scalar).encode())
    letters = _letters(document, "key")
    assert [found for _, found in letters] == [letter for letter, _ in letters]


@pytest.mark.parametrize(
    ("scalar", "offset", "place"),
    [
        ('"a\\tb \\u00e9 \\x41z"', 0, (1, 7)),
        ('"a\\tb \\u00e9 \\x41z"', 1, (1, 8)),
        ('"a\\tb \\u00e9 \\x41z"', 2, (1, 10)),
        ('"a\\tb \\u00e9 \\x41z"', 4, (1, 12)),
        ('"a\\tb \\u00e9 \\x41z"', 6, (1, 19)),
        ('"a\\tb \\u00e9 \\x41z"', 7, (1, 23)),
        ("|\n  one\n  two\n", 3, (2, 6)),
        ("|\n  one\n  two\n", 4, (3, 3)),
        ("word", 4, (1, 9)),
        ("word", 99, (1, 9)),
    ],
)
def test_escapes_and_ends_of_lines_count_as_they_stand(
    scalar: str, offset: int, place: Tuple[int, int]
) -> None:
    document = read_document("f.yaml", ("key: %s" % scalar).encode())
    [fault] = document.faults([Problem(("key",), "c", "m", offset=offset)])
    assert (fault.line, fault.column) == place


def test_problems_become_faults_in_the_order_given() -> None:
    document = read_document("f.yaml", b"a: {b: [1, 2]}\nc: text")
    faults = document.faults(
        [
            Problem(("c",), "one", "first", "do this", offset=2, severity="warning"),
            Problem(("a", "b", 1), "two", "second"),
            Problem(("a", "b"), "three", "third", on_key=True),
        ]
    )
    assert faults == (
        ("f.yaml", 2, 6, ("c",), "warning", "one", "first", "do this", (), ""),
        ("f.yaml", 1, 12, ("a", "b", 1), "error", "two", "second", "", (), ""),
        ("f.yaml", 1, 5, ("a", "b"), "error", "three", "third", "", (), ""),
    )
