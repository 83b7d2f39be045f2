"""The instances of a fan-out before they run: their rows and their names. Pure."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from typing import List, Mapping, Match, NamedTuple, Sequence

from orchestra.model.expression import (
    ExpressionError,
    Scope,
    Tree,
    Value,
    fill_tree,
    to_text,
)
from orchestra.model.workflow import FanOut, Matrix

MOST_INSTANCES = 100_000
"""More are refused before one is made."""

_LONGEST_VALUE = 40
_SPECIAL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff,\]\\]")


class Row(NamedTuple):
    """One instance: what stands in its brackets, and the names that it sees beside the others."""

    label: str
    names: Mapping[str, Value]

    @property
    def value(self) -> Value:
        """Its `item`, or its `matrix`."""
        return next(iter(self.names.values()))


def trees_of(fan_out: FanOut) -> List[Tree]:
    """All that a fan-out's instances are made from."""
    if isinstance(fan_out, Matrix):
        return [*fan_out.axes.values(), fan_out.include, fan_out.exclude]
    return [fan_out.items]


def instance_id(step: str, row: Row) -> str:
    """`test[py=3.9,os=a]`, `convert[0]`."""
    return "%s[%s]" % (step, row.label)


def rows_of(fan_out: FanOut, scope: Scope) -> List[Row]:
    """The instances of a fan-out, in their order.

    Raises:
        ExpressionError: an expression cannot be evaluated, or gives no list, or there are too many.
    """
    if isinstance(fan_out, Matrix):
        return _matrix_rows(fan_out, scope)
    items = _list(fan_out.items, scope, "foreach")
    _refuse_too_many(len(items))
    return [Row(str(number), {"item": item}) for number, item in enumerate(items)]


def _matrix_rows(matrix: Matrix, scope: Scope) -> List[Row]:
    values_by_axis = {
        axis: _list(tree, scope, "matrix." + axis) for axis, tree in matrix.axes.items()
    }
    excluded = _mappings(matrix.exclude, scope, "matrix.exclude")
    included = _mappings(matrix.include, scope, "matrix.include")
    count = len(included)
    if values_by_axis:
        product = 1
        for values in values_by_axis.values():
            product *= len(values)
        count += product
    _refuse_too_many(count)
    rows: List[Mapping[str, Value]] = []
    if values_by_axis:
        for combination in itertools.product(*values_by_axis.values()):
            row: Mapping[str, Value] = dict(zip(values_by_axis, combination))
            if not any(_matches(row, each) for each in excluded):
                rows.append(row)
    rows.extend(included)
    axes = list(dict.fromkeys(itertools.chain(values_by_axis, *included)))
    labels = _distinct([_label(row) for row in rows])
    return [
        Row(label, {"matrix": {axis: row.get(axis) for axis in axes}})
        for label, row in zip(labels, rows)
    ]


def _matches(row: Mapping[str, Value], rule: Mapping[str, Value]) -> bool:
    return all(key in row and _same(row[key], value) for key, value in rule.items())


def _same(one: Value, other: Value) -> bool:
    return isinstance(one, bool) is isinstance(other, bool) and one == other


def _list(tree: Tree, scope: Scope, what: str) -> List[Value]:
    try:
        value = fill_tree(tree, scope)
    except ExpressionError as fault:
        raise fault.within(what) from None
    if not isinstance(value, (list, tuple)):
        raise ExpressionError("%s: this is no list, but %s" % (what, _kind(value)))
    return list(value)


def _mappings(tree: Tree, scope: Scope, what: str) -> List[Mapping[str, Value]]:
    rows: List[Mapping[str, Value]] = []
    for row in _list(tree or [], scope, what):
        if not isinstance(row, Mapping):
            raise ExpressionError("%s: a row is a mapping, not %s" % (what, _kind(row)))
        rows.append(row)
    return rows


def _kind(value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "a bool"
    return "a number" if isinstance(value, (int, float)) else "a mapping"


def _refuse_too_many(count: int) -> None:
    if count > MOST_INSTANCES:
        raise ExpressionError(
            "a fan-out has at most %d instances, this one would have %d" % (MOST_INSTANCES, count)
        )


def _label(row: Mapping[str, Value]) -> str:
    return ",".join("%s=%s" % (key, _shown(value)) for key, value in row.items())


def _shown(value: Value) -> str:
    text = "null" if value is None else to_text(value)
    if len(text) > _LONGEST_VALUE:
        text = text[: _LONGEST_VALUE - 1] + "…"
    return _SPECIAL.sub(_escaped, text)


def _escaped(match: Match[str]) -> str:
    character = match.group()
    return "\\" + character if character in ",]\\" else ascii(character)[1:-1]


def _distinct(labels: Sequence[str]) -> List[str]:
    """The labels, each further one of its kind with `#2`, `#3` after it."""
    seen: Counter[str] = Counter()
    taken = set(labels)
    distinct = []
    for label in labels:
        seen[label] += 1
        name = label
        if seen[label] > 1:
            name = "%s#%d" % (label, seen[label])
            while name in taken:
                seen[label] += 1
                name = "%s#%d" % (label, seen[label])
            taken.add(name)
        distinct.append(name)
    return distinct
