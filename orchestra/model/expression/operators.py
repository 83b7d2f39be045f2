"""What the operators of expressions do to values. Pure; every result is bounded.

They raise `ExpressionError` without an offset: who calls them knows where the operator stands.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping as AbstractMapping
from typing import Any, Callable, Dict, Mapping, Tuple, TypeVar, Union

from orchestra.model.expression.values import (
    MAX_NUMBER,
    ExpressionError,
    Kind,
    Meter,
    Value,
    check_depth,
    check_entries,
    check_length,
    kind_of,
    work_of,
)

Number = TypeVar("Number", int, float, Union[int, float])

_SEARCH_STEPS = 64


def equal(left: Value, right: Value, meter: Meter) -> bool:
    """Same kind and same content: `1 == 1.0` holds, `1 == true` and `1 == '1'` do not.

    Raises:
        ExpressionError: they are too deep or too large to compare.
    """
    return _equal(left, right, meter, 1)


def _equal(left: Any, right: Any, meter: Meter, depth: int) -> bool:
    kind = kind_of(left)
    if kind is not kind_of(right):
        return False
    if kind is Kind.LIST or kind is Kind.MAPPING:
        check_depth(depth)
        meter.take(work_of(left))
        same = _same_list if kind is Kind.LIST else _same_mapping
        return len(left) == len(right) and same(left, right, meter, depth + 1)
    if kind is Kind.TEXT:
        meter.take(len(left))
    return bool(left == right)


def _same_list(left: Any, right: Any, meter: Meter, depth: int) -> bool:
    return all(_equal(one, other, meter, depth) for one, other in zip(left, right))


def _same_mapping(left: Any, right: Any, meter: Meter, depth: int) -> bool:
    return all(key in right and _equal(left[key], right[key], meter, depth) for key in left)


def contains(container: Value, item: Value, meter: Meter) -> bool:
    """Is the item an entry of the list, a key of the mapping, a part of the text.

    Raises:
        ExpressionError: the container is none, or a key or part is not a text.
    """
    kind = kind_of(container)
    if kind is Kind.LIST:
        meter.take(work_of(container))
        entries: Any = container
        return any(_equal(entry, item, meter, 1) for entry in entries)
    if kind not in (Kind.TEXT, Kind.MAPPING):
        raise ExpressionError(
            "`in` looks into a text, a list or a mapping, not %s" % kind.value,
            hint=_null_hint(kind),
        )
    if not isinstance(item, str):
        raise ExpressionError(
            "only a text can be in %s, not %s" % (kind.value, kind_of(item).value),
            hint=_null_hint(kind_of(item)),
        )
    if isinstance(container, str):
        meter.take(search_work(container, item))
        return item in container
    assert isinstance(container, AbstractMapping)
    return item in container


def search_work(text: str, part: str) -> int:
    """What looking for a part in a text counts for.

    Before 3.10 Python's search takes the product of both lengths at worst, in very short steps.
    """
    return len(text) + len(text) * len(part) // _SEARCH_STEPS


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Value, Value, Meter], bool]:
    def compare(left: Value, right: Value, meter: Meter) -> bool:
        check_order(left, right)
        if isinstance(left, str):
            meter.take(len(left))
        return test(left, right)

    return compare


def check_order(left: Value, right: Value) -> None:
    """Do nothing for two numbers or two texts: only they have an order.

    Raises:
        ExpressionError: the values are of another kind, or of two.
    """
    kinds = kind_of(left), kind_of(right)
    if kinds in ((Kind.NUMBER, Kind.NUMBER), (Kind.TEXT, Kind.TEXT)):
        return
    raise ExpressionError(
        "%s and %s have no order" % (kinds[0].value, kinds[1].value),
        hint=_null_hint(*kinds) or "compare two numbers or two texts",
    )


def _null_hint(*kinds: Kind) -> str:
    return "use default(x, …) where it may be null" if Kind.NULL in kinds else ""


COMPARISONS: Mapping[str, Callable[[Value, Value, Meter], bool]] = {
    "==": equal,
    "!=": lambda left, right, meter: not equal(left, right, meter),
    "in": lambda left, right, meter: contains(right, left, meter),
    "not in": lambda left, right, meter: not contains(right, left, meter),
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
}

_ON_NUMBERS: Dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}

_HINT_BY_KINDS: Mapping[Tuple[str, Kind], str] = {
    ("+", Kind.TEXT): "join them as text: format('{}{}', a, b)",
    ("%", Kind.TEXT): "use format('{}', x)",
}


def calculate(sign: str, left: Value, right: Value, meter: Meter) -> Value:
    """`left SIGN right` for numbers; `+` also joins two texts or two lists.

    Raises:
        ExpressionError: other kinds, a division by zero, a result that is too large.
    """
    kinds = kind_of(left), kind_of(right)
    if kinds == (Kind.NUMBER, Kind.NUMBER):
        return _calculate(sign, left, right)
    if sign == "+" and kinds[0] is kinds[1] and kinds[0] in (Kind.TEXT, Kind.LIST):
        meter.take(work_of(left) + work_of(right))
        return _join(left, right)
    hint = _HINT_BY_KINDS.get((sign, kinds[0])) or _HINT_BY_KINDS.get((sign, kinds[1]), "")
    raise ExpressionError(
        "`%s` cannot take %s and %s" % (sign, kinds[0].value, kinds[1].value),
        hint=_null_hint(*kinds) or hint,
    )


def _calculate(sign: str, left: Any, right: Any) -> Value:
    try:
        number: Union[int, float] = _ON_NUMBERS[sign](left, right)
    except ZeroDivisionError:
        raise ExpressionError("division by zero") from None
    except OverflowError:
        raise ExpressionError("the number is too large") from None
    return check_number(number)


def _join(left: Any, right: Any) -> Value:
    length = len(left) + len(right)
    if isinstance(left, str):
        check_length(length)
        return left + str(right)
    check_entries(length)
    return [*left, *right]


def negative(value: Value) -> Value:
    """The number with its sign turned.

    Raises:
        ExpressionError: it is no number.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return check_number(-value)
    kind = kind_of(value)
    raise ExpressionError("`-` needs a number, not %s" % kind.value, hint=_null_hint(kind))


def check_number(number: Number) -> Number:
    """The number itself, if it is finite and small enough for every reader of JSON.

    Raises:
        ExpressionError: it is not.
    """
    if isinstance(number, float):
        if not math.isfinite(number):
            raise ExpressionError("the number is too large")
    elif not -MAX_NUMBER < number < MAX_NUMBER:
        raise ExpressionError("the number is too large")
    return number
