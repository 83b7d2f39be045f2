"""What a parsed expression or text is made of. Pure values, no behaviour.

Chains of operators of one rank are one node, however long, so that the depth of a tree is the
depth of the brackets and ranks in its source.
"""

from __future__ import annotations

from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
    Union,
)

from orchestra.model.expression.values import Value


class Literal(NamedTuple):
    """A number, a quoted text, true, false or null."""

    value: Union[bool, int, float, str, None]


class Name(NamedTuple):
    """A root name."""

    name: str
    offset: int


class Lookup(NamedTuple):
    """Keys looked up in a value, one after the other."""

    base: Node
    keys: Tuple[Key, ...]


class ListOf(NamedTuple):
    """`[a, b]`."""

    items: Tuple[Node, ...]


class DictOf(NamedTuple):
    """`{k: v}`; each key with its offset."""

    entries: Tuple[Tuple[Node, Node, int], ...]


class Call(NamedTuple):
    """A function and its arguments."""

    name: str
    arguments: Tuple[Node, ...]
    offset: int


class Not(NamedTuple):
    """`not a`; the offset is that of the operand."""

    operand: Node
    offset: int


class Negative(NamedTuple):
    """`-a`; the offset is that of the minus."""

    operand: Node
    offset: int


class Logic(NamedTuple):
    """`a and b and c`, or the same with `or`; each operand with its offset."""

    word: str
    operands: Tuple[Tuple[Node, int], ...]


class Comparison(NamedTuple):
    """`a < b <= c`; each operator with what follows it and its own offset."""

    first: Node
    rest: Tuple[Tuple[str, Node, int], ...]


class Arithmetic(NamedTuple):
    """`a + b - c`, operators of one rank; each with what follows it and its own offset."""

    first: Node
    rest: Tuple[Tuple[str, Node, int], ...]


class Choice(NamedTuple):
    """`a if c else b if d else e`: (condition, its offset, value) in order, then the last value."""

    branches: Tuple[Tuple[Node, int, Node], ...]
    otherwise: Node


Node = Union[
    Literal,
    Name,
    Lookup,
    ListOf,
    DictOf,
    Call,
    Not,
    Negative,
    Logic,
    Comparison,
    Arithmetic,
    Choice,
]


Key = Tuple[Union[str, int, Node], int]
"""A key that is looked up, constant or to be evaluated, and its offset."""


class Reference(NamedTuple):
    """A name an expression uses, with the keys that follow it as far as they are constant.

    The name alone is a path of one; `offset` is where the name stands.
    """

    path: Tuple[Union[str, int], ...]
    offset: int


class Expression(NamedTuple):
    """A parsed expression.

    `source` is its text without the space around it and without `${{ }}`; `references` are in the
    order of the source; `functions` are the names of those it calls. Offsets, its own included,
    count into the text that was parsed.
    """

    source: str
    root: Node
    references: Tuple[Reference, ...]
    functions: FrozenSet[str]
    offset: int = 0


class Template(NamedTuple):
    """Text with expressions in it; one that is a single expression keeps its value's type."""

    source: str
    parts: Tuple[Union[str, Expression], ...]


Text = Union[str, Template]
"""Text as the author wrote it: plain, or with expressions."""

Tree = Union[None, bool, int, float, Text, List[Any], Dict[str, Any]]
"""Data as the author wrote it, with a `Text` at every place where a text stands."""


class Span(NamedTuple):
    """Where an expression, `${{` and `}}` included, or an escaped `$${{` stands in a text.

    `start` and `end` are as in a slice; `expression` is None for an escape, which means a literal
    `${{`.
    """

    start: int
    end: int
    expression: Optional[Expression]


class Scope(NamedTuple):
    """What an expression sees: values by root name, and the functions that depend on the place."""

    names: Mapping[str, Value]
    functions: Mapping[str, Callable[..., Value]] = {}
