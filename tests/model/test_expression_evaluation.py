"""What an expression yields in a scope: lookups, null, conditions, errors with their place."""

from __future__ import annotations

from enum import Enum
from typing import Any, Dict, Iterator, List, Mapping, Tuple

import pytest

from orchestra.model.expression import (
    ExpressionError,
    Scope,
    Value,
    evaluate,
    evaluate_condition,
    parse,
)


class View(Mapping[str, Any]):
    """A mapping that builds its entries when asked, and notes what it was asked for."""

    def __init__(self, data: Dict[str, Any]) -> None:
        self.data = data
        self.asked: List[str] = []

    def __getitem__(self, key: str) -> Any:
        self.asked.append(key)
        return self.data[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)


class State(str, Enum):
    FAILED = "failed"


NAMES: Dict[str, Value] = {
    "params": {"region": "eu", "n": 3, "ok": True, "none": None, "files": ["a", "b"], "x": 1.5},
    "steps": View({"build": View({"outputs": {"size": 10, "rows": [{"id": 1}]}})}),
    "failure": None,
    "state": State.FAILED,
    "pair": (1, 2),
    "huge": 10**400,
}


def value_of(source: str) -> Value:
    return evaluate(parse(source), Scope(NAMES))


def error_of(source: str) -> Tuple[int, str, str]:
    expression = parse(source)
    with pytest.raises(ExpressionError) as caught:
        evaluate(expression, Scope(NAMES))
    return caught.value.offset, caught.value.message, caught.value.hint


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("params.region == 'eu'", True),
        ("steps.build.outputs.size * 2", 20),
        ("steps.build.outputs.rows[0].id", 1),
        ("steps['build'].outputs.size", 10),
        ("len(steps)", 1),
        ("'build' in steps and 'test' not in steps", True),
        ("steps.build == {'outputs': {'size': 10, 'rows': [{'id': 1}]}}", True),
        ("{'outputs': {'size': 10, 'rows': []}} == steps.build", False),
        ("contains(steps.build.outputs, 'size')", True),
        ("to_json(steps.build)", '{"outputs":{"size":10,"rows":[{"id":1}]}}'),
        ("steps.test", None),
        ("state == 'failed'", True),
        ("upper(state)", "FAILED"),
        ("{state: 1}", {"failed": 1}),
        ("pair[1]", 2),
        ("pair == [1, 2]", True),
        ("pair + [3]", [1, 2, 3]),
        ("to_json(pair)", "[1,2]"),
    ],
)
def test_names_are_read_from_plain_data_and_from_views(source: str, expected: Value) -> None:
    assert value_of(source) == expected


def test_a_view_is_asked_only_for_what_is_used() -> None:
    view = View({"a": 1, "b": 2})
    evaluate(parse("names.a + names['a']"), Scope({"names": view}))
    assert view.asked == ["a", "a"]


def test_what_a_view_raises_reaches_the_caller() -> None:
    class NotKnownYet(Exception):
        pass

    class Later(View):
        def __getitem__(self, key: str) -> Any:
            raise NotKnownYet(key)

    with pytest.raises(NotKnownYet, match="a"):
        evaluate(parse("default(names.a, 1)"), Scope({"names": Later({})}))


def test_an_error_inside_a_view_is_told_at_the_key_that_asked() -> None:
    class Broken(View):
        def __getitem__(self, key: str) -> Any:
            raise ExpressionError("no such thing", 99, "do without")

    with pytest.raises(ExpressionError) as caught:
        evaluate(parse("names.a"), Scope({"names": Broken({})}))
    fault = caught.value
    assert (fault.message, fault.offset, fault.hint) == ("no such thing", 6, "do without")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("default(params.region, 'us')", "eu"),
        ("default(params.missing, 'us')", "us"),
        ("default(params.none, 'us')", "us"),
        ("default(null, null)", None),
        ("default('', 'us')", ""),
        ("default(false, true)", False),
        ("default(failure.step.name, 'none')", "none"),
        ("default(params.missing.deep['x'][0], 1)", 1),
        ("default(params.files[5], 'c')", "c"),
        ("default(params.region[9], 'c')", "c"),
        ("default(failure, params.n)", 3),
        ("default(default(failure.a, failure).b, 2)", 2),
        ("default(params.files[len(params.files)], 'none')", "none"),
        ("default(1, 1 / 0)", 1),
    ],
)
def test_default_stands_in_for_null_and_for_lookups_that_lead_nowhere(
    source: str, expected: Value
) -> None:
    assert value_of(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("params.ok or 1 / 0 == 1", True),
        ("not params.ok and 1 / 0 == 1", False),
        ("1 if params.ok else 1 / 0", 1),
        ("1 / 0 if not params.ok else 2", 2),
        ("3 < 2 < 1 / 0", False),
        ("params.ok or 'text'", True),
    ],
)
def test_what_does_not_matter_is_not_evaluated(source: str, expected: Value) -> None:
    assert value_of(source) == expected


MISSING = "use default(x, …) where it may be missing"
NULLABLE = "use default(x, …) where it may be null"
TEXT_TEST = "compare it: … != ''"


@pytest.mark.parametrize(
    ("source", "offset", "message", "hint"),
    [
        ("1 + parms.n", 4, "there is no name `parms` here", "did you mean params?"),
        ("zzz", 0, "there is no name `zzz` here", "a text is written in quotes"),
        ("failure.step", 8, "null has no `step`", MISSING),
        ("params.missing.deep", 15, "null has no `deep`", MISSING),
        ("params.missing[0]", 14, "null has no entries", MISSING),
        ("default(null, failure.step)", 22, "null has no `step`", MISSING),
        ("params.n.x", 9, "a number has no `x`", ""),
        ("params.ok['x']", 9, "true or false has no `x`", ""),
        ("params.n[0]", 8, "a number has no entries", ""),
        ("params.region.x", 14, "a text has no `x`", "write x[0], x[1], …"),
        ("params.files.first", 13, "a list has no `first`", "write x[0], x[1], …"),
        ("params.files['0']", 12, "a list has no `0`", "write x[0], x[1], …"),
        (
            "params.files[true]",
            12,
            "a list has whole numbers for its entries",
            "write x[0], x[1], …",
        ),
        (
            "params.files[1.0]",
            12,
            "a list has whole numbers for its entries",
            "write x[0], x[1], …",
        ),
        ("params.files[2]", 12, "there is no [2]: the length is 2", ""),
        ("params.files[-3]", 12, "there is no [-3]: the length is 2", ""),
        ("''[0]", 2, "there is no [0]: the length is 0", ""),
        ("params[0]", 6, "a key is a text, not a number", ""),
        ("steps[null]", 5, "a key is a text, not null", ""),
        ("{1: 2}", 1, "a key is a text, not a number", ""),
        ("{'a': 1, 'a': 2}", 9, "the key `a` stands twice", ""),
        ("{'\\x1b[0m': 1, '\\x1b[0m': 2}", 15, "the key `\\u001b[0m` stands twice", ""),
    ],
)
def test_a_lookup_that_cannot_be_is_told_at_its_place(
    source: str, offset: int, message: str, hint: str
) -> None:
    assert error_of(source) == (offset, message, hint)


@pytest.mark.parametrize(
    ("source", "offset", "message", "hint"),
    [
        (
            "1 + 'a'",
            2,
            "`+` cannot take a number and a text",
            "join them as text: format('{}{}', a, b)",
        ),
        (
            "'a' + 1",
            4,
            "`+` cannot take a text and a number",
            "join them as text: format('{}{}', a, b)",
        ),
        ("'a' + null", 4, "`+` cannot take a text and null", NULLABLE),
        ("1 + true", 2, "`+` cannot take a number and true or false", ""),
        (
            "[1] + 'a'",
            4,
            "`+` cannot take a list and a text",
            "join them as text: format('{}{}', a, b)",
        ),
        ("{} + {}", 3, "`+` cannot take a mapping and a mapping", ""),
        ("'a' * 1000000000", 4, "`*` cannot take a text and a number", ""),
        ("[0] * 1000000000", 4, "`*` cannot take a list and a number", ""),
        ("'%s' % 1", 5, "`%` cannot take a text and a number", "use format('{}', x)"),
        ("2 * 3 * 'a'", 6, "`*` cannot take a number and a text", ""),
        ("1 / 0", 2, "division by zero", ""),
        ("1 // 0", 2, "division by zero", ""),
        ("1 % 0.0", 2, "division by zero", ""),
        ("9223372036854775807 + 1", 20, "the number is too large", ""),
        ("-9223372036854775807 - 1", 21, "the number is too large", ""),
        ("4611686018427387904 * 2", 20, "the number is too large", ""),
        ("1e308 * 10", 6, "the number is too large", ""),
        ("huge / 3", 5, "the number is too large", ""),
        ("huge + 0.5", 5, "the number is too large", ""),
        ("huge - 1", 5, "the number is too large", ""),
        ("-huge", 0, "the number is too large", ""),
        ("-'a'", 0, "`-` needs a number, not a text", ""),
        ("-failure", 0, "`-` needs a number, not null", NULLABLE),
        ("-params.ok", 0, "`-` needs a number, not true or false", ""),
        ("1 < 'a'", 2, "a number and a text have no order", "compare two numbers or two texts"),
        ("1 < 2 < 'a'", 6, "a number and a text have no order", "compare two numbers or two texts"),
        ("failure < 1", 8, "null and a number have no order", NULLABLE),
        (
            "true < false",
            5,
            "true or false and true or false have no order",
            "compare two numbers or two texts",
        ),
        ("[1] < [2]", 4, "a list and a list have no order", "compare two numbers or two texts"),
        ("1 in 'a'", 2, "only a text can be in a text, not a number", ""),
        ("null in params", 5, "only a text can be in a mapping, not null", NULLABLE),
        ("'a' in failure", 4, "`in` looks into a text, a list or a mapping, not null", NULLABLE),
        ("'a' not in 1", 4, "`in` looks into a text, a list or a mapping, not a number", ""),
        ("params.region and true", 0, "`and` needs true or false, not a text", TEXT_TEST),
        ("true and params.region", 9, "`and` needs true or false, not a text", TEXT_TEST),
        ("false or null", 9, "`or` needs true or false, not null", "compare it: … != null"),
        ("not params.n", 4, "`not` needs true or false, not a number", "compare it: … != 0"),
        (
            "1 if [] else 2",
            5,
            "`if` needs true or false, not a list",
            "compare its length: len(…) > 0",
        ),
        (
            "1 if {} else 2",
            5,
            "`if` needs true or false, not a mapping",
            "compare its length: len(…) > 0",
        ),
    ],
)
def test_kinds_that_do_not_fit_are_told_at_the_operator(
    source: str, offset: int, message: str, hint: str
) -> None:
    assert error_of(source) == (offset, message, hint)


def test_the_result_of_a_condition_is_true_or_false() -> None:
    conditions = ("params.n == 3", "${{ params.n == 4 }}", "params.ok")
    results = [evaluate_condition(parse(source), Scope(NAMES)) for source in conditions]
    assert results == [True, False, True]


def test_a_condition_that_is_no_test_says_how_to_make_one() -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate_condition(parse("  params.region"), Scope(NAMES))
    fault = caught.value
    assert (fault.offset, fault.message, fault.hint) == (
        2,
        "a condition needs true or false, not a text",
        TEXT_TEST,
    )


def test_functions_of_the_place_come_from_the_scope() -> None:
    functions = {"failure": lambda: True, "glob": lambda *patterns: list(patterns)}
    expression = parse("[failure(), glob('a*', params.region)]")
    assert evaluate(expression, Scope(NAMES, functions)) == [True, ["a*", "eu"]]


@pytest.mark.parametrize(
    ("source", "offset", "message", "hint"),
    [
        (
            "params.ok and failure()",
            14,
            "`failure` cannot be called here",
            "it stands in `if` only",
        ),
        ("always()", 0, "`always` cannot be called here", "it stands in `if` only"),
        ("glob('*')", 0, "`glob` cannot be called here", "no files are read here"),
        ("hash_files('a', 'b')", 0, "`hash_files` cannot be called here", "no files are read here"),
    ],
)
def test_a_function_that_the_scope_lacks_cannot_be_called(
    source: str, offset: int, message: str, hint: str
) -> None:
    assert error_of(source) == (offset, message, hint)


def test_arguments_of_functions_of_the_scope_are_checked() -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(parse("1 + len(glob('a', 1))"), Scope({}, {"glob": lambda *_: []}))
    assert (caught.value.offset, caught.value.message) == (
        8,
        "`pattern` in glob(pattern…) is a text, not a number",
    )


def test_what_is_no_data_is_a_fault_of_who_made_the_scope() -> None:
    with pytest.raises(TypeError, match="no kind of data: object"):
        evaluate(parse("x == 1"), Scope({"x": object()}))  # type: ignore[dict-item]  # the point
