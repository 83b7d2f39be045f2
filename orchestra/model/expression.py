"""The expression language: parse, the names an expression uses, evaluate. Pure, no I/O.

What stands in `${{ … }}` is read by a small parser of our own into a tree of tuples and evaluated
over plain data. No attribute of a Python object is ever reached; size, depth and cost are bounded.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, FrozenSet, List, Mapping, NamedTuple, Tuple, Union

Value = Union[None, bool, int, float, str, List[Any], Dict[str, Any], Mapping[str, Any]]
"""What an expression may yield: JSON's kinds of data."""


class ExpressionError(Exception):
    """An expression cannot be read or evaluated; `offset` counts characters into its source."""

    def __init__(self, message: str, offset: int = 0, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.hint = hint


class Reference(NamedTuple):
    """A name an expression uses, with the keys that follow it as far as they are constant."""

    path: Tuple[Union[str, int], ...]
    offset: int


class Expression(NamedTuple):
    """A parsed expression. `functions` are the names of those it calls."""

    source: str
    root: Any
    references: Tuple[Reference, ...]
    functions: FrozenSet[str]


class Template(NamedTuple):
    """Text with expressions in it; one that is a single expression keeps its value's type."""

    source: str
    parts: Tuple[Union[str, Expression], ...]


Text = Union[str, Template]
"""Text as the author wrote it: plain, or with expressions."""

Tree = Union[None, bool, int, float, Text, List[Any], Dict[str, Any]]
"""Data as the author wrote it, with a `Text` at every place where a text stands."""


class Scope(NamedTuple):
    """What an expression sees: values by root name, and the functions that depend on the place."""

    names: Mapping[str, Value]
    functions: Mapping[str, Callable[..., Value]] = {}
