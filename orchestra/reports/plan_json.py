"""A plan for other programs, as `schemas/plan.schema.json` says. Pure."""

from __future__ import annotations

from typing import Any, Dict, List

from orchestra.model.json_text import json_text
from orchestra.model.plan import Plan, PlannedStep, Prediction
from orchestra.model.units import plain_amounts

PLAN_FORMAT = 1


def render_plan_json(plan: Plan, prediction: Prediction) -> str:
    """The plan as indented JSON with a line feed at its end; see `plan_data`."""
    return json_text(plan_data(plan, prediction), indent=2) + "\n"


def plan_data(plan: Plan, prediction: Prediction) -> Dict[str, Any]:
    """The plan as plain data, steps in topological order: cpu in cores, sizes in bytes, seconds."""
    ids = [step.step.id for step in plan.steps]
    return {
        "format": PLAN_FORMAT,
        "workflow": plan.workflow.name,
        "steps": [entry for step in plan.steps for entry in _entries(plan, step)],
        "critical_path": [ids[place] for place in plan.critical_path],
        "work_s": plan.work_s,
        "lower_bound_s": plan.lower_bound_s,
        "predicted_s": prediction.predicted_s,
        "peak": plain_amounts(prediction.peak),
    }


def _entries(plan: Plan, step: PlannedStep) -> List[Dict[str, Any]]:
    """The step; of a fan-out also each instance that is known."""
    entry = _step(plan, step)
    if step.step.fan_out is None:
        return [entry]
    instances = step.instances
    part = {**entry, "of": step.step.id}
    entry["instances"] = None if instances is None else len(instances)
    return [entry, *({**part, "id": instance} for instance in instances or ())]


def _step(plan: Plan, step: PlannedStep) -> Dict[str, Any]:
    return {
        "id": step.step.id,
        "needs": [plan.steps[place].step.id for place in step.needs],
        "wave": step.wave,
        "will": step.will.value,
        "reason": step.reason,
        "resources": None if step.demand is None else plain_amounts(step.demand),
        "duration_s": step.duration_s,
        "rank_s": step.rank_s,
    }
