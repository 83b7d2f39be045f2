"""What an expression yields in a scope. Pure but for what the scope's own functions do.

Only keys of mappings and places of lists are looked up: no attribute of an object is reachable.
A key that a mapping does not have is null; a key of null is an error, except in the first argument
of `default`, where a lookup that leads nowhere is null too. What a mapping of the scope raises,
other than `KeyError`, goes through to the caller.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping

from orchestra.model.expression.functions import (
    FUNCTIONS,
    STATUS_FUNCTIONS,
    Function,
    call_pure,
    check_arguments,
)
from orchestra.model.expression.hints import nearest
from orchestra.model.expression.nodes import (
    Arithmetic,
    Call,
    Choice,
    Comparison,
    DictOf,
    Expression,
    ListOf,
    Literal,
    Logic,
    Lookup,
    Name,
    Negative,
    Node,
    Not,
    Scope,
)
from orchestra.model.expression.operators import COMPARISONS, calculate, negative
from orchestra.model.expression.values import (
    ExpressionError,
    Kind,
    Meter,
    Value,
    check_size,
    kind_of,
    shown,
)


def evaluate(expression: Expression, scope: Scope) -> Value:
    """The value of the expression: one of JSON's kinds of data, of bounded size.

    Raises:
        ExpressionError: a name is unknown, kinds do not fit, or a bound is passed.
    """
    root = expression.root
    value = _value(root, _Evaluation(scope))
    if type(root) is not Lookup and isinstance(value, (list, dict)):
        try:
            check_size(value)
        except ExpressionError as fault:
            raise _at(fault, expression.offset) from None
    return value


def evaluate_condition(expression: Expression, scope: Scope) -> bool:
    """The value of an expression that must be true or false.

    Raises:
        ExpressionError: as `evaluate`, or it is neither.
    """
    return _truth(evaluate(expression, scope), "a condition", expression.offset)


class _Evaluation:
    """One evaluation: the scope, the work that is left, and whether lookups may lead nowhere."""

    __slots__ = ("functions", "lenient", "meter", "names")

    def __init__(self, scope: Scope) -> None:
        self.names = scope.names
        self.functions = scope.functions
        self.meter = Meter()
        self.lenient = False


def _value(node: Node, state: _Evaluation) -> Value:
    return _RULES[type(node)](node, state)


def _at(fault: ExpressionError, offset: int) -> ExpressionError:
    return ExpressionError(fault.message, offset, fault.hint)


def _literal(node: Literal, state: _Evaluation) -> Value:
    return node.value


def _name(node: Name, state: _Evaluation) -> Value:
    try:
        return state.names[node.name]
    except KeyError:
        meant = nearest(node.name, state.names)
        raise ExpressionError(
            "there is no name %s here" % shown(node.name),
            node.offset,
            "did you mean %s?" % meant if meant else "a text is written in quotes",
        ) from None


def _lookup(node: Lookup, state: _Evaluation) -> Value:
    value = _value(node.base, state)
    for part, offset in node.keys:
        key = part if isinstance(part, (str, int)) else _value(part, state)
        if type(value) is dict and type(key) is str:
            value = value.get(key)
        else:
            try:
                value = _look_up(value, key, state.lenient)
            except ExpressionError as fault:
                raise _at(fault, offset) from None
    return value


def _look_up(value: Value, key: Value, lenient: bool) -> Value:
    kind = kind_of(value)
    if kind is Kind.MAPPING:
        return _entry(value, key)
    if kind is Kind.LIST or kind is Kind.TEXT:
        return _item(value, key, kind, lenient)
    if kind is Kind.NULL and lenient:
        return None
    raise ExpressionError(
        "%s has no %s" % (kind.value, shown(key) if isinstance(key, str) else "entries"),
        hint="use default(x, …) where it may be missing" if kind is Kind.NULL else "",
    )


def _entry(mapping: Any, key: Value) -> Value:
    if not isinstance(key, str):
        raise ExpressionError("a key is a text, not %s" % kind_of(key).value)
    try:
        value: Value = mapping[key]
    except KeyError:
        return None
    return value


def _item(entries: Any, key: Value, kind: Kind, lenient: bool) -> Value:
    if not isinstance(key, int) or isinstance(key, bool):
        what = "no %s" % shown(key) if isinstance(key, str) else "whole numbers for its entries"
        raise ExpressionError("%s has %s" % (kind.value, what), hint="write x[0], x[1], …")
    try:
        value: Value = entries[key]
    except IndexError:
        if lenient:
            return None
        raise ExpressionError("there is no [%d]: the length is %d" % (key, len(entries))) from None
    return value


def _list(node: ListOf, state: _Evaluation) -> Value:
    return [_value(item, state) for item in node.items]


def _dict(node: DictOf, state: _Evaluation) -> Value:
    result: Dict[str, Value] = {}
    for key_node, value_node, offset in node.entries:
        key = _value(key_node, state)
        if not isinstance(key, str):
            raise ExpressionError("a key is a text, not %s" % kind_of(key).value, offset)
        if key in result:
            raise ExpressionError("the key %s stands twice" % shown(key), offset)
        result[key] = _value(value_node, state)
    return result


def _call(node: Call, state: _Evaluation) -> Value:
    if node.name == "default":
        return _default(node, state)
    arguments = [_value(argument, state) for argument in node.arguments]
    function = FUNCTIONS[node.name]
    try:
        if function.call is not None:
            return call_pure(function, arguments, state.meter)
        return _call_of_scope(function, arguments, state)
    except ExpressionError as fault:
        raise _at(fault, node.offset) from None


def _default(node: Call, state: _Evaluation) -> Value:
    first, second = node.arguments
    before = state.lenient
    state.lenient = True
    value = _value(first, state)
    state.lenient = before
    return _value(second, state) if value is None else value


def _call_of_scope(function: Function, arguments: List[Value], state: _Evaluation) -> Value:
    call = state.functions.get(function.name)
    if call is None:
        status = function.name in STATUS_FUNCTIONS
        raise ExpressionError(
            "`%s` cannot be called here" % function.name,
            hint="it stands in `if` only" if status else "no files are read here",
        )
    check_arguments(function, arguments)
    return call(*arguments)


def _not(node: Not, state: _Evaluation) -> Value:
    return not _truth(_value(node.operand, state), "`not`", node.offset)


def _negative(node: Negative, state: _Evaluation) -> Value:
    value = _value(node.operand, state)
    try:
        return negative(value)
    except ExpressionError as fault:
        raise _at(fault, node.offset) from None


def _logic(node: Logic, state: _Evaluation) -> Value:
    ends = node.word == "or"
    for operand, offset in node.operands:
        if _truth(_value(operand, state), "`%s`" % node.word, offset) is ends:
            return ends
    return not ends


def _comparison(node: Comparison, state: _Evaluation) -> Value:
    left = _value(node.first, state)
    for word, operand, offset in node.rest:
        right = _value(operand, state)
        try:
            if not COMPARISONS[word](left, right, state.meter):
                return False
        except ExpressionError as fault:
            raise _at(fault, offset) from None
        left = right
    return True


def _arithmetic(node: Arithmetic, state: _Evaluation) -> Value:
    value = _value(node.first, state)
    for sign, operand, offset in node.rest:
        right = _value(operand, state)
        try:
            value = calculate(sign, value, right, state.meter)
        except ExpressionError as fault:
            raise _at(fault, offset) from None
    return value


def _choice(node: Choice, state: _Evaluation) -> Value:
    for condition, offset, value in node.branches:
        if _truth(_value(condition, state), "`if`", offset):
            return _value(value, state)
    return _value(node.otherwise, state)


_TEST_BY_KIND: Mapping[Kind, str] = {
    Kind.NULL: "compare it: … != null",
    Kind.NUMBER: "compare it: … != 0",
    Kind.TEXT: "compare it: … != ''",
    Kind.LIST: "compare its length: len(…) > 0",
    Kind.MAPPING: "compare its length: len(…) > 0",
}


def _truth(value: Value, asker: str, offset: int) -> bool:
    if isinstance(value, bool):
        return value
    kind = kind_of(value)
    raise ExpressionError(
        "%s needs true or false, not %s" % (asker, kind.value), offset, _TEST_BY_KIND[kind]
    )


_RULES: Mapping[type, Callable[[Any, _Evaluation], Value]] = {
    Literal: _literal,
    Name: _name,
    Lookup: _lookup,
    ListOf: _list,
    DictOf: _dict,
    Call: _call,
    Not: _not,
    Negative: _negative,
    Logic: _logic,
    Comparison: _comparison,
    Arithmetic: _arithmetic,
    Choice: _choice,
}
