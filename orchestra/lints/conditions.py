"""Lints of conditions that ask nothing, and of steps that never run because of them. Pure."""

from __future__ import annotations

from typing import Dict, FrozenSet, Iterator, List, Optional, Sequence

from orchestra.errors import Problem
from orchestra.lints.levels import Level
from orchestra.lints.lint import Lint, Subject
from orchestra.lints.outcomes import Path, Values, outcomes
from orchestra.model.expression import STATUS_FUNCTIONS, Value
from orchestra.model.workflow import NeedResult, Param, ParamType, Step, Workflow

_TRIABLE = frozenset([ParamType.STRING, ParamType.INT, ParamType.FLOAT])
_STATES_BY_RESULT = {
    NeedResult.SUCCESS: ("succeeded", "cached", "recovered", "allowed_failure"),
    NeedResult.FAILURE: ("failed",),
    NeedResult.SKIPPED: ("skipped",),
    NeedResult.STOPPED: ("blocked", "cancelled"),
}
_ANY_RESULT = frozenset(NeedResult)
_NEVER_RAN = frozenset([NeedResult.SKIPPED, NeedResult.STOPPED])
_ONLY_TRUE = frozenset([True])
_ONLY_FALSE = frozenset([False])


def _constant(subject: Subject) -> Iterator[Problem]:
    for level in subject.levels:
        for step in level.graph.order:
            values = _values(step, subject.workflow)
            if _is_always_true(step, values):
                message = "this condition is always true"
                yield Problem(level.at(step, "if"), CONSTANT.code, message, CONSTANT.advice)
            for number, requirement in enumerate(step.require):
                found = outcomes(requirement.condition, values)
                if len(found) == 1:
                    message = "this requirement is always %s" % (
                        "met" if True in found else "missed"
                    )
                    path = level.at(step, "require", number, "if")
                    yield Problem(path, CONSTANT.code, message, CONSTANT.advice)


def _is_always_true(step: Step, values: Values) -> bool:
    """Whether the condition says nothing; one with `always()` replaces the usual rule."""
    condition = step.condition
    if condition is None or condition.functions & STATUS_FUNCTIONS:
        return False
    return outcomes(condition, values) == _ONLY_TRUE


def _never(subject: Subject) -> Iterator[Problem]:
    for level in subject.levels:
        idle: Dict[str, Step] = {}
        for step in level.graph.order:
            problem = _never_runs(step, subject.workflow, level, idle)
            if problem is not None:
                idle[step.id] = step
                yield problem


def _never_runs(
    step: Step, workflow: Workflow, level: Level, idle: Dict[str, Step]
) -> Optional[Problem]:
    """Why a step never runs, None where it may; `idle` are those before it that never do."""
    condition = step.condition
    if condition is not None:
        if outcomes(condition, _values(step, workflow)) == _ONLY_FALSE:
            message = "`%s` never runs: its condition is always false" % step.id
            return Problem(level.at(step, "if"), NEVER.code, message, NEVER.advice)
        if condition.functions & STATUS_FUNCTIONS:
            return None
    for number, need in enumerate(step.needs):
        if need.step in idle and not need.when & _NEVER_RAN:
            message = "`%s` never runs: it needs `%s`, which never runs" % (step.id, need.step)
            return Problem(level.at(step, "needs", number), NEVER.code, message, NEVER.advice)
    return None


def _values(step: Step, workflow: Workflow) -> Values:
    """What the names in a condition of the step can stand for."""
    asks_status = step.condition is not None and step.condition.functions & STATUS_FUNCTIONS
    welcome: Dict[str, FrozenSet[NeedResult]] = {}
    if not asks_status:
        # a condition is asked when all needs are met
        welcome = {need.step: need.when for need in step.needs}

    def values(path: Path) -> Optional[Sequence[Value]]:
        if path[0] == "params" and len(path) == 2:
            return _values_of_param(workflow.params[path[1]])
        if path[0] != "steps" or len(path) != 3 or path[2] not in ("result", "state"):
            return None
        results = welcome.get(path[1], _ANY_RESULT)
        if path[2] == "result":
            return sorted(result.value for result in results)
        return sorted(state for result in results for state in _STATES_BY_RESULT[result])

    return values


def _values_of_param(param: Param) -> Optional[Sequence[Value]]:
    """What a parameter can be; null as well, which one may be that nobody gives."""
    choices: List[Value] = [None]
    if param.type is ParamType.BOOL:
        return [*choices, True, False]
    return [*choices, *param.enum] if param.enum and param.type in _TRIABLE else None


CONSTANT = Lint(
    "L201",
    "constant-condition",
    "A condition that is always true, or a requirement that is always met or missed.",
    "take it out, or ask for something that can change",
    _constant,
)
NEVER = Lint(
    "L202",
    "never-runs",
    "A step whose condition is always false, or that needs a step that never runs.",
    "mend the condition, or take the step out",
    _never,
)
