"""The values of expressions: their kinds, their text, how large they may get. Pure.

A value is one of JSON's kinds of data, in a plain Python object or behind a `Mapping` that builds
its entries when asked. Nothing here reaches an attribute of a value but `source` of a number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping as AbstractMapping
from enum import Enum
from typing import Any, Dict, Iterator, List, Mapping, Union

Value = Union[None, bool, int, float, str, List[Any], Dict[str, Any], Mapping[str, Any]]
"""What an expression may yield: JSON's kinds of data."""

MAX_TEXT = 16 * 2**20
"""Characters in one value: a text, or all the texts in a list or mapping."""

MAX_ENTRIES = 1_000_000
"""Entries in one value, those of lists and mappings inside it included."""

MAX_DEPTH = 100
"""Lists and mappings inside each other in one value."""

MAX_WORK = 64 * 2**20
"""Characters that one evaluation may touch; an entry of a list or mapping counts as some."""

_WORK_OF_ENTRY = 32

MAX_NUMBER = 2**63
"""Whole numbers that arithmetic makes stay below this, on either side of 0."""

_MOST_SHOWN = 40


class ExpressionError(Exception):
    """An expression cannot be read or evaluated.

    `offset` counts characters into the text that was parsed: an expression, or the whole text
    around it where it was read by `parse_text` or `scan_text`.
    """

    def __init__(self, message: str, offset: int = 0, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.hint = hint

    def __str__(self) -> str:
        return "%s (%s)" % (self.message, self.hint) if self.hint else self.message

    def within(self, what: str) -> ExpressionError:
        """The same, said of `what` the expression is a part of."""
        return ExpressionError("%s: %s" % (what, self.message), self.offset, self.hint)


class Kind(Enum):
    """The kinds of values, in the words of messages."""

    NULL = "null"
    BOOL = "true or false"
    NUMBER = "a number"
    TEXT = "a text"
    LIST = "a list"
    MAPPING = "a mapping"


_KIND_BY_TYPE: Mapping[type, Kind] = {
    type(None): Kind.NULL,
    bool: Kind.BOOL,
    int: Kind.NUMBER,
    float: Kind.NUMBER,
    str: Kind.TEXT,
    list: Kind.LIST,
    tuple: Kind.LIST,
    dict: Kind.MAPPING,
}


class Meter:
    """How much more one evaluation may do, counted as `work_of` does."""

    __slots__ = ("left",)

    def __init__(self, left: int = MAX_WORK) -> None:
        self.left = left

    def take(self, amount: int) -> None:
        """Count work that is about to be done.

        Raises:
            ExpressionError: it is more than is left.
        """
        self.left -= amount
        if self.left < 0:
            raise ExpressionError(
                "this expression has too much to do", hint="do it in a step that writes an output"
            )


def kind_of(value: Value) -> Kind:
    """The kind of a value.

    Raises:
        TypeError: it is no value at all, which is a fault of who made the scope.
    """
    kind = _KIND_BY_TYPE.get(type(value))
    if kind is not None:
        return kind
    for base, kind in _KIND_BY_TYPE.items():
        if isinstance(value, base):
            return kind
    if isinstance(value, AbstractMapping):
        return Kind.MAPPING
    raise TypeError("no kind of data: %s" % type(value).__name__)


def size_of(value: Value) -> int:
    """Characters of a text, entries of a list or mapping (not of what is inside), else 1."""
    if isinstance(value, (str, list, tuple, AbstractMapping)):
        return len(value)
    return 1


def work_of(value: Value) -> int:
    """What going once over a value counts for, not over what is inside its entries."""
    return size_of(value) * (1 if isinstance(value, str) else _WORK_OF_ENTRY)


def shown(text: str) -> str:
    """A name or key for a message: quoted, not long, without characters that steer a terminal."""
    short = text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "…"
    return "`%s`" % "".join(sign if sign.isprintable() else "\\u%04x" % ord(sign) for sign in short)


def check_size(value: Value) -> None:
    """Do nothing if the value, with all that is inside, is within the bounds of this module.

    Raises:
        ExpressionError: it is too deep, has too many entries, or too much text.
    """
    entries = characters = 0
    walks: List[Iterator[Any]] = [iter((value,))]
    while walks:
        for item in walks[-1]:
            kind = kind_of(item)
            if kind is Kind.TEXT:
                characters += len(item)
            elif kind is Kind.LIST or kind is Kind.MAPPING:
                entries += len(item)
                check_entries(entries)
                check_depth(len(walks))
                if kind is Kind.MAPPING:
                    characters += sum(map(len, item))
                    item = item.values()
                walks.append(iter(item))
                break
        else:
            walks.pop()
            check_length(characters)


def check_depth(depth: int) -> None:
    """Do nothing if lists and mappings may stand so deep inside each other.

    Raises:
        ExpressionError: they may not.
    """
    if depth > MAX_DEPTH:
        raise ExpressionError("the value is nested deeper than %d levels" % MAX_DEPTH)


def check_length(characters: int) -> None:
    """Do nothing if a text of so many characters may be made.

    Raises:
        ExpressionError: it would be too long.
    """
    if characters > MAX_TEXT:
        raise ExpressionError("the text is longer than %d MiB" % (MAX_TEXT // 2**20))


def check_entries(entries: int) -> None:
    """Do nothing if a value of so many entries may be made.

    Raises:
        ExpressionError: it would be too large.
    """
    if entries > MAX_ENTRIES:
        raise ExpressionError("the value has more than %d entries" % MAX_ENTRIES)


def to_text(value: Value) -> str:
    """The value as it stands inside text, in the environment or in an argument.

    Texts are themselves; `true` and `false`; numbers as they were written where they know it
    (an attribute `source`), else in their shortest form; lists and mappings as compact JSON.

    Raises:
        ExpressionError: it is null, no finite number, or too large.
    """
    if isinstance(value, str):
        # str() of a text that is a member of an enum would be the member's name.
        return str.__str__(value)
    kind = kind_of(value)
    if kind is Kind.NULL:
        raise ExpressionError("null has no text", hint="use default(x, '')")
    if kind is Kind.NUMBER:
        source = getattr(value, "source", None)
        if isinstance(source, str):
            return source
        if type(value) is int and -MAX_NUMBER < value < MAX_NUMBER:
            return repr(value)
    return to_json(value)


def to_json(value: Value) -> str:
    """The value as compact JSON; texts keep the characters they have.

    Raises:
        ExpressionError: a number in it is not finite or has too many digits, or it is too large.
    """
    check_size(value)
    try:
        text = _encode(value)
    except ValueError as fault:
        raise ExpressionError("a number in the value cannot be written as JSON") from fault
    check_length(len(text))
    return text


def _plain(value: object) -> Dict[str, Any]:
    assert isinstance(value, AbstractMapping)
    return dict(value)


_encode = json.JSONEncoder(
    ensure_ascii=False,
    allow_nan=False,
    check_circular=False,
    separators=(",", ":"),
    default=_plain,
).encode
