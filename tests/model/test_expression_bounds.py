"""No expression, text or value can crash, hang or bloat: time, depth and size are bounded."""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import Any, Callable, Dict, Iterator, List, Mapping

import pytest

from orchestra.model.expression import (
    ExpressionError,
    Scope,
    Value,
    evaluate,
    fill_text,
    parse,
    parse_text,
    to_text,
)
from orchestra.model.expression.functions import FUNCTIONS, call_pure
from orchestra.model.expression.operators import calculate, contains, equal
from orchestra.model.expression.values import MAX_WORK, Meter

MIB = 2**20
BIG = "x" * (9 * MIB)
MANY = list(range(300_000))
SECONDS = 3.0
"""Far more than any of these takes, far less than what is not bounded would."""


def message_of(source: str, names: Mapping[str, Value]) -> str:
    with pytest.raises(ExpressionError) as caught:
        evaluate(parse(source), Scope(names))
    return caught.value.message


def offset_of(read: Callable[[str], object], source: str) -> int:
    """Where the source cannot be read, its length if it can."""
    try:
        read(source)
    except ExpressionError as fault:
        return fault.offset
    return len(source)


HOSTILE = {
    "brackets": "(" * 65_000,
    "lists": "[" * 65_000,
    "braces": "{" * 65_000,
    "closing": ")" * 65_000,
    "calls": "len(" * 16_000,
    "indexes": "a[" * 32_000,
    "nots": "not " * 16_000,
    "minuses": "-" * 65_000,
    "choices": "1 if true else " * 4_000,
    "conditions": "1 if " * 13_000,
    "powers": "9**" * 20_000 + "9",
    "escapes unclosed": "'" + "\\'" * 32_000,
    "quotes of two kinds": "'\"" * 32_000,
    "quotes of one kind": "'" * 65_535,
    "quotes unclosed": '"' + "'" * 65_000,
    "digits": "1" * 65_000,
    "digits and a letter": "1" * 65_000 + "x",
    "digits with dots": "1." * 32_000,
    "exponents": "1e" * 32_000,
    "name": "a" * 65_000,
    "keys": "a" + ".b" * 32_000,
    "dots": "a" + "." * 65_000,
    "dashes": "a." + "-" * 65_000,
    "spaces": " " * 65_000,
    "openings": "${{" * 20_000,
    "dollars": "$" * 65_000,
    "openings and closings": "${{ a }}" * 8_000 + "${{",
    "openings with quotes": "${{ '}}' " * 7_000,
    "unicode": "\u0130\ufdfa\U0001f600" * 20_000,
    "surrogates": "\ud800" * 65_000,
    "nul": "\x00" * 65_000,
    "one unclosed in much text": "${{ a" + " b" * MIB,
    "far closing": "${{" + " " * 4 * MIB + "}}",
}


@pytest.mark.parametrize("read", [parse, parse_text])
@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_source_is_read_or_refused_in_time(
    name: str, read: Callable[[str], object]
) -> None:
    start = time.process_time()
    offset = offset_of(read, HOSTILE[name])
    elapsed = time.process_time() - start
    assert (0 <= offset <= len(HOSTILE[name]), elapsed < SECONDS) == (True, True)


class Endless(Mapping[str, Any]):
    """A mapping that is in itself under every key."""

    def __getitem__(self, key: str) -> Any:
        return self

    def __iter__(self) -> Iterator[str]:
        return iter(("a",))

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (" + ".join(["1"] * 5_000), 5_000),
        (" and ".join(["true"] * 5_000), True),
        ("0" + " - 1" * 5_000, -5_000),
        ("1" + " < 2 > 1" * 2_000, True),
        ("1 if false else " * 3_000 + "2", 2),
        ("endless" + ".a" * 20_000 + " == null", False),
    ],
)
def test_a_long_chain_is_no_deep_tree(source: str, expected: Value) -> None:
    assert evaluate(parse(source), Scope({"endless": Endless()})) == expected


def deeper(frames: int, act: Callable[[], object]) -> object:
    return act() if frames == 0 else deeper(frames - 1, act)


@pytest.mark.parametrize(
    ("opening", "core", "closing", "times"),
    [
        ("[", "1", "]", 63),
        ("(", "1", ")", 63),
        ("x[", "'x'", "]", 63),
        ("{'a': ", "1", "}", 63),
        ("default(null, ", "1", ")", 63),
        ("1 if true else [", "1", "]", 63),
        ("len([", "1", "])", 31),
        ("1 + (", "1", ")", 31),
        ("true and (", "true", ")", 31),
        ("not (", "true", ")", 31),
    ],
)
def test_the_deepest_expression_needs_half_of_the_stack(
    opening: str, core: str, closing: str, times: int
) -> None:
    source = opening * times + core + closing * times
    value = deeper(450, lambda: evaluate(parse(source), Scope({"x": {"x": "x"}})))
    assert value is not None


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("big + big", "the text is longer than 16 MiB"),
        ("most + many", "the value has more than 1000000 entries"),
        ("[many, many, many, many]", "the value has more than 1000000 entries"),
        ("{'a': [big], 'b': big}", "the text is longer than 16 MiB"),
        ("{big: 1, big + 'x': 1}", "the text is longer than 16 MiB"),
        ("replace(big, 'x', 'xx')", "the text is longer than 16 MiB"),
        ("split(big, 'x')", "the value has more than 1000000 entries"),
        ("split(replace(big, 'x', 'y '))", "the text is longer than 16 MiB"),
        ("split(words)", "the value has more than 1000000 entries"),
        ("join([big, big], '')", "the text is longer than 16 MiB"),
        ("join(range(100), big)", "the text is longer than 16 MiB"),
        ("format('{0}{0}', big)", "the text is longer than 16 MiB"),
        ("format('{}{}', big, [big])", "the text is longer than 16 MiB"),
        ("format(braces)", "the value has more than 1000000 entries"),
        ("upper(sharp)", "the text is longer than 16 MiB"),
        ("lower(dotted)", "the text is longer than 16 MiB"),
        ("to_json(controls)", "the text is longer than 16 MiB"),
        ("from_json(zeros)", "the value has more than 1000000 entries"),
        ("from_json('[' + big + big + ']')", "the text is longer than 16 MiB"),
        ("range(100000, 300000)", "the range has more than 100000 entries"),
    ],
)
def test_a_value_beyond_its_bound_is_refused_before_it_is_made(source: str, message: str) -> None:
    names: Dict[str, Value] = {
        "big": BIG,
        "many": MANY,
        "most": [0] * 900_000,
        "words": "x " * 1_000_001,
        "braces": "{{}}" * 300_000,
        "sharp": "ß" * (9 * MIB),
        "dotted": "İ" * (9 * MIB),
        "controls": "\x00" * (3 * MIB),
        "zeros": "[" + "0," * 1_000_001 + "0]",
    }
    assert message_of(source, names) == message


@pytest.mark.parametrize(
    "source",
    [
        "len(half + half) == 2 * len(half)",
        "len(format('{}{}', half, half)) == 2 * len(half)",
        "len(join([half, half], '')) == 2 * len(half)",
        "len(replace(half, 'x', 'xx')) == 2 * len(half)",
    ],
)
def test_a_value_at_its_bound_is_made(source: str) -> None:
    assert evaluate(parse(source), Scope({"half": "x" * (8 * MIB)})) is True


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 65 + "]" * 65, "the JSON is nested deeper than 64 levels"),
        ('{"a":' * 65 + "1" + "}" * 65, "the JSON is nested deeper than 64 levels"),
        ("[" * 5_000_000, "the JSON is nested deeper than 64 levels"),
        ("[" + "1" * 5_000_000 + "]", "the JSON has a number that is too large"),
        ('"' + "[" * 100, "the text is not JSON: Unterminated string starting at, line 1 column 1"),
        (
            '"' + '\\"' * 1_000_000,
            "the text is not JSON: Unterminated string starting at, line 1 column 1",
        ),
    ],
)
def test_json_beyond_its_bounds_is_refused(text: str, message: str) -> None:
    assert message_of("from_json(text)", {"text": text}) == message


@pytest.mark.parametrize("text", ["[" * 64 + "]" * 64, '["' + "[" * 100 + '"]', '"%s"' % BIG])
def test_json_within_its_bounds_is_read(text: str) -> None:
    assert evaluate(parse("to_json(from_json(text))"), Scope({"text": text})) == text


@pytest.mark.parametrize(
    "source",
    [
        "upper(big)",
        "contains(big, needle)",
        "needle not in big",
        "replace(big, needle, '')",
        "split(big, needle)",
        "format('{}', big)",
        "len(big + 'x')",
        "big == alike",
        "big <= alike",
    ],
)
def test_costly_work_is_ended(source: str) -> None:
    names: Dict[str, Value] = {
        "big": BIG,
        "alike": BIG[:-1] + "y",
        "needle": "x" * 10 + "y",
    }
    often = "[%s]" % ", ".join([source] * 1_000)
    assert message_of(often, names) == "this expression has too much to do"


LIST = [["a"], ["b"]] * 50


@pytest.mark.parametrize(
    ("act", "work"),
    [
        (lambda meter: equal("a" * 50, "b" * 50, meter), 50),
        (lambda meter: equal(LIST, list(LIST), meter), 200 * 32 + 100),
        (lambda meter: equal(LIST, LIST[1:], meter), 100 * 32),
        (lambda meter: equal({"a": LIST}, {"a": []}, meter), 101 * 32),
        (lambda meter: contains(LIST, 1, meter), 100 * 32),
        (lambda meter: contains("a" * 640, "a" * 10, meter), 640 + 100),
        (lambda meter: calculate("+", LIST, LIST, meter), 200 * 32),
        (lambda meter: calculate("+", "a" * 50, "b", meter), 51),
        (lambda meter: call_pure(FUNCTIONS["sorted"], [[3, 1, 2]], meter), 6 * 32),
        (lambda meter: call_pure(FUNCTIONS["max"], [[3, 1, 2]], meter), 4 * 32),
        (lambda meter: call_pure(FUNCTIONS["upper"], ["abc"], meter), 6),
        (lambda meter: call_pure(FUNCTIONS["to_json"], [LIST], meter), 100 * 32 + 601),
        (lambda meter: call_pure(FUNCTIONS["range"], [100], meter), 101 * 32),
        (lambda meter: call_pure(FUNCTIONS["len"], ["a" * 100], meter), 0),
    ],
)
def test_work_is_counted_in_characters_and_entries(
    act: Callable[[Meter], object], work: int
) -> None:
    meter = Meter()
    act(meter)
    assert MAX_WORK - meter.left == work


def test_work_beyond_what_is_left_is_refused() -> None:
    meter = Meter(99)
    meter.take(99)
    with pytest.raises(ExpressionError, match="too much to do"):
        meter.take(1)


def test_looking_at_a_large_value_is_not_costly() -> None:
    often = " and ".join(["len(big) > 0 and starts_with(big, 'x')"] * 1_000)
    assert evaluate(parse(often), Scope({"big": BIG})) is True


def test_values_shared_many_times_over_are_not_written_out() -> None:
    bomb: List[Any] = ["lol"]
    for _ in range(30):
        bomb = [bomb] * 10
    assert message_of("to_json(bomb)", {"bomb": bomb}) == "the value has more than 1000000 entries"


def test_values_shared_many_times_over_are_not_compared_to_their_end() -> None:
    bombs: List[Any] = [["lol"], ["lol"]]
    for _ in range(30):
        bombs = [[bomb] * 10 for bomb in bombs]
    with pytest.raises(ExpressionError, match="too much to do"):
        equal(bombs[0], bombs[1], Meter(100_000))


def nested(depth: int) -> List[Any]:
    value: List[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "source", ["to_json(deep)", "deep == same", "[deep]", "format('{}', deep)"]
)
def test_a_value_too_deep_to_walk_is_refused(source: str) -> None:
    names: Dict[str, Value] = {"deep": nested(5_000), "same": nested(5_000)}
    assert message_of(source, names) == "the value is nested deeper than 100 levels"


def test_a_value_in_itself_is_refused() -> None:
    with pytest.raises(ExpressionError, match="nested deeper than 100 levels"):
        to_text(Endless())


def test_a_text_that_grows_too_long_is_refused_where_it_does() -> None:
    text = parse_text("${{ big }} ${{ big }}")
    with pytest.raises(ExpressionError) as caught:
        fill_text(text, Scope({"big": BIG}))
    assert (caught.value.offset, caught.value.message) == (15, "the text is longer than 16 MiB")


def test_ten_thousand_small_expressions_are_read_in_a_second() -> None:
    start = time.process_time()
    for number in range(10_000):
        parse("params.x == 'eu' and steps.s%d.outputs.n > 3" % number)
    assert time.process_time() - start < SECONDS


@pytest.mark.parametrize(
    "key",
    [
        *("__class__", "__dict__", "__mro__", "__globals__", "__init__", "__subclasses__"),
        *(
            "__getitem__",
            "__len__",
            "format",
            "format_map",
            "join",
            "keys",
            "get",
            "real",
            "source",
        ),
        *("func_globals", "gi_frame", "f_back", "__builtins__", "_asdict", "_fields"),
    ],
)
@pytest.mark.parametrize("name", ["text", "number", "real", "bool", "null", "list", "tuple"])
def test_no_attribute_of_an_object_is_reachable(name: str, key: str) -> None:
    names: Dict[str, Value] = {
        "text": "a",
        "number": 1,
        "real": 1.5,
        "bool": True,
        "null": None,
        "list": [1],
        "tuple": Scope({}),
    }
    messages = {message_of(source % (name, key), names) for source in ("%s.%s", "%s['%s']")}
    assert [key in message for message in messages] == [True]


@pytest.mark.parametrize("key", ["__class__", "keys", "items", "get", "__init__", "data"])
def test_a_key_of_a_mapping_is_data_or_null(key: str) -> None:
    scope = Scope({"plain": {}, "view": MappingProxyType({})})
    assert evaluate(parse("[plain.%s, view.%s]" % (key, key)), scope) == [None, None]


@pytest.mark.parametrize("name", ["__builtins__", "__import__", "open", "self", "print"])
def test_no_name_but_those_of_the_scope_is_known(name: str) -> None:
    assert message_of(name, {}) == "there is no name `%s` here" % name
