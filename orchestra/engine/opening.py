"""The first event of a run: what is planned, by whom. Pure."""

from __future__ import annotations

from contextlib import suppress
from typing import Mapping, NamedTuple

from orchestra.engine.scope import Scopes
from orchestra.model.events import PlannedEntry, RunStarted
from orchestra.model.expression import ExpressionError, Value, fill_text
from orchestra.model.plan import Plan, PlannedStep
from orchestra.model.run import Role

_NO_NAMES: Mapping[str, Value] = {}


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
        tuple(entry(planned, scopes) for planned in plan.steps),
    )


def entry(
    planned: PlannedStep,
    scopes: Scopes,
    names: Mapping[str, Value] = _NO_NAMES,
    owner: str = "",
    role: Role = Role.STEP,
    prefix: str = "",
) -> PlannedEntry:
    """A step for the record; `names` are those that it alone sees.

    `prefix` stands before the ids of its needs.
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
    return PlannedEntry(step.id, name, needs, planned.demand or {}, owner, role.value)
