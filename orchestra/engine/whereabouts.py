"""What of a step depends on where it runs: its share of the budget, and its errand elsewhere. Pure.

A step that another machine runs takes none of the cores, memory and GPUs of this one. It takes its
named resources as ever, and one of those that its executor may have under way.
"""

from __future__ import annotations

from typing import Dict, Mapping, Optional, Union

from orchestra.model.errand import (
    IN_FLIGHT_PREFIX,
    LOCAL,
    OF_MACHINE,
    Errand,
    in_flight_name,
)
from orchestra.model.expression import (
    ExpressionError,
    Scope,
    Template,
    Tree,
    Value,
    fill_text,
    fill_tree,
)
from orchestra.model.units import parse_amount, parse_duration
from orchestra.model.workflow import InnerSteps, Step, Uses, Workflow

_ONE_CPU = 1000
_IN_FLIGHT_BY_EXECUTOR: Mapping[str, int] = {"slurm": 1000, "dask": 500}
_IN_FLIGHT = 100
_MUTEX_PREFIX = "mutex:"
_NO_SETTINGS: Mapping[str, Value] = {}


def mutex_name(mutex: str) -> str:
    """The resource that stands for a mutex."""
    return _MUTEX_PREFIX + mutex


def is_beside_room(name: str) -> bool:
    """Whether a resource is none of the room of a run: a mutex, or what an executor has in flight.

    There is always enough of these for one step.
    """
    return name.startswith((_MUTEX_PREFIX, IN_FLIGHT_PREFIX))


def asked(step: Step) -> Mapping[str, Union[int, Template]]:
    """What a step asks for as far as it is written, wherever it runs: cpu is 1 unless given.

    A gate takes nothing, and a step with others in it leaves that to them.
    """
    if step.body is None or isinstance(step.body, (InnerSteps, Uses)):
        return {}
    return {"cpu": _ONE_CPU, **step.resources}


def asked_here(step: Step) -> Mapping[str, Union[int, Template]]:
    """What of that it takes of the room of the run."""
    if step.executor == LOCAL:
        return asked(step)
    return {name: amount for name, amount in asked(step).items() if name not in OF_MACHINE}


def in_flight(workflow: Workflow, executor: str) -> int:
    """How many steps an executor elsewhere may have under way in a run of a workflow."""
    most = workflow.executor_settings.get(executor, {}).get("max_jobs")
    return most if type(most) is int else _IN_FLIGHT_BY_EXECUTOR.get(executor, _IN_FLIGHT)


def takes_in_flight(step: Step) -> bool:
    """Whether attempts of a step, or of its handlers, are under way at an executor elsewhere."""
    return step.executor != LOCAL and (bool(asked(step)) or bool(step.handlers))


def executor_of(held: Mapping[str, int]) -> str:
    """Where an attempt runs that holds this of the budget."""
    start = len(IN_FLIGHT_PREFIX)
    names = (name[start:] for name in held if name.startswith(IN_FLIGHT_PREFIX))
    return next(names, LOCAL)


def moved(held: Mapping[str, int], step: Step) -> Dict[str, int]:
    """What a step holds of the budget where it runs now, that held this where it ran before."""
    amounts = {
        name: amount
        for name, amount in held.items()
        if name not in OF_MACHINE and not name.startswith(IN_FLIGHT_PREFIX)
    }
    if step.executor == LOCAL:
        return {"cpu": _ONE_CPU, **amounts}
    return {**amounts, in_flight_name(step.executor): 1}


def amounts_of(
    amounts: Mapping[str, Union[int, Template]], scope: Optional[Scope]
) -> Dict[str, int]:
    """Amounts in `Amounts` units; the scope is needed where there are expressions.

    Raises:
        ExpressionError: an amount cannot be evaluated, or is no amount of its resource.
    """
    return {
        name: amount if isinstance(amount, int) else _evaluate(name, amount, scope)
        for name, amount in amounts.items()
    }


def errand_of(
    step: Step,
    scope: Scope,
    held: Mapping[str, int],
    growths: int,
    timeout_s: Optional[float],
    above: Mapping[str, Value] = _NO_SETTINGS,
) -> Errand:
    """What an executor elsewhere has to know of an attempt.

    `held` is what it holds of the budget; its retries have let it ask for more `growths` times;
    `above` are settings from around the workflow.

    Raises:
        ExpressionError: an amount or a setting cannot be evaluated, or is none.
    """
    wanted = {name: amount for name, amount in step.resources.items() if name in OF_MACHINE}
    amounts = amounts_of({"cpu": _ONE_CPU, **wanted}, scope)
    for name, factor in step.retry.resources.items():
        if name in amounts:
            for _ in range(growths):
                amounts[name] = round(amounts[name] * factor)
    named = {
        name: amount
        for name, amount in held.items()
        if not is_beside_room(name) and name not in OF_MACHINE
    }
    return Errand(
        step.executor,
        settings_of(step, scope, above),
        amounts["cpu"],
        amounts.get("memory"),
        amounts.get("gpu", 0),
        named,
        None if timeout_s is None else timeout_s + step.stop.grace_s,
    )


def settings_of(
    step: Step, scope: Scope, above: Mapping[str, Value] = _NO_SETTINGS
) -> Mapping[str, Value]:
    """What the executor of a step is told, evaluated; `time` is in seconds.

    Raises:
        ExpressionError: one cannot be evaluated, or is no duration; says which.
    """
    own = {
        name: _setting(step.executor, name, tree, scope)
        for name, tree in step.executor_settings.items()
    }
    return {**above, **own} if above else own


def root_settings(workflow: Workflow, executor: str, scope: Scope) -> Mapping[str, Value]:
    """What an executor is told at the root of the file, evaluated; `scope` is that of the root.

    Raises:
        ExpressionError: one cannot be evaluated, or is no duration; says which.
    """
    return {
        name: _setting(executor, name, tree, scope)
        for name, tree in workflow.executor_settings.get(executor, {}).items()
    }


def _setting(executor: str, name: str, tree: Tree, scope: Scope) -> Value:
    what = "%s.%s" % (executor, name)
    try:
        if not isinstance(tree, Template):
            return fill_tree(tree, scope)
        text = fill_text(tree, scope)
    except ExpressionError as fault:
        raise fault.within(what) from None
    if name != "time":
        return text
    try:
        return parse_duration(text)
    except ValueError:
        raise ExpressionError("%s: %r is no duration" % (what, text)) from None


def _evaluate(name: str, amount: Template, scope: Optional[Scope]) -> int:
    assert scope is not None
    try:
        text = fill_text(amount, scope)
    except ExpressionError as fault:
        raise fault.within("resources." + name) from None
    try:
        return parse_amount(name, text)
    except ValueError:
        raise ExpressionError("resources.%s: %r is no amount of it" % (name, text)) from None
