"""Expressions against any text, and against Python as the model of what they mean."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra.model.expression import (
    ExpressionError,
    Scope,
    Template,
    Value,
    evaluate,
    fill,
    fill_text,
    parse,
    parse_text,
    scan_text,
    to_text,
)
from tests.effort import examples

NAMES: Dict[str, Any] = {
    "n": 3,
    "x": -1.5,
    "s": "abc",
    "t": True,
    "l": [3, 1, 2],
    "w": ["b", "a"],
    "d": {"k": 5, "m": "eu"},
    "z": None,
}

SIGNS = (
    "${{ $${{ }} { } [ ] ( ) , : . .k .-a + - * / // % ** < <= == != === = ! && || \" ' $ # é \\ "
    "\n \t \ud800 \x00 in not and or if else true false null True n x s t l w d z 0 1 2.5 1e9 07 "
    "0x1 99999999999 'a' '{}' len( min( format( default( from_json( replace( upper( range( stem("
)


def soup() -> st.SearchStrategy[str]:
    word = st.one_of(st.sampled_from(SIGNS.split(" ")), st.text(max_size=3))
    return st.lists(word, max_size=25).map("".join) | st.lists(word, max_size=25).map(" ".join)


def outcome(source: str) -> Optional[Value]:
    """The value, or None where any step says no; anything but ExpressionError goes through."""
    try:
        return evaluate(parse(source), Scope(NAMES))
    except ExpressionError as fault:
        if not 0 <= fault.offset <= len(source):
            raise AssertionError((fault.offset, source)) from fault
        return None


@settings(max_examples=examples(400), deadline=None)
@given(soup())
def test_any_text_is_an_expression_or_an_expression_error(source: str) -> None:
    value = outcome(source)
    assert json.loads(json.dumps(value)) == value


@settings(max_examples=examples(400), deadline=None)
@given(soup())
def test_any_text_is_a_template_or_an_expression_error(source: str) -> None:
    try:
        spans = scan_text(source)
    except ExpressionError as fault:
        spans = []
        assert 0 <= fault.offset < len(source)  # noqa: PT017 - any other outcome passes too
    ends = [place for span in spans for place in (span.start, span.end)]
    assert ends == sorted(ends)


@settings(max_examples=examples(200), deadline=None)
@given(st.text())
def test_text_without_expressions_is_itself(source: str) -> None:
    plain = source.replace("${{", "")
    assert (parse_text(plain), scan_text(plain)) == (plain, [])


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["n", "s", "$${{", "'}}'"]), st.text(max_size=5))))
def test_what_stands_between_expressions_is_kept(pieces: List[Any]) -> None:
    meaning = {"n": "3", "s": "abc", "$${{": "${{", "'}}'": "}}"}
    plain = [(name, text.replace("$", "").replace("{", "")) for name, text in pieces]
    source = "".join(
        (name if name == "$${{" else "${{ %s }}" % name) + text for name, text in plain
    )
    expected = "".join(meaning[name] + text for name, text in plain)
    assert fill_text(parse_text(source), Scope(NAMES)) == expected


TEXTS = st.text(max_size=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)


def written(value: Any) -> str:
    """The value as a literal of the language."""
    if isinstance(value, str):
        return "'%s'" % "".join("\\U%08x" % ord(sign) for sign in value)
    if isinstance(value, list):
        return "[%s]" % ", ".join(map(written, value))
    if isinstance(value, dict):
        pairs = ["%s: %s" % (written(key), written(entry)) for key, entry in value.items()]
        return "{%s}" % ", ".join(pairs)
    return json.dumps(value)


@settings(max_examples=examples(200), deadline=None)
@given(JSON)
def test_a_value_survives_being_written_read_and_passed(value: Any) -> None:
    scope = Scope({"v": value})
    results = [
        evaluate(parse(source), scope)
        for source in ("v", written(value), "from_json(to_json(v))", "default(v, null)")
    ]
    assert results == [value] * 4
    assert evaluate(parse("v == %s" % written(value)), scope) is True


@settings(max_examples=examples(200), deadline=None)
@given(JSON)
def test_the_text_of_a_list_or_mapping_is_json(value: Any) -> None:
    assert json.loads(to_text([value])) == [value]


@settings(max_examples=examples(200), deadline=None)
@given(JSON)
def test_a_single_expression_is_filled_with_its_value(value: Any) -> None:
    template = parse_text("${{ v }}")
    assert isinstance(template, Template)
    assert fill(template, Scope({"v": value})) == value


def chained(operand: st.SearchStrategy[str], signs: str) -> st.SearchStrategy[str]:
    """Two or three operands with operators between them."""
    more = st.lists(st.tuples(st.sampled_from(signs.split()), operand), min_size=1, max_size=2)
    return st.tuples(operand, more).map(
        lambda parts: parts[0] + "".join(" %s %s" % pair for pair in parts[1])
    )


def numbers() -> st.SearchStrategy[str]:
    plain = ["0", "1", "2", "7", "0.5", "n", "x", "l[0]", "l[-1]", "d['k']", "len(s)", "min(l)"]
    return st.recursive(
        st.sampled_from(plain),
        lambda inner: st.one_of(
            chained(inner, "+ - * / // %"),
            inner.map("({})".format),
            inner.map("-{}".format),
            st.tuples(inner, inner).map("max({0[0]}, {0[1]})".format),
            st.tuples(inner, inner).map("sum([{0[0]}, {0[1]}])".format),
        ),
        max_leaves=6,
    )


def texts() -> st.SearchStrategy[str]:
    plain = ["''", "'a'", '"b\'c"', "'\\n\\x41'", "s", "s[-1]", "w[0]", "d['m']"]
    return st.recursive(
        st.sampled_from(plain),
        lambda inner: chained(inner, "+") | inner.map("({})".format),
        max_leaves=4,
    )


def lists() -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(numbers() | texts(), max_size=3).map(lambda items: "[%s]" % ", ".join(items)),
        chained(st.sampled_from(["l", "w", "[]", "[n,]", "sorted(l)"]), "+"),
        st.tuples(bools(), st.sampled_from(["l", "w + l"])).map("(w if {0[0]} else {0[1]})".format),
    )


def bools() -> st.SearchStrategy[str]:
    return st.deferred(_bools)


def _bools() -> st.SearchStrategy[str]:
    return st.recursive(
        st.one_of(
            st.sampled_from(["true", "false", "t", "not t"]),
            chained(numbers(), "< <= > >= == !="),
            chained(texts(), "< >= == != in"),
            st.tuples(numbers(), lists()).map("{0[0]} in {0[1]}".format),
            st.tuples(texts(), lists()).map("{0[0]} not in {0[1]}".format),
            st.tuples(lists(), lists()).map("{0[0]} == {0[1]}".format),
        ),
        lambda inner: st.one_of(
            chained(inner, "and or"),
            inner.map("not {}".format),
            inner.map("({})".format),
            st.tuples(inner, inner, inner).map("({0[0]} if {0[1]} else {0[2]})".format),
        ),
        max_leaves=5,
    )


PYTHON: Dict[str, Any] = {
    "__builtins__": {},
    "true": True,
    "false": False,
    **{function.__name__: function for function in (len, min, max, sum, sorted)},
    **NAMES,
}


def meaning_in_python(source: str) -> Optional[Value]:
    try:
        value: Value = eval(source, PYTHON)
    except ZeroDivisionError:
        return None
    return value


@settings(max_examples=examples(600), deadline=None)
@given(st.one_of(numbers(), texts(), lists(), bools()))
def test_an_expression_means_what_it_means_in_python(source: str) -> None:
    value, expected = outcome(source), meaning_in_python(source)
    assert (type(value), value) == (type(expected), expected)


@settings(max_examples=examples(300), deadline=None)
@given(
    st.sampled_from(sorted(NAMES)), st.sampled_from(sorted({*dir(""), *dir({}), *dir(0), *dir([])}))
)
def test_an_attribute_of_python_is_no_key(name: str, attribute: str) -> None:
    assert outcome("%s.%s" % (name, attribute)) is None
