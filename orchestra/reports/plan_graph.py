"""A plan as a picture's source: Mermaid and Graphviz. Pure; no name can end its quotes."""

from __future__ import annotations

import re
from typing import List

from orchestra.model.plan import Plan, PlannedStep, Will
from orchestra.model.screen_text import safe_line
from orchestra.model.units import format_duration

_MERMAID_SPECIAL = re.compile(r"[^\w .,/=+-]")
_MERMAID_CLASSES = {
    Will.RUN: "fill:#e7f5ec,stroke:#3b8f5c,color:#123",
    Will.CACHED: "fill:#f1f3f5,stroke:#868e96,color:#333",
    Will.SKIP: "fill:#f8f9fa,stroke:#adb5bd,color:#666,stroke-dasharray:4 3",
    Will.UNKNOWN: "fill:#fff8e6,stroke:#c58b1b,color:#432",
}
_DOT_STYLES = {
    Will.RUN: 'style="filled,rounded", fillcolor="#e7f5ec", color="#3b8f5c"',
    Will.CACHED: 'style="filled,rounded", fillcolor="#f1f3f5", color="#868e96"',
    Will.SKIP: 'style="filled,rounded,dashed", fillcolor="#f8f9fa", color="#adb5bd"',
    Will.UNKNOWN: 'style="filled,rounded", fillcolor="#fff8e6", color="#c58b1b"',
}


def render_mermaid(plan: Plan) -> str:
    """A Mermaid flowchart, top down; the critical path is drawn with thick arrows.

    Source: Mermaid flowchart syntax, "Entity codes to escape characters".
    """
    critical = set(zip(plan.critical_path, plan.critical_path[1:]))
    lines = ["flowchart TD"]
    for place, step in enumerate(plan.steps):
        label = _MERMAID_SPECIAL.sub(_entity, safe_line(_label(step)))
        lines.append('    s%d["%s"]:::%s' % (place, label, step.will.value))
    for place, step in enumerate(plan.steps):
        for need in step.needs:
            arrow = "==>" if (need, place) in critical else "-->"
            lines.append("    s%d %s s%d" % (need, arrow, place))
    used = {step.will for step in plan.steps}
    lines += [
        "    classDef %s %s" % (will.value, style)
        for will, style in _MERMAID_CLASSES.items()
        if will in used
    ]
    return "\n".join(lines) + "\n"


def render_dot(plan: Plan) -> str:
    """A Graphviz digraph; the critical path is drawn with bold edges."""
    critical = set(zip(plan.critical_path, plan.critical_path[1:]))
    lines: List[str] = [
        "digraph %s {" % _dot_text(plan.workflow.name),
        '    node [shape=box, fontname="sans-serif"];',
    ]
    for place, step in enumerate(plan.steps):
        style = _DOT_STYLES[step.will]
        lines.append("    s%d [label=%s, %s];" % (place, _dot_text(_label(step)), style))
    for place, step in enumerate(plan.steps):
        for need in step.needs:
            bold = " [penwidth=2.5]" if (need, place) in critical else ""
            lines.append("    s%d -> s%d%s;" % (need, place, bold))
    return "\n".join(lines) + "\n}\n"


def _label(step: PlannedStep) -> str:
    if step.duration_s is None:
        return step.title
    return "%s %s" % (step.title, format_duration(step.duration_s))


def _entity(match: re.Match[str]) -> str:
    return "#%d;" % ord(match.group())


def _dot_text(text: str) -> str:
    return '"%s"' % safe_line(text).replace("\\", "\\\\").replace('"', '\\"')
