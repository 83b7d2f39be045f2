"""A run as a picture's source, coloured by what became of each step. Pure."""

from __future__ import annotations

from itertools import chain
from typing import List, Mapping, Tuple

from orchestra.model.look import Look, state_tone, state_word, step_label
from orchestra.model.record import RunRecord, StepRecord
from orchestra.model.units import format_duration
from orchestra.reports.critical_path import critical_path
from orchestra.reports.graph.text import Graph, Node, Style, dot_text, mermaid_text

_STYLES: Mapping[str, Style] = {
    "good": Style("#e7f5ec", "#3b8f5c", "#123"),
    "bad": Style("#fdecea", "#c0392b", "#411"),
    "warn": Style("#fff8e6", "#c58b1b", "#432"),
    "busy": Style("#e7f3fb", "#2f7fb8", "#123"),
    "quiet": Style("#f1f3f5", "#868e96", "#333", dashed=True),
}
_MARKS = Look()


def render_run_mermaid(record: RunRecord, expanded: bool = False) -> str:
    """A Mermaid flowchart; see `run_graph`."""
    return mermaid_text(run_graph(record, expanded))


def render_run_dot(record: RunRecord, expanded: bool = False) -> str:
    """A Graphviz digraph; see `run_graph`."""
    return dot_text(run_graph(record, expanded))


def run_graph(record: RunRecord, expanded: bool = False) -> Graph:
    """The steps and what they need, with thick arrows along the chain that the run waited for.

    What holds others is one box with a count, or where `expanded` a frame around its parts.
    Handlers are not drawn.
    """
    key_by_id = {step.id: "s%d" % place for place, step in enumerate(record.step_by_id.values())}

    def node(step: StepRecord) -> Node:
        parts = [record.step_by_id[part] for part in step.parts] if expanded else []
        inner = tuple(node(part) for part in parts if not part.is_handler)
        return Node(key_by_id[step.id], _label(step), state_tone(step.state).name.lower(), inner)

    steps = [step for step in record.step_by_id.values() if not step.is_handler]
    drawn = [step for step in steps if expanded or not step.owner]
    edges: List[Tuple[str, str]] = [
        (key_by_id[need], key_by_id[step.id])
        for step in drawn
        for need in step.needs
        if need in key_by_id
    ]
    path = critical_path(record)
    whole = [_whole(record, step) for step in path]
    bold = [
        (key_by_id[one], key_by_id[next])
        for one, next in chain(zip(path, path[1:]), zip(whole, whole[1:]))
    ]
    nodes = [node(step) for step in drawn if not step.owner]
    return Graph(record.workflow, nodes, edges, bold, _STYLES)


def _whole(record: RunRecord, step: str) -> str:
    """The step without an owner of which a step is a part, or itself."""
    while record.step_by_id[step].owner:
        step = record.step_by_id[step].owner
    return step


def _label(step: StepRecord) -> str:
    words = [_MARKS.mark(step.state), step_label(step.id, step.name)]
    if step.members:
        words.append("%d/%d" % (step.members_done, step.members))
    if step.duration_s is not None:
        words.append(format_duration(step.duration_s))
    elif step.state.value not in ("succeeded", "failed"):
        words.append(state_word(step.state))
    return " ".join(words)
