"""A plan for other programs, as `schemas/plan.schema.json` says. Pure."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from orchestra.model.errand import IN_FLIGHT_PREFIX
from orchestra.model.json_text import json_text
from orchestra.model.plan import Plan, PlannedStep, Prediction
from orchestra.model.suggestion import Advice, Suggestion
from orchestra.model.units import Amounts, plain_amounts

PLAN_FORMAT = 1


def render_plan_json(
    plan: Plan,
    prediction: Prediction,
    advice: Optional[Advice] = None,
) -> str:
    """The plan as indented JSON with a line feed at its end; see `plan_data`."""
    data = plan_data(plan, prediction)
    if advice is not None:
        first = advice.shorten_first
        data["suggestions"] = [_suggestion(each) for each in advice.suggestions]
        data["shorten_first"] = None if first is None else first._asdict()
    return json_text(data, indent=2) + "\n"


def plan_data(plan: Plan, prediction: Prediction) -> Dict[str, Any]:
    """The plan as plain data, steps in topological order: cpu in cores, sizes in bytes, seconds."""
    ids = [step.step.id for step in plan.steps]
    places = [(step, *place) for step in plan.steps for place in step.walk()]
    return {
        "format": PLAN_FORMAT,
        "workflow": plan.workflow.name,
        "steps": [entry for place in places for entry in _entries(plan, *place)],
        "critical_path": [ids[place] for place in plan.critical_path],
        "work_s": plan.work_s,
        "lower_bound_s": plan.lower_bound_s,
        "predicted_s": prediction.predicted_s,
        "policy": plan.policy.order.value,
        "peak": plain_amounts(_of_room(prediction.peak)),
    }


def _of_room(peak: Amounts) -> Amounts:
    return {name: n for name, n in peak.items() if not name.startswith(IN_FLIGHT_PREFIX)}


def _entries(
    plan: Plan, outer: PlannedStep, prefix: str, wave: int, step: PlannedStep
) -> List[Dict[str, Any]]:
    """The step; of a fan-out also each instance that is known."""
    entry = _step(step, wave)
    if plan.place_of(step):
        entry["executor"] = plan.place_of(step)
    if prefix:
        entry["id"] = prefix + step.step.id
        entry["needs"] = [prefix + need.step for need in step.step.needs]
        entry["of"] = prefix[:-1]
    else:
        entry["needs"] = [plan.steps[place].step.id for place in outer.needs]
    if step.step.fan_out is None:
        return [entry]
    instances = step.instances
    part = {**entry, "of": entry["id"]}
    entry["instances"] = None if instances is None else len(instances)
    return [
        entry,
        *(
            {**part, "id": prefix + each.id, "will": each.will.value, "reason": each.reason}
            for each in instances or ()
        ),
    ]


def _step(step: PlannedStep, wave: int) -> Dict[str, Any]:
    return {
        "id": step.step.id,
        "needs": [],
        "wave": wave,
        "will": step.will.value,
        "reason": step.reason,
        "resources": None if step.wanted is None else plain_amounts(step.wanted),
        "duration_s": step.duration_s,
        "rank_s": round(step.rank_s, 4),
    }


def _suggestion(each: Suggestion) -> Dict[str, Any]:
    return {
        "id": each.step,
        "runs": each.runs,
        "resources": None if each.asked is None else plain_amounts(each.asked),
        "suggested": plain_amounts(each.proposed),
    }
