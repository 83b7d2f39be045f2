"""Whether a step goes ahead once its needs have ended: its `if`, then what it requires. Pure."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional, Tuple, Union

from orchestra.model.expression import (
    FILE_FUNCTIONS,
    Expression,
    ExpressionError,
    Scope,
    Value,
    evaluate_condition,
    fill_text,
    functions_of,
    to_text,
)
from orchestra.model.run import StepState
from orchestra.model.workflow import Step

_SHOWN_VALUES = 4
_SHOWN_LENGTH = 60


class Decision(NamedTuple):
    """`state` is None where the step goes ahead, else the state it ends in; and why."""

    state: Optional[StepState]
    reason: str


def reads_files(step: Step) -> bool:
    """Whether deciding needs a look at files, which the machine itself may not take."""
    conditions = [requirement.condition for requirement in step.require]
    if step.condition is not None:
        conditions.append(step.condition)
    messages = [requirement.message for requirement in step.require]
    return any(not c.functions.isdisjoint(FILE_FUNCTIONS) for c in conditions) or any(
        not functions_of(message).isdisjoint(FILE_FUNCTIONS) for message in messages
    )


def decide(step: Step, scope: Scope) -> Decision:
    """Ask the step's `if`, then every requirement; an expression that fails fails the step."""
    reason = "its needs were met" if step.needs else "it needs nothing"
    try:
        if step.condition is not None:
            shown = "if: %s" % describe(step.condition, scope)
            if not evaluate_condition(step.condition, scope):
                return Decision(StepState.SKIPPED, shown)
            reason = shown
    except ExpressionError as fault:
        return Decision(StepState.FAILED, "if: %s" % fault)
    for requirement in step.require:
        try:
            if not evaluate_condition(requirement.condition, scope):
                return Decision(StepState.FAILED, fill_text(requirement.message, scope))
        except ExpressionError as fault:
            return Decision(StepState.FAILED, "require: %s" % fault)
    return Decision(None, reason)


def describe(condition: Expression, scope: Scope) -> str:
    """The condition and the values it was decided by: `params.n > 3 (params.n is 2)`."""
    paths = dict.fromkeys(
        r.path for r in condition.references if len(r.path) > 1 or r.path[0] == "item"
    )
    values = [
        "%s is %s" % (".".join(map(str, path)), _short(_value_at(path, scope)))
        for path in list(paths)[:_SHOWN_VALUES]
    ]
    return "%s (%s)" % (condition.source, ", ".join(values)) if values else condition.source


def _value_at(path: Tuple[Union[str, int], ...], scope: Scope) -> Value:
    value: Value = scope.names
    for key in path:
        if isinstance(value, Mapping):
            value = value.get(str(key))
        elif isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value):
            value = value[key]
        else:
            return None
    return value


def _short(value: Value) -> str:
    text = repr(value) if isinstance(value, str) else "null" if value is None else to_text(value)
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 1] + "…"
