"""Text and data with expressions in them: found, filled, and what they use."""

from __future__ import annotations

import json
from enum import Enum
from types import MappingProxyType
from typing import Any, Callable, List, Tuple, Union

import pytest

from orchestra.model.expression import (
    Expression,
    ExpressionError,
    Reference,
    Scope,
    Template,
    Text,
    Value,
    expressions_of,
    fill,
    fill_text,
    fill_tree,
    functions_of,
    parse,
    parse_text,
    references_of,
    scan_text,
    to_text,
)


class Written(float):
    """A number that knows how it was written."""

    source = "3.10"


class State(str, Enum):
    FAILED = "failed"


SCOPE = Scope(
    {
        "params": {
            "region": "eu",
            "n": 3,
            "list": [1, "é"],
            "none": None,
            "version": Written("3.1"),
        },
        "item": "a b",
    }
)


def parts_of(text: Text) -> Union[str, List[str]]:
    """The text itself, or the parts of a template with the source of each expression in <>."""
    if isinstance(text, str):
        return text
    return ["<%s>" % part.source if isinstance(part, Expression) else part for part in text.parts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("a $ {{ b }} $b ${c} {{", "a $ {{ b }} $b ${c} {{"),
        ("$${{ a }}", "${{ a }}"),
        ("$$${{ a }}", "$${{ a }}"),
        ("a $${{ b $${{", "a ${{ b ${{"),
        ("${{ a }}", ["<a>"]),
        ("${{a}}", ["<a>"]),
        (" ${{ a }}", [" ", "<a>"]),
        ("a ${{ b.c }} d ${{ e }}${{ f }}", ["a ", "<b.c>", " d ", "<e>", "<f>"]),
        ("$${{ ${{ a }} $${{ }}", ["${{ ", "<a>", " ${{ }}"]),
        ("${{ '}}' }}", ["<'}}'>"]),
        ("${{ \"}}\" + '}}' }}}}", ["<\"}}\" + '}}'>", "}}"]),
        ("${{ {'a': {'b': 1}} }}", ["<{'a': {'b': 1}}>"]),
        ("${{ {'a': {'b': 1}}}}", ["<{'a': {'b': 1}}>"]),
        ("${{ {} }}", ["<{}>"]),
        ("${{{}}}", ["<{}>"]),
        ("${{ a[b['}}']] }}", ["<a[b['}}']]>"]),
        ("${{ a }} }}", ["<a>", " }}"]),
        ("${{ a\n  and\n  b }}\n", ["<a\n  and\n  b>", "\n"]),
        ("${{ '$${{ a }}' }}", ["<'$${{ a }}'>"]),
    ],
)
def test_expressions_are_found_in_text(text: str, expected: object) -> None:
    assert parts_of(parse_text(text)) == expected


def test_a_template_keeps_its_source() -> None:
    template = parse_text("$${{ ${{ a }}")
    assert isinstance(template, Template)
    assert template.source == "$${{ ${{ a }}"


def test_offsets_count_into_the_whole_text() -> None:
    template = parse_text("12 ${{ a.b }} $${{ ${{ c + d }}")
    references = [(reference.path, reference.offset) for reference in references_of(template)]
    assert references == [(("a", "b"), 7), (("c",), 23), (("d",), 27)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("no expression", []),
        ("${{ a }}", [(0, 8, "a")]),
        ("x $${{ y ${{ 'é' }} z", [(2, 6, None), (9, 19, "'é'")]),
        ("$$${{", [(1, 5, None)]),
        ("${{a}}${{b}}", [(0, 6, "a"), (6, 12, "b")]),
    ],
)
def test_a_scan_gives_the_place_of_expressions_and_escapes(text: str, expected: object) -> None:
    spans = [
        (span.start, span.end, span.expression.source if span.expression else None)
        for span in scan_text(text)
    ]
    assert spans == expected


UNCLOSED = ("`${{` is never closed", "an expression ends with }}")


@pytest.mark.parametrize(
    ("text", "offset", "fault"),
    [
        ("x ${{ a", 2, UNCLOSED),
        ("${{", 0, UNCLOSED),
        ("x ${{ a } y", 2, UNCLOSED),
        ("x ${{ (a } y", 2, UNCLOSED),
        ("x ${{ 'a }", 2, UNCLOSED),
        ("echo ${{ a\n; rm -r $x", 5, UNCLOSED),
        ("${{ a ${{ b }}", 0, UNCLOSED),
        ("${{ a }} ${{ b", 9, UNCLOSED),
        (
            "${{ a $${{ b }}",
            6,
            (
                "`$` is not part of the expression language",
                "a name stands alone here, as in params.x",
            ),
        ),
        ("12 ${{ a } }}", 9, ("`}` closes nothing", "an expression ends with }}")),
        ("12 ${{ (a }}", 7, ("`(` is never closed", "")),
        ("12 ${{ {'a': 1 }} }}", 16, ("`}` closes nothing", "an expression ends with }}")),
        ("12 ${{ }}", 7, ("there is no expression", "")),
        ("12 ${{ a && b }}", 9, ("`&&` is not part of the expression language", "write and")),
        (
            "12 ${{ don't }}",
            10,
            ("the quoted text does not end on its line", "a new line in it is \\n"),
        ),
        ("12 ${{ uper(a) }}", 7, ("there is no function `uper`", "did you mean upper?")),
        ("12 ${{ '\\q' }}", 8, ("`\\q` is not a character", "a backslash itself is written twice")),
        ("12 ${{ %s }}" % ("a" * 65_536), 6, ("the expression is longer than 64 KiB", "")),
    ],
)
def test_a_fault_in_text_is_told_at_its_place(text: str, offset: int, fault: object) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_text(text)
    found = caught.value
    assert (found.offset, (found.message, found.hint)) == (offset, fault)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$${{ x }}", "${{ x }}"),
        ("${{ params.n }}", 3),
        ("${{ params.list }}", [1, "é"]),
        ("${{ params.none }}", None),
        ("${{ params.n == 3 }}", True),
        ("n=${{ params.n }}", "n=3"),
        (" ${{ params.list }}", ' [1,"é"]'),
        ("${{ params.region }}-${{ params.n / 2 }}-${{ true }}", "eu-1.5-true"),
        ("${{ '$' }}{{ x }}", "${{ x }}"),
        ("${{ '${{ params.n }}' }}", "${{ params.n }}"),
        ("$${{ ${{ params.n }}", "${{ 3"),
    ],
)
def test_a_single_expression_keeps_its_kind_and_others_become_text(
    text: str, expected: Value
) -> None:
    value = fill(parse_text(text), SCOPE)
    assert (type(value), value) == (type(expected), expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("${{ params.n }}", "3"),
        ("${{ params.version }}", "3.10"),
        ("v${{ params.version }}", "v3.10"),
        ("${{ params.version + 1 }}", "4.1"),
        ("${{ [params.version] }}", "[3.1]"),
        ("${{ params.list }}", '[1,"é"]'),
        ("${{ default(params.none, '') }}", ""),
    ],
)
def test_values_become_text(text: str, expected: str) -> None:
    assert fill_text(parse_text(text), SCOPE) == expected


@pytest.mark.parametrize(
    ("text", "offset", "message", "hint"),
    [
        ("a ${{ params.none }}", 6, "null has no text", "use default(x, '')"),
        ("${{ params.none }}", 4, "null has no text", "use default(x, '')"),
        (
            "a ${{ params.none.x }}",
            18,
            "null has no `x`",
            "use default(x, …) where it may be missing",
        ),
        ("a ${{ 1 }} ${{ 1 / 0 }}", 17, "division by zero", ""),
    ],
)
def test_a_text_that_cannot_be_filled_is_told_at_its_place(
    text: str, offset: int, message: str, hint: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        fill_text(parse_text(text), SCOPE)
    found = caught.value
    assert (found.offset, found.message, found.hint) == (offset, message, hint)


def test_a_template_of_plain_text_is_that_text() -> None:
    template = Template("$${{ x", ("${{ x",))
    assert (fill(template, SCOPE), fill_text(template, SCOPE)) == ("${{ x", "${{ x")


def test_null_inside_text_is_refused_also_where_the_kind_may_be_kept() -> None:
    with pytest.raises(ExpressionError, match="null has no text"):
        fill(parse_text("a${{ params.none }}"), SCOPE)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ""),
        ("a\nb", "a\nb"),
        ("\udc80", "\udc80"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-12, "-12"),
        (2**64, "18446744073709551616"),
        (1.0, "1.0"),
        (0.1, "0.1"),
        (1e16, "1e+16"),
        (Written("3.1"), "3.10"),
        ([], "[]"),
        ((1, 2), "[1,2]"),
        ([1, "a", None, True], '[1,"a",null,true]'),
        ({"a": {"b": [1.5]}}, '{"a":{"b":[1.5]}}'),
        (MappingProxyType({"a": MappingProxyType({})}), '{"a":{}}'),
        (["é\n\x00", "\udc80"], '["é\\n\\u0000","\udc80"]'),
        (State.FAILED, "failed"),
        ([State.FAILED], '["failed"]'),
    ],
)
def test_the_text_of_a_value_is_the_shortest_that_says_it(value: Value, expected: str) -> None:
    text = to_text(value)
    assert (type(text), text) == (str, expected)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "null has no text"),
        (float("nan"), "a number in the value cannot be written as JSON"),
        ([float("inf")], "a number in the value cannot be written as JSON"),
    ],
)
def test_a_value_without_text_is_refused(value: Value, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        to_text(value)
    assert caught.value.message == message


TREE = {
    "a": parse_text("${{ params.n }}"),
    "b": [parse_text("x${{ item }}"), "plain", 1, None, {"c": parse_text("${{ len(item) }}")}],
    "d": (parse_text("${{ steps.a }}"),),
}


def test_data_are_filled_with_the_kinds_kept() -> None:
    tree = {"a": TREE["a"], "b": TREE["b"], "c": (parse_text("${{ true }}"), 1.5)}
    assert fill_tree(tree, SCOPE) == {
        "a": 3,
        "b": ["xa b", "plain", 1, None, {"c": 3}],
        "c": [True, 1.5],
    }


def test_a_text_alone_is_data_too() -> None:
    filled = [fill_tree(tree, SCOPE) for tree in ("a", parse_text("${{ params.n }}"), None, 1)]
    assert filled == ["a", 3, None, 1]


def nested(depth: int, wrap: Callable[[Any], Any]) -> Any:
    tree = wrap(parse_text("${{ params.n }}"))
    for _ in range(depth - 1):
        tree = wrap(tree)
    return tree


@pytest.mark.parametrize("wrap", [lambda tree: [tree], lambda tree: {"a": tree}])
def test_data_are_filled_up_to_their_bound_of_depth(wrap: Callable[[Any], Any]) -> None:
    filled = json.dumps(fill_tree(nested(100, wrap), SCOPE))
    with pytest.raises(ExpressionError, match="nested deeper than 100 levels"):
        fill_tree(nested(101, wrap), SCOPE)
    assert filled.count("[") + filled.count("{") == 100


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ("plain", []),
        (None, []),
        (parse("a + b"), [("a",), ("b",)]),
        (parse_text("${{ a }} ${{ b.c }}"), [("a",), ("b", "c")]),
        (TREE, [("params", "n"), ("item",), ("item",), ("steps", "a")]),
    ],
)
def test_references_stand_in_the_order_of_the_data(
    tree: Any, expected: List[Tuple[str, ...]]
) -> None:
    assert [reference.path for reference in references_of(tree)] == expected


def test_references_of_an_expression_are_its_own() -> None:
    assert list(references_of(parse(" a.b"))) == [Reference(("a", "b"), 1)]


def test_functions_and_expressions_of_data_are_those_of_all_texts_in_them() -> None:
    found = (functions_of(TREE), [expression.source for expression in expressions_of(TREE)])
    assert found == ({"len"}, ["params.n", "item", "len(item)", "steps.a"])
