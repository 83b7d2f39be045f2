"""A plan as a picture: its steps by what will be done with them, its critical path marked. Pure."""

from __future__ import annotations

from orchestra.model.plan import Plan, PlannedStep, Will
from orchestra.model.units import format_duration
from orchestra.reports.graph.svg import Graph, Node, render_svg, standalone

_MARKS = {Will.RUN: "●", Will.CACHED: "=", Will.SKIP: "○", Will.UNKNOWN: "?"}
_WORDS = {
    Will.RUN: "will run",
    Will.CACHED: "cached",
    Will.SKIP: "will be skipped",
    Will.UNKNOWN: "may run",
}


def render_plan_svg(plan: Plan) -> str:
    """Each step of the plan as a node, a fan-out as one; inner steps stand in their step."""
    on_path = frozenset(plan.critical_path)
    nodes = tuple(_node(step, place in on_path) for place, step in enumerate(plan.steps))
    edges = tuple((need, place) for place, step in enumerate(plan.steps) for need in step.needs)
    critical = frozenset(zip(plan.critical_path, plan.critical_path[1:]))
    return standalone(render_svg(Graph(nodes, edges, critical), plan.workflow.name))


def _node(step: PlannedStep, critical: bool) -> Node:
    facts = [_WORDS[step.will]]
    if step.runs_elsewhere:
        facts.append("on " + step.step.executor)
    if step.duration_s is not None:
        facts.append(format_duration(step.duration_s))
    if step.inner:
        facts.append("%d steps in it" % len(step.inner))
    label = "%s, %s" % (step.title, ", ".join([*facts, step.reason]))
    detail = " · ".join(facts)
    return Node(step.title, detail, label, step.will.value, _MARKS[step.will], (), critical)
