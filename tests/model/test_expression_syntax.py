"""What can be written in an expression, what it means, and what is said where it cannot be read."""

from __future__ import annotations

from typing import Tuple

import pytest

from orchestra.model.expression import ExpressionError, Reference, Scope, evaluate, parse

NAMES = {
    "t": True,
    "f": False,
    "x": "text",
    "n": 7,
    "d": {"a": {"b-c": 1, "if": 2, "0": 3}, "list": [10, 20, [30]], "é": 4},
}


def value_of(source: str) -> object:
    return evaluate(parse(source), Scope(NAMES))


def error_of(source: str) -> Tuple[int, str, str]:
    with pytest.raises(ExpressionError) as caught:
        parse(source)
    return caught.value.offset, caught.value.message, caught.value.hint


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("0", 0),
        ("12", 12),
        ("9223372036854775807", 2**63 - 1),
        ("1.5", 1.5),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.5E-1", 0.15),
        ("-3", -3),
        ("- -3", 3),
        ("true", True),
        ("false", False),
        ("null", None),
        ("''", ""),
        ("'a'", "a"),
        ('"a"', "a"),
        ("'say \"x\"'", 'say "x"'),
        ('"don\'t"', "don't"),
        (r"'\'\"\\\n\t\r\a\b\f\v'", "'\"\\\n\t\r\a\b\f\v"),
        (r"'\x41é\U0001F600'", "Aé\U0001f600"),
        (r"'\ud7ff\ue000\U0010FFFF'", "\ud7ff\ue000\U0010ffff"),
        ("'$${{ a }}'", "$${{ a }}"),
        ("[]", []),
        ("[1, 'a', [true]]", [1, "a", [True]]),
        ("[1, 2,]", [1, 2]),
        ("{}", {}),
        ("{'a': 1, 'b': {'c': []},}", {"a": 1, "b": {"c": []}}),
        ("{x: n}", {"text": 7}),
    ],
)
def test_a_literal_is_its_value(source: str, expected: object) -> None:
    value = value_of(source)
    assert (type(value), value) == (type(expected), expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 3 - 2", 5),
        ("2 * 3 % 4", 2),
        ("7 // 2", 3),
        ("-7 // 2", -4),
        ("-7 % 3", 2),
        ("7 / 2", 3.5),
        ("4 / 2", 2.0),
        ("7.5 // 2", 3.0),
        ("-n + 1", -6),
        ("2 - -n", 9),
        ("2*-n", -14),
        ("'a' + 'b' + 'c'", "abc"),
        ("[1] + [2] + []", [1, 2]),
        ("1 < 2", True),
        ("2 <= 1", False),
        ("2 > 1 >= 1", True),
        ("1 < 3 < 2", False),
        ("1 < 2 == 2", True),
        ("'a' < 'b'", True),
        ("1 == 1.0", True),
        ("1 != 2", True),
        ("1 == true", False),
        ("0 == false", False),
        ("'1' == 1", False),
        ("null == false", False),
        ("[1, [2]] == [1.0, [2]]", True),
        ("[1] == [true]", False),
        ("{'a': [1], 'b': 2} == {'b': 2, 'a': [1]}", True),
        ("{'a': 1} == {'a': true}", False),
        ("2 in [1, 2]", True),
        ("1 in [true]", False),
        ("'ex' in x", True),
        ("'a' in {'a': null}", True),
        ("'b' not in {'a': null}", True),
        ("3 not in [1, 2] == [1, 2]", True),
        ("not t", False),
        ("not not t", True),
        ("not f and t", True),
        ("not n == 7", False),
        ("t or f and f", True),
        ("(t or f) and f", False),
        ("t and f or t", True),
        ("f == (not t)", True),
        ("1 if t else 2", 1),
        ("1 if f else 2 if f else 3", 3),
        ("1 if f else 2 if t else 3", 2),
        ("(1 if t else 2) if f else 3", 3),
        ("1 if t else 2 + 40", 1),
        ("[1 if f else 2, 3]", [2, 3]),
        ("  n\t+\r\n 1  ", 8),
    ],
)
def test_operators_mean_what_they_mean_in_python(source: str, expected: object) -> None:
    value = value_of(source)
    assert (type(value), value) == (type(expected), expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("d.a.b-c", 1),
        ("d.a.if", 2),
        ("d.a.0", 3),
        ("d.é", 4),
        ("d['a']['b-c']", 1),
        ("d .a .if", 2),
        ("d.list[0]", 10),
        ("d.list[-1][0]", 30),
        ("d.list[n - 6]", 20),
        ("d['l' + 'ist'][1]", 20),
        ("x[0]", "t"),
        ("x[-1]", "t"),
        ("'abc'[1]", "b"),
        ("[1, 2][1]", 2),
        ("{'a': 5}.a", 5),
        ("(d).a.if", 2),
        ("n -1", 6),
        ("n-1", 6),
        ("d.a.if - 1", 1),
        ("d.missing", None),
        ("d['missing']", None),
        ("d.a.b-1", None),
    ],
)
def test_keys_are_looked_up(source: str, expected: object) -> None:
    assert value_of(source) == expected


@pytest.mark.parametrize(
    "source",
    ["${{ n == 7 }}", "  ${{n == 7}}\n", "${{ {'a': {'b': n}}.a.b == 7}}", "${{ '}}' != '' }}"],
)
def test_an_expression_may_stand_in_its_braces(source: str) -> None:
    assert value_of(source) is True


def test_the_source_of_an_expression_is_its_text_alone() -> None:
    found = [(parse(source).source, parse(source).offset) for source in (" a + 1 ", " ${{  b  }} ")]
    assert found == [("a + 1", 1), ("b", 6)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 + 'a'", []),
        ("a", [(("a",), 0)]),
        ("steps.build.outputs.x", [(("steps", "build", "outputs", "x"), 0)]),
        ("steps['build'].items[0]", [(("steps", "build", "items", 0), 0)]),
        ("a[-1].b", [(("a", -1, "b"), 0)]),
        ("steps[params.s].x", [(("steps",), 0), (("params", "s"), 6)]),
        (
            "a.b + len(c) if d else {e: [f.g]}",
            [(("a", "b"), 0), (("c",), 10), (("d",), 16), (("e",), 24), (("f", "g"), 28)],
        ),
        ("true", []),
        ("failure() or failure.step == 'a'", [(("failure", "step"), 13)]),
        ("(a).b", [(("a",), 1)]),
        ("a[1.5].b", [(("a",), 0)]),
        ("a[true].b", [(("a",), 0)]),
        ("params.a == params.a", [(("params", "a"), 0), (("params", "a"), 12)]),
        ("${{ a.b }}", [(("a", "b"), 4)]),
    ],
)
def test_references_are_the_names_with_their_constant_keys(source: str, expected: object) -> None:
    assert list(parse(source).references) == expected


def test_a_reference_names_its_path_and_place() -> None:
    assert parse("1 + env.HOME").references == (Reference(("env", "HOME"), 4),)


def test_functions_are_the_names_of_all_that_are_called() -> None:
    expression = parse("success() and len(glob('*')) > 0 or contains(x, upper('a'))")
    assert expression.functions == {"success", "len", "glob", "contains", "upper"}


@pytest.mark.parametrize(
    ("source", "offset", "message", "hint"),
    [
        ("", 0, "there is no expression", ""),
        ("  \n ", 4, "there is no expression", ""),
        ("${{ }}", 4, "there is no expression", ""),
        ("1 +", 3, "the expression ends too soon", ""),
        ("a if b", 6, "the expression ends too soon", "write a if condition else b"),
        ("a b", 2, "`b` cannot stand here", ""),
        ("a 'b'", 2, "the quoted text cannot stand here", ""),
        ("a 1", 2, "`1` cannot stand here", ""),
        ("+ 1", 0, "`+` cannot stand here", ""),
        ("1 + * 2", 4, "`*` cannot stand here", ""),
        ("a, b", 1, "`,` cannot stand here", ""),
        ("(a, b)", 2, "`,` cannot stand here", "a list is written [a, b]"),
        ("()", 1, "`)` cannot stand here", ""),
        ("[,]", 1, "`,` cannot stand here", ""),
        ("{1}", 2, "`}` cannot stand here", "a mapping is written {'key': value}"),
        ("{'a': }", 6, "`}` cannot stand here", ""),
        ("a.", 1, "`.` cannot stand here", "a name follows the dot, without a space"),
        ("a. b", 1, "`.` cannot stand here", "a name follows the dot, without a space"),
        ("d.a- 1", 5, "`1` cannot stand here", "a minus needs a space before it"),
        ("x[1:2]", 3, "`:` cannot stand here", "there are no slices"),
        ("x[]", 2, "`]` cannot stand here", ""),
        ("a == not b", 5, "`not` cannot stand here", "put it into brackets: (not a)"),
        ("- not a", 2, "`not` cannot stand here", "put it into brackets: (not a)"),
        ("a not b", 2, "`not` cannot stand here", ""),
        ("else", 0, "`else` cannot stand here", ""),
        (
            "a if b elif c",
            7,
            "`elif` cannot stand here",
            "write a if condition else b if other else c",
        ),
        ("a is null", 2, "`is` cannot stand here", "write == or !="),
        ("a AND b", 2, "`AND` cannot stand here", "write and"),
        ("a OR b", 2, "`OR` cannot stand here", "write or"),
        (
            "[a for a in b]",
            3,
            "`for` cannot stand here",
            "there are no loops; a step with foreach has one",
        ),
        ("True", 0, "`True` cannot stand here", "write true"),
        ("a == False", 5, "`False` cannot stand here", "write false"),
        ("[None]", 1, "`None` cannot stand here", "write null"),
        ("(a", 0, "`(` is never closed", ""),
        ("[1, {", 4, "`{` is never closed", ""),
        ("(a]", 0, "`(` is never closed", ""),
        ("a)", 1, "`)` closes nothing", ""),
        ("a }}", 2, "`}` closes nothing", ""),
    ],
)
def test_what_cannot_stand_somewhere_is_shown_at_its_place(
    source: str, offset: int, message: str, hint: str
) -> None:
    assert error_of(source) == (offset, message, hint)


@pytest.mark.parametrize(
    ("source", "offset", "sign", "hint"),
    [
        ("a && b", 2, "&&", "write and"),
        ("a & b", 2, "&", "write and"),
        ("a || b", 2, "||", "write or"),
        ("a | upper", 2, "|", "write or; a function is called as upper(x)"),
        ("!a", 0, "!", "write not"),
        ("a === b", 2, "===", "write =="),
        ("a !== b", 2, "!==", "write !="),
        ("a <> b", 2, "<>", "write !="),
        ("a = b", 2, "=", "write == to compare"),
        ("a ? b : c", 2, "?", "write a if condition else b"),
        ("9**9**9", 1, "**", "there is no power; multiply"),
        ("$params.x", 0, "$", "a name stands alone here, as in params.x"),
        ("1 << 9", 2, "<<", ""),
        ("1 >> 9", 2, ">>", ""),
        ("~1", 0, "~", ""),
        ("a := 1", 2, ":=", ""),
        ("a ; b", 2, ";", ""),
        ("`a`", 0, "`", ""),
        ("a # b", 2, "#", ""),
        ("a\\b", 1, "\\", ""),
        ("a\u00a0", 1, "\\u00a0", ""),
        ("\x00", 0, "\\u0000", ""),
    ],
)
def test_a_sign_of_another_language_gets_the_right_one(
    source: str, offset: int, sign: str, hint: str
) -> None:
    assert error_of(source) == (
        offset,
        "`%s` is not part of the expression language" % sign,
        hint,
    )


@pytest.mark.parametrize(
    ("source", "offset", "message", "hint"),
    [
        ("1_000", 0, "`1_000` is not a number", "a number has no _ in it"),
        ("a + 0x1F", 4, "`0x1F` is not a number", "write it in decimal digits, or quoted as text"),
        ("1.2.3", 0, "`1.2.3` is not a number", "write it in decimal digits, or quoted as text"),
        ("12a", 0, "`12a` is not a number", "write it in decimal digits, or quoted as text"),
        ("012", 0, "`012` is not a number", "write it without the 0, or quoted as text"),
        ("07", 0, "`07` is not a number", "write it without the 0, or quoted as text"),
        ("9223372036854775808", 0, "the number is too large", ""),
        ("1" * 5000, 0, "the number is too large", ""),
        ("1e999", 0, "the number is too large", ""),
        ("'abc", 0, "the quoted text does not end on its line", "a new line in it is \\n"),
        ('a == "b\n"', 5, "the quoted text does not end on its line", "a new line in it is \\n"),
        ("'a\\", 0, "the quoted text does not end on its line", "a new line in it is \\n"),
        (r"'a\d'", 2, r"`\d` is not a character", "a backslash itself is written twice"),
        (r"'\x4'", 1, r"`\x` is not a character", "a backslash itself is written twice"),
        (r"'\ud800'", 1, r"`\ud800` is not a character", "a backslash itself is written twice"),
        (r"'\udfff'", 1, r"`\udfff` is not a character", "a backslash itself is written twice"),
        (
            r"'\U00110000'",
            1,
            r"`\U00110000` is not a character",
            "a backslash itself is written twice",
        ),
        (r"'\0'", 1, r"`\0` is not a character", "a backslash itself is written twice"),
    ],
)
def test_a_number_or_text_that_is_none_is_shown_at_its_place(
    source: str, offset: int, message: str, hint: str
) -> None:
    assert error_of(source) == (offset, message, hint)


@pytest.mark.parametrize(
    ("source", "offset", "message", "hint"),
    [
        ("uper(x)", 0, "there is no function `uper`", "did you mean upper?"),
        ("1 + toJSON(x)", 4, "there is no function `toJSON`", "did you mean to_json?"),
        ("startsWith(x, 'a')", 0, "there is no function `startsWith`", "did you mean starts_with?"),
        ("hashFiles('a')", 0, "there is no function `hashFiles`", "did you mean hash_files?"),
        ("int(x)", 0, "there is no function `int`", "from_json(x) reads a number"),
        ("eval('1')", 0, "there is no function `eval`", ""),
        ("zzz" * 20 + "()", 0, "there is no function `%s…`" % ("zzz" * 20)[:40], ""),
        ("x.upper()", 7, "`(` cannot stand here", "values have no methods: write upper(x)"),
        (
            "x.startswith('a')",
            12,
            "`(` cannot stand here",
            "values have no methods: write starts_with(x)",
        ),
        ("x.zzz()", 5, "`(` cannot stand here", "values have no methods"),
        ("len(x)()", 6, "`(` cannot stand here", "only the name of a function can be called"),
        ("'a'()", 3, "`(` cannot stand here", "only the name of a function can be called"),
        ("len(x=1)", 5, "`=` is not part of the expression language", "write == to compare"),
        ("len()", 0, "`len` is called with 0 arguments", "write len(value)"),
        ("replace('a')", 0, "`replace` is called with 1 argument", "write replace(text, old, new)"),
        (
            "split(x, 'a', 1)",
            0,
            "`split` is called with 3 arguments",
            "write split(text, separator?)",
        ),
        ("format()", 0, "`format` is called with 0 arguments", "write format(template, value…)"),
        ("min()", 0, "`min` is called with 0 arguments", "write min(value…)"),
        ("default(x)", 0, "`default` is called with 1 argument", "write default(value, otherwise)"),
        ("always(1)", 0, "`always` is called with 1 argument", "write always()"),
        ("glob()", 0, "`glob` is called with 0 arguments", "write glob(pattern…)"),
    ],
)
def test_a_call_that_cannot_be_is_shown_with_what_can(
    source: str, offset: int, message: str, hint: str
) -> None:
    assert error_of(source) == (offset, message, hint)


@pytest.mark.parametrize(
    ("source", "offset", "message", "hint"),
    [
        ("${{ a", 0, "`${{` is never closed", "an expression ends with }}"),
        (" ${{ a }", 1, "`${{` is never closed", "an expression ends with }}"),
        (
            "${{ a }} == 1",
            9,
            "text after the end of the expression",
            "put all of it into one ${{ }}",
        ),
        (
            "1 == ${{ a }}",
            5,
            "`${{` inside an expression",
            "put all of it into one ${{ }}, or leave it out",
        ),
    ],
)
def test_braces_go_around_the_whole_expression(
    source: str, offset: int, message: str, hint: str
) -> None:
    assert error_of(source) == (offset, message, hint)


@pytest.mark.parametrize(
    "source", ["[" * 63 + "1" + "]" * 63, "not " * 63 + "true", "-" * 63 + "n", "1" + "+1" * 9_998]
)
def test_an_expression_is_accepted_up_to_its_bounds(source: str) -> None:
    assert parse(source).source == source


@pytest.mark.parametrize(
    ("source", "offset", "message"),
    [
        ("[" * 64 + "1" + "]" * 64, 64, "the expression is nested deeper than 64"),
        ("(" * 100_000 + ")" * 100_000, 0, "the expression is longer than 64 KiB"),
        ("(" * 30_000 + "1" + ")" * 30_000, 64, "the expression is nested deeper than 64"),
        ("not " * 10_000 + "true", 256, "the expression is nested deeper than 64"),
        ("-" * 10_000 + "1", 64, "the expression is nested deeper than 64"),
        ("a" * 65_537, 0, "the expression is longer than 64 KiB"),
        ("1" + "+1" * 10_000, 20_000, "the expression has more than 10000 operands"),
        ("[" + "1," * 10_000 + "]", 19_999, "the expression has more than 10000 operands"),
    ],
)
def test_an_expression_beyond_a_bound_is_refused(source: str, offset: int, message: str) -> None:
    assert error_of(source) == (offset, message, "")
