"""A run as a graph to be drawn: coloured by state, its critical path marked. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Container, Mapping, Sequence, Tuple

from orchestra.model.look import Look, count_words, state_word
from orchestra.model.record import RunRecord
from orchestra.model.run import ENDED_STATES, StepState
from orchestra.model.units import format_duration
from orchestra.reports.critical_path import critical_path
from orchestra.reports.graph.groups import Group, Grouping, group_steps
from orchestra.reports.graph.svg import Graph, Node, render_svg, standalone

BY_WEIGHT: Tuple[StepState, ...] = (
    StepState.FAILED,
    StepState.RUNNING,
    StepState.QUEUED,
    StepState.CANCELLED,
    StepState.WAITING_RETRY,
    StepState.BLOCKED,
    StepState.ALLOWED_FAILURE,
    StepState.RECOVERED,
    StepState.READY,
    StepState.PENDING,
    StepState.SUCCEEDED,
    StepState.CACHED,
    StepState.SKIPPED,
)
"""The states by how much they tell of a group: the first one that is in it colours it."""

_LOOK = Look()


def render_run_svg(record: RunRecord, expanded: bool = False) -> str:
    """The graph of a run as a picture of its own; `expanded`, with each part as far as it fits."""
    graph = run_graph(group_steps(record, expanded), critical_path(record), {})
    with_queued = record.counts[StepState.QUEUED] > 0
    return standalone(render_svg(graph, record.workflow), with_queued)


def run_graph(
    grouping: Grouping, critical: Sequence[str], link_by_step: Mapping[str, str]
) -> Graph:
    """The groups as nodes, each with a link to its step where `link_by_step` has one.

    `critical` is the critical path.
    """
    on_path = set(critical)
    nodes = tuple(_node(group, on_path, link_by_step) for group in grouping.groups)
    place = {leaf.id: n for n, group in enumerate(grouping.groups) for leaf in group.leaves}
    passed = [place[step] for step in critical if step in place]
    return Graph(nodes, grouping.edges, frozenset(zip(passed, passed[1:])))


def group_state(group: Group) -> StepState:
    """The state of its step, of several the one that tells most."""
    if group.step is not None:
        return group.step.state
    states = {step.state for step in group.leaves}
    return next(state for state in BY_WEIGHT if state in states)


def _node(group: Group, critical: Container[str], link_by_step: Mapping[str, str]) -> Node:
    state = group_state(group)
    step = group.step
    counts = Counter(leaf.state for leaf in group.leaves)
    facts = []
    if len(group.leaves) > 1:
        facts.append(" ".join("%d%s" % (n, _LOOK.mark(each)) for each, n in _ordered(counts)))
    if step is not None and step.duration_s is not None:
        facts.append(format_duration(step.duration_s))
    if step is not None and len(step.attempts) > 1:
        facts.append("%d attempts" % len(step.attempts))
    words = [state_word(state), *facts]
    if len(group.leaves) > 1:
        words = [state_word(state), *count_words(counts, *BY_WEIGHT), *facts[1:]]
    title = group.title
    if step is not None and step.members:
        title = "%s ×%d" % (title, step.members)
    return Node(
        title,
        " · ".join(facts) or state_word(state),
        "%s, %s" % (title, ", ".join(words)),
        state.value,
        _LOOK.mark(state),
        tuple((each.value, n) for each, n in _ordered(counts)) if len(group.leaves) > 1 else (),
        any(leaf.id in critical for leaf in group.leaves),
        "" if step is None else link_by_step.get(step.id, ""),
    )


def _ordered(counts: Mapping[StepState, int]) -> Tuple[Tuple[StepState, int], ...]:
    order = (*ENDED_STATES, *(state for state in BY_WEIGHT if state not in ENDED_STATES))
    return tuple((state, counts[state]) for state in order if counts.get(state))
