"""The first event of a run: what is planned, by whom. Pure."""

from __future__ import annotations

from contextlib import suppress
from typing import List, Mapping, NamedTuple, Tuple

from orchestra.engine.scope import Scopes
from orchestra.model.events import (
    Event,
    PlannedEntry,
    RunFinished,
    RunResumed,
    RunStarted,
    StepEnded,
)
from orchestra.model.expression import ExpressionError, Value, fill_text
from orchestra.model.plan import Plan, PlannedStep
from orchestra.model.run import Role, RunState

_NO_NAMES: Mapping[str, Value] = {}


class Origin(NamedTuple):
    """Which run this is and who runs it, for the record; see `RunStarted`."""

    run_id: str
    host: str
    pid: int
    version: str
    options: Mapping[str, Value] = {}
    boot: str = ""


def run_started(plan: Plan, scopes: Scopes, origin: Origin) -> RunStarted:
    """The run as it stands in its plan; names that need later values show as they were written."""
    return RunStarted(
        origin.run_id,
        plan.workflow.name,
        plan.workflow.path,
        plan.params,
        plan.budget,
        plan.max_parallel,
        plan.lower_bound_s,
        origin.host,
        origin.pid,
        origin.version,
        plan.workflow.labels,
        tuple(entry(planned, scopes) for planned in plan.steps),
        origin.options,
        origin.boot,
        plan.policy.order.value,
        plan.policy.patience_s,
        plan.predicted_s,
    )


def run_resumed(plan: Plan, scopes: Scopes, origin: Origin, dropped: Tuple[str, ...]) -> RunResumed:
    """The run as it goes on with its plan; what the `dropped` steps came to counts no more."""
    return RunResumed(
        plan.workflow.name,
        plan.workflow.path,
        plan.budget,
        plan.max_parallel,
        plan.lower_bound_s,
        origin.host,
        origin.pid,
        origin.version,
        tuple(entry(planned, scopes) for planned in plan.steps),
        dropped,
        origin.options,
        origin.boot,
    )


def unstarted_run(
    plan: Plan, scopes: Scopes, origin: Origin, state: RunState, exit_code: int, reason: str
) -> List[Event]:
    """All events of a run that ends before any of its steps is looked at.

    Its steps end as the run does: `state` is `skipped` or `cancelled`.
    """
    events: List[Event] = [run_started(plan, scopes, origin)]
    events += [StepEnded(planned.step.id, state.value, reason, {}) for planned in plan.steps]
    return [*events, RunFinished(state.value, int(exit_code), reason)]


def entry(
    planned: PlannedStep,
    scopes: Scopes,
    names: Mapping[str, Value] = _NO_NAMES,
    owner: str = "",
    role: Role = Role.STEP,
    prefix: str = "",
    item: str = "",
) -> PlannedEntry:
    """A step for the record; `names` are those that it alone sees.

    `prefix` stands before the ids of its needs; `item` tells what an instance stands for.
    """
    step = planned.step
    given = step.name or step.id
    name = given if isinstance(given, str) else given.source
    if step.fan_out is not None and name is not given:
        name = step.id
    if not isinstance(given, str):
        with suppress(ExpressionError):  # a value that comes later in the run
            name = fill_text(given, scopes.early_scope(step, names=names))
    needs = tuple(prefix + need.step for need in step.needs)
    demand, expected_s = planned.demand or {}, planned.duration_s
    return PlannedEntry(
        step.id, name, needs, demand, owner, role.value, item, expected_s, step.executor
    )
