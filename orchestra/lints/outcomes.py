"""What a condition can come to, where all that it asks has few values. Pure."""

from __future__ import annotations

from itertools import product
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from orchestra.model.expression import (
    Expression,
    ExpressionError,
    Scope,
    Value,
    evaluate_condition,
)
from orchestra.model.expression.nodes import (
    Call,
    Comparison,
    ListOf,
    Literal,
    Logic,
    Lookup,
    Name,
    Node,
    Not,
)

Path = Tuple[str, ...]
Values = Callable[[Path], Optional[Sequence[Value]]]
"""The values that a name such as `("params", "region")` can have; None where they are not known."""

EITHER: FrozenSet[bool] = frozenset([True, False])

_MOST_TRIED = 64
_CHEAP = frozenset(["contains", "starts_with", "ends_with", "lower", "upper", "trim", "default"])


def outcomes(condition: Expression, values: Values) -> FrozenSet[bool]:
    """What the condition can come to; both where that cannot be told.

    A combination of values for which it has no value is none of them: the step fails there.
    """
    return _outcomes(condition.root, values)


class _Question(NamedTuple):
    """The names that a part of a condition asks for, and the values of each."""

    paths: List[Path]
    values: List[Sequence[Value]]


def _outcomes(node: Node, values: Values) -> FrozenSet[bool]:
    question = _question(node, values)
    if question is not None:
        return _tried(node, question)
    if isinstance(node, Not):
        return frozenset(not outcome for outcome in _outcomes(node.operand, values))
    if isinstance(node, Logic):
        return _joined(node.word == "or", [_outcomes(part, values) for part, _ in node.operands])
    return EITHER


def _joined(decides: bool, parts: Sequence[FrozenSet[bool]]) -> FrozenSet[bool]:
    """Of `or`, which one true operand decides, or of `and`, which a false one does."""
    if any(part == {decides} for part in parts):
        return frozenset([decides])
    if all(part == {not decides} for part in parts):
        return frozenset([not decides])
    return EITHER


def _question(node: Node, values: Values) -> Optional[_Question]:
    """What is asked, None where it is not known or too much to try."""
    paths = _paths(node)
    if paths is None:
        return None
    known: List[Sequence[Value]] = []
    combinations = 1
    for path in paths:
        choices = values(path)
        if choices is None:
            return None
        known.append(choices)
        combinations *= len(choices)
    return _Question(paths, known) if combinations <= _MOST_TRIED else None


def _paths(node: Node) -> Optional[List[Path]]:
    """The names in an expression, None where it holds what is costly, or known at run time only."""
    waiting: List[Node] = [node]
    found: Set[Path] = set()
    while waiting:
        part = waiting.pop()
        if isinstance(part, Lookup):
            path = _path(part)
            if path is None:
                return None
            found.add(path)
        elif isinstance(part, ListOf):
            waiting.extend(part.items)
        elif isinstance(part, Not):
            waiting.append(part.operand)
        elif isinstance(part, Logic):
            waiting.extend(operand for operand, _ in part.operands)
        elif isinstance(part, Comparison):
            waiting.append(part.first)
            waiting.extend(operand for _, operand, _ in part.rest)
        elif isinstance(part, Call) and part.name in _CHEAP:
            waiting.extend(part.arguments)
        elif not isinstance(part, Literal):
            return None
    return sorted(found)


def _path(node: Lookup) -> Optional[Path]:
    if not isinstance(node.base, Name):
        return None
    keys = [key for key, _ in node.keys if isinstance(key, str)]
    return (node.base.name, *keys) if len(keys) == len(node.keys) else None


def _tried(node: Node, question: _Question) -> FrozenSet[bool]:
    found: Set[bool] = set()
    condition = Expression("", node, (), frozenset())
    for choice in product(*question.values):
        scope = Scope(_names(zip(question.paths, choice)))
        try:
            found.add(evaluate_condition(condition, scope))
        except ExpressionError:
            continue
        if len(found) == len(EITHER):
            break
    return frozenset(found) or EITHER


def _names(value_by_path: Any) -> Mapping[str, Value]:
    names: Dict[str, Any] = {}
    for path, value in value_by_path:
        place = names
        for key in path[:-1]:
            place = place.setdefault(key, {})
        place[path[-1]] = value
    return names
