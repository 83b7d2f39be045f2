"""The first event of a run: what is planned, by whom. Pure."""

from __future__ import annotations

from contextlib import suppress
from typing import List, NamedTuple

from orchestra.engine.scope import Scopes
from orchestra.model.events import Event, PlannedEntry, RunFinished, RunStarted, StepEnded
from orchestra.model.expression import ExpressionError, fill_text
from orchestra.model.plan import Plan, PlannedStep
from orchestra.model.run import RunState


class Origin(NamedTuple):
    """Which run this is and who runs it, for the record."""

    run_id: str
    host: str
    pid: int
    version: str


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
        tuple(_entry(planned, scopes) for planned in plan.steps),
    )


def unstarted_run(
    plan: Plan, scopes: Scopes, origin: Origin, state: RunState, exit_code: int, reason: str
) -> List[Event]:
    """All events of a run that ends before any of its steps is looked at.

    Its steps end as the run does: `state` is `skipped` or `cancelled`.
    """
    events: List[Event] = [run_started(plan, scopes, origin)]
    events += [StepEnded(planned.step.id, state.value, reason, {}) for planned in plan.steps]
    return [*events, RunFinished(state.value, exit_code, reason)]


def _entry(planned: PlannedStep, scopes: Scopes) -> PlannedEntry:
    step = planned.step
    given = step.name or step.id
    name = given if isinstance(given, str) else given.source
    if not isinstance(given, str):
        with suppress(ExpressionError):  # a value that comes later in the run
            name = fill_text(given, scopes.early_scope(step))
    needs = tuple(need.step for need in step.needs)
    return PlannedEntry(step.id, name, needs, planned.demand or {})
