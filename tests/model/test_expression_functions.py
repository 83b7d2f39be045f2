"""The pure functions of expressions: what they give, what they refuse, what they never do."""

from __future__ import annotations

from typing import Tuple

import pytest

from orchestra.model.expression import (
    FILE_FUNCTIONS,
    PURE_FUNCTIONS,
    STATUS_FUNCTIONS,
    ExpressionError,
    Scope,
    Value,
    evaluate,
    parse,
)

NAMES = {
    "text": "a-b-c",
    "words": ["b", "a", "c"],
    "mixed": ["a", 1, None],
    "huge": 10**30,
    "debt": -(10**30),
    "json": '{"a": [1, 2.50, true, null, "é"]}',
}


def value_of(source: str) -> Value:
    return evaluate(parse(source), Scope(NAMES))


def error_of(source: str) -> Tuple[int, str, str]:
    expression = parse(source)
    with pytest.raises(ExpressionError) as caught:
        evaluate(expression, Scope(NAMES))
    return caught.value.offset, caught.value.message, caught.value.hint


def test_the_functions_are_those_of_the_language() -> None:
    names = (
        "basename contains date_add date_range default dirname ends_with format from_json join len "
        "lower max min range replace sorted split starts_with stem sum to_json trim upper"
    )
    functions = (" ".join(sorted(PURE_FUNCTIONS)), sorted(STATUS_FUNCTIONS), sorted(FILE_FUNCTIONS))
    assert functions == (
        names,
        ["always", "cancelled", "failure", "success"],
        ["glob", "hash_files"],
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("contains(text, 'b-')", True),
        ("contains(text, '')", True),
        ("contains(words, 'a')", True),
        ("contains(words, 'A')", False),
        ("contains([1, 2], 1.0)", True),
        ("contains([true], 1)", False),
        ("contains({'a': 1}, 'a')", True),
        ("contains({'a': 1}, 'b')", False),
        ("starts_with(text, 'a-')", True),
        ("starts_with(text, 'b')", False),
        ("ends_with(text, '-c')", True),
        ("ends_with(text, 'a')", False),
        ("join(words, ', ')", "b, a, c"),
        ("join([1, 1.5, true, [2], {'a': 'é'}], '|')", '1|1.5|true|[2]|{"a":"é"}'),
        ("join([], ', ')", ""),
        ("join(['', ''], '-')", "-"),
        ("split(text, '-')", ["a", "b", "c"]),
        ("split('', ',')", [""]),
        ("split(',a,', ',')", ["", "a", ""]),
        ("split('  a \\t b\\n')", ["a", "b"]),
        ("split(' ')", []),
        ("replace(text, '-', '')", "abc"),
        ("replace(text, 'x', 'y')", "a-b-c"),
        ("replace('aaa', 'aa', 'b')", "ba"),
        ("lower('AÉß')", "aéß"),
        ("upper('aéß')", "AÉSS"),
        ("trim(' \\t a b \\n')", "a b"),
        ("len('é😀')", 2),
        ("len([])", 0),
        ("len({'a': 1})", 1),
    ],
)
def test_texts_are_searched_and_changed(source: str, expected: Value) -> None:
    value = value_of(source)
    assert (type(value), value) == (type(expected), expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("format('{}-{}', 1, 'a')", "1-a"),
        ("format('{1}-{0}-{1}', 1, 'a')", "a-1-a"),
        ("format('plain')", "plain"),
        ("format('{{{}}}', 1)", "{1}"),
        ("format('{{0}}')", "{0}"),
        ("format('{}{}{}', true, [1, 2], {'a': null})", 'true[1,2]{"a":null}'),
        ("format('{}', '{}')", "{}"),
        ("format('{}', 1.0)", "1.0"),
    ],
)
def test_format_fills_its_places_with_text(source: str, expected: str) -> None:
    assert value_of(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("basename('a/b.tar.gz')", "b.tar.gz"),
        ("basename('b')", "b"),
        ("basename('a/b/')", "b"),
        ("basename('/')", "/"),
        ("basename('//')", "/"),
        ("basename('')", ""),
        ("dirname('a/b.tar.gz')", "a"),
        ("dirname('b')", "."),
        ("dirname('a/b/')", "a"),
        ("dirname('a//b')", "a"),
        ("dirname('/a')", "/"),
        ("dirname('//a')", "/"),
        ("dirname('/')", "/"),
        ("dirname('')", "."),
        ("stem('a/b.tar.gz')", "b.tar"),
        ("stem('a.d/b')", "b"),
        ("stem('.bashrc')", ".bashrc"),
        ("stem('a.')", "a."),
        ("stem('..')", ".."),
        ("stem('a.b/')", "a"),
        ("stem('')", ""),
    ],
)
def test_paths_are_taken_apart(source: str, expected: str) -> None:
    assert value_of(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("min(3, 1, 2)", 1),
        ("max(3, 1.5)", 3),
        ("min(words)", "a"),
        ("max(words)", "c"),
        ("min([7])", 7),
        ("sum([1, 2, 3])", 6),
        ("sum([])", 0),
        ("sum([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])", 1.0),
        ("sum([1, 0.5])", 1.5),
        ("sorted(words)", ["a", "b", "c"]),
        ("sorted([2, 1.5, -1])", [-1, 1.5, 2]),
        ("sorted([])", []),
        ("range(3)", [0, 1, 2]),
        ("range(1, 3)", [1, 2]),
        ("range(5, 0, -2)", [5, 3, 1]),
        ("range(0)", []),
        ("range(3, 1)", []),
        ("len(range(100000))", 100_000),
    ],
)
def test_numbers_are_counted_and_compared(source: str, expected: Value) -> None:
    value = value_of(source)
    assert (type(value), value) == (type(expected), expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("to_json('a\"é')", '"a\\"é"'),
        ("to_json(null)", "null"),
        ("to_json([1, 1.50, true, {'a': []}])", '[1,1.5,true,{"a":[]}]'),
        ("from_json(json)", {"a": [1, 2.5, True, None, "é"]}),
        ("from_json(' 7 ')", 7),
        ("from_json('-0.5e1')", -5.0),
        ("from_json('\"\\\\ud83d\\\\ude00\"')", "😀"),
        ('from_json(\'{"a": 1, "a": 2}\').a', 2),
        ("from_json(to_json(words)) == words", True),
    ],
)
def test_json_is_written_and_read(source: str, expected: Value) -> None:
    value = value_of(source)
    assert (type(value), value) == (type(expected), expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("date_add('2026-11-22', 1)", "2026-11-23"),
        ("date_add('2026-03-01', -1)", "2026-02-28"),
        ("date_add('2024-02-29', 366)", "2025-03-01"),
        ("date_add('2026-11-22', 0)", "2026-11-22"),
        ("date_range('2026-02-27', '2026-03-01')", ["2026-02-27", "2026-02-28", "2026-03-01"]),
        ("date_range('2026-02-27', '2026-02-27')", ["2026-02-27"]),
        ("date_range('2026-02-27', '2026-02-26')", []),
        ("date_range('9999-12-30', '9999-12-31')", ["9999-12-30", "9999-12-31"]),
        ("date_add('2026-11-22', 1) > '2026-11-22'", True),
    ],
)
def test_dates_are_counted_in_days(source: str, expected: Value) -> None:
    assert value_of(source) == expected


NULLABLE = "use default(x, …) where it may be null"


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("upper(1)", "`text` in upper(text) is a text, not a number", ""),
        ("upper(null)", "`text` in upper(text) is a text, not null", NULLABLE),
        ("join('a', '')", "`list` in join(list, separator) is a list, not a text", ""),
        ("join([], 1)", "`separator` in join(list, separator) is a text, not a number", ""),
        (
            "split('a', null)",
            "`separator` in split(text, separator?) is a text, not null",
            NULLABLE,
        ),
        ("len(1)", "`value` in len(value) is a text, a list or a mapping, not a number", ""),
        ("range(true)", "`start` in range(start, stop?, step?) is a number, not true or false", ""),
        (
            "contains(1, 1)",
            "`container` in contains(container, item) is a text, a list or a mapping, not a number",
            "",
        ),
        ("contains('1', 1)", "only a text can be in a text, not a number", ""),
        ("join(mixed, '')", "null has no text", "use default(x, '')"),
        ("format('{}', null)", "null has no text", "use default(x, '')"),
        ("format('{}{}', 1)", "the template has no value for {1}", ""),
        ("format('{2}', 1)", "the template has no value for {2}", ""),
        ("format('{}', 1, 2)", "the template has no place for value {1}", ""),
        ("format('{1}', 1, 2)", "the template has no place for value {0}", ""),
        ("format('{}{0}', 1)", "the template mixes {} and {0}", ""),
        (
            "format('{', 1)",
            "a single `{` in the template",
            "places are {} or {0}; the sign itself is `{{`",
        ),
        (
            "format('}')",
            "a single `}` in the template",
            "places are {} or {0}; the sign itself is `}}`",
        ),
        (
            "format('{x.__class__}', 1)",
            "a single `{` in the template",
            "places are {} or {0}; the sign itself is `{{`",
        ),
        (
            "format('{:>10}', 1)",
            "a single `{` in the template",
            "places are {} or {0}; the sign itself is `{{`",
        ),
        (
            "format('{0[a]}', 1)",
            "a single `{` in the template",
            "places are {} or {0}; the sign itself is `{{`",
        ),
        (
            "format('{9999}', 1)",
            "a single `{` in the template",
            "places are {} or {0}; the sign itself is `{{`",
        ),
        ("split('a', '')", "`separator` is empty", ""),
        ("replace('a', '', 'b')", "`old` is empty", ""),
        ("min([])", "min of an empty list", ""),
        ("max(1)", "max takes a list or several values", ""),
        ("min({'a': 1})", "min takes a list or several values", ""),
        ("min(1, 'a')", "a number and a text have no order", "compare two numbers or two texts"),
        (
            "min([true])",
            "true or false and true or false have no order",
            "compare two numbers or two texts",
        ),
        ("sorted(mixed)", "a text and a number have no order", "compare two numbers or two texts"),
        ("sum(words)", "sum takes a list of numbers, not a text", ""),
        ("sum([huge])", "the number is too large", ""),
        ("sum([1e308, 1e308])", "the number is too large", ""),
        ("range(1.0)", "range counts in whole numbers", ""),
        ("range(1, 2, 0)", "`step` is 0", ""),
        ("range(100001)", "the range has more than 100000 entries", ""),
        ("range(huge)", "the range has more than 100000 entries", ""),
        ("range(0, debt, -1)", "the range has more than 100000 entries", ""),
        ("from_json('')", "the text is not JSON: Expecting value, line 1 column 1", ""),
        (
            "from_json('[1,\\n2')",
            "the text is not JSON: Expecting ',' delimiter, line 2 column 2",
            "",
        ),
        ("from_json('NaN')", "the text is not JSON: NaN", ""),
        ("from_json('[-Infinity]')", "the text is not JSON: -Infinity", ""),
        ("from_json('1e999')", "the number is too large", ""),
        ("from_json('123456789012345678901')", "the JSON has a number that is too large", ""),
        ("from_json('9223372036854775808')", "the number is too large", ""),
        ("from_json('\"\\\\ud800\"')", "the JSON has half a surrogate pair in a text", ""),
        ("from_json('{\"\\\\udc00\": 1}')", "the JSON has half a surrogate pair in a text", ""),
        ("date_add('22.11.2026', 1)", "the text is not a date", "dates look like 2026-11-22"),
        ("date_add('20261122', 1)", "the text is not a date", "dates look like 2026-11-22"),
        ("date_add('2026-02-30', 1)", "`2026-02-30` is not in the calendar", ""),
        ("date_add('0000-01-01', 1)", "`0000-01-01` is not in the calendar", ""),
        ("date_add('2026-11-22', 1.5)", "date_add counts in whole numbers", ""),
        ("date_add('2026-11-22', huge)", "dates run from 0001-01-01 to 9999-12-31", ""),
        ("date_add('9999-12-31', 1)", "dates run from 0001-01-01 to 9999-12-31", ""),
        ("date_range('2026-01-01', 'x')", "the text is not a date", "dates look like 2026-11-22"),
        ("date_range('0001-01-01', '9999-12-31')", "the range has more than 100000 entries", ""),
    ],
)
def test_what_a_function_cannot_do_is_told_at_the_call(
    source: str, message: str, hint: str
) -> None:
    assert error_of("1 == " + source) == (5, message, hint)
