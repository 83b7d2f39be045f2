"""A plan as a picture's source: Mermaid and Graphviz. Pure."""

from __future__ import annotations

from typing import Mapping

from orchestra.model.plan import Plan, PlannedStep, Will
from orchestra.model.units import format_duration
from orchestra.reports.graph.text import Graph, Node, Style, dot_text, mermaid_text

_STYLES: Mapping[str, Style] = {
    Will.RUN.value: Style("#e7f5ec", "#3b8f5c", "#123"),
    Will.CACHED.value: Style("#f1f3f5", "#868e96", "#333"),
    Will.SKIP.value: Style("#f8f9fa", "#adb5bd", "#666", dashed=True),
    Will.UNKNOWN.value: Style("#fff8e6", "#c58b1b", "#432"),
}


def render_mermaid(plan: Plan) -> str:
    """A Mermaid flowchart, top down; the critical path is drawn with thick arrows."""
    return mermaid_text(_graph(plan))


def render_dot(plan: Plan) -> str:
    """A Graphviz digraph; the critical path is drawn with bold edges."""
    return dot_text(_graph(plan))


def _graph(plan: Plan) -> Graph:
    nodes = [
        Node("s%d" % place, _label(step), step.will.value) for place, step in enumerate(plan.steps)
    ]
    edges = [
        ("s%d" % need, "s%d" % place)
        for place, step in enumerate(plan.steps)
        for need in step.needs
    ]
    path = ["s%d" % place for place in plan.critical_path]
    return Graph(plan.workflow.name, nodes, edges, list(zip(path, path[1:])), _STYLES)


def _label(step: PlannedStep) -> str:
    words = [step.title]
    if step.duration_s is not None:
        words.append(format_duration(step.duration_s))
    if step.runs_elsewhere:
        words.append("on " + step.step.executor)
    return " ".join(words)
