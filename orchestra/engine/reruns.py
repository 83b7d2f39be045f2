"""Which steps a run that goes on would run again, as far as can be told before. Pure."""

from __future__ import annotations

from typing import Collection, Dict, Sequence, Set

from orchestra.engine.reopening import NOT_WELL, results_to_drop, run_once
from orchestra.model.comparison import OnResume
from orchestra.model.plan import Plan, PlannedStep, Will
from orchestra.model.record import RunRecord
from orchestra.model.run import RESULT_BY_STATE, plain_id


def on_resume(record: RunRecord, changed: Collection[str], plan: Plan) -> Dict[str, OnResume]:
    """What becomes of each step of the plan by which the run would go on, by its full id.

    `changed` are the steps that are defined differently now.
    """
    found: Dict[str, OnResume] = {}
    _level(plan.steps, "", True, _open_steps(record, changed, plan), _known(record), found)
    return found


def _open_steps(record: RunRecord, changed: Collection[str], plan: Plan) -> Set[str]:
    """The steps that are open again or still, and what they are part of, without instances."""
    dropped = set(results_to_drop(record, changed, run_once(plan.workflow)))
    found = {plain_id(id) for id in dropped}
    for step in record.in_order():  # owners before their parts, which are dropped with them
        if step.is_handler:
            continue
        if step.owner in dropped:
            dropped.add(step.id)
        if step.id in dropped or step.state not in RESULT_BY_STATE or step.state in NOT_WELL:
            found.add(plain_id(step.id))
    for id in list(found):
        while "/" in id:
            id = id.rpartition("/")[0]
            found.add(id)
    return found


def _known(record: RunRecord) -> Set[str]:
    return {plain_id(id) for id in record.step_by_id}


def _level(
    planned: Sequence[PlannedStep],
    prefix: str,
    is_around_open: bool,
    open_steps: Collection[str],
    known: Collection[str],
    found: Dict[str, OnResume],
) -> None:
    for each in planned:
        id = prefix + each.step.id
        is_open = id in open_steps or (id not in known and is_around_open)
        found[id] = _fate(each) if is_open else OnResume.KEPT
        _level(each.inner, id + "/", is_open, open_steps, known, found)


def _fate(planned: PlannedStep) -> OnResume:
    """What becomes of a step that is open."""
    step = planned.step
    if planned.will is Will.SKIP:
        return OnResume.SKIP
    is_sure = planned.will is Will.RUN and step.cache is None
    if step.fan_out is not None and planned.instances is None:
        is_sure = False
    return OnResume.RUN if is_sure else OnResume.UNKNOWN
