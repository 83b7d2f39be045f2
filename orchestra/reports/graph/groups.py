"""The steps of a run, together where there are too many to draw each. Pure.

A step stands with all that is part of it; only in small runs do its instances and inner steps
stand alone. Where steps are still too many, those with the same neighbours go together, and then
whole layers.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from orchestra.model.record import RunRecord, StepRecord
from orchestra.reports.graph.layers import Edge, layers_of

MOST_GROUPS = 150
_MOST_STEPS_APART = 150
_MOST_PARTS_APART = 8
_MOST_STEPS_EXPANDED = 1000
"""A fan-out below a fan-out has an edge for each pair of their instances."""

_MOST_EDGES = 300
_LONGEST_FIRST = 13


class Group(NamedTuple):
    """Steps that are drawn as one; `step` is what all are part of, None where they are `a +249`.

    `leaves` are those without parts of their own that count, and `all` all of them, handlers too;
    both in plan order.
    """

    title: str
    step: Optional[StepRecord]
    leaves: Tuple[StepRecord, ...]
    all: Tuple[StepRecord, ...]


class Grouping(NamedTuple):
    """The groups in plan order and which of them needs which; what others imply may be left out."""

    groups: Tuple[Group, ...]
    edges: Tuple[Edge, ...]


def group_steps(record: RunRecord, expanded: bool = False) -> Grouping:
    """The groups of a run, at most `MOST_GROUPS`; the run's own handlers are in none.

    Where they are to be `expanded`, instances and inner steps stand alone in larger runs as well,
    until there is no room.
    """
    heads = _heads(record, expanded)
    index = {step.id: number for number, (step, _) in enumerate(heads)}
    edges = sorted(
        {
            (index[need], number)
            for number, (_, needs) in enumerate(heads)
            for need in needs
            if need in index
        }
    )
    apart = tuple(_whole(record, step) for step, _ in heads)
    grouping = Grouping(apart, tuple(edges))
    if len(apart) > MOST_GROUPS:
        grouping = _merged(grouping, _by_neighbours(grouping))
    if len(grouping.groups) > MOST_GROUPS:
        grouping = _merged(grouping, _by_layers(grouping))
    if len(grouping.edges) > _MOST_EDGES:
        return grouping._replace(edges=_reduced(len(grouping.groups), grouping.edges))
    return grouping


def whole_of(record: RunRecord, step: StepRecord) -> Group:
    """A step with all that is part of it."""
    return _whole(record, step)


def _heads(record: RunRecord, expanded: bool) -> List[Tuple[StepRecord, List[str]]]:
    """The steps that are drawn for themselves, if there is room, with the heads that they need."""
    small = len(record.step_by_id) <= _MOST_STEPS_APART
    most_parts = _MOST_PARTS_APART if small else 0
    if expanded and len(record.step_by_id) <= _MOST_STEPS_EXPANDED:
        most_parts = _MOST_STEPS_EXPANDED
    heads: List[Tuple[StepRecord, List[str]]] = []
    ends: Dict[str, List[str]] = {}

    def add(step: StepRecord, above: List[str]) -> None:
        needs = [end for need in step.needs for end in ends.get(need, ())] or above
        parts = [record.step_by_id[part] for part in step.parts]
        parts = [part for part in parts if not part.is_handler]
        if not 0 < len(parts) <= most_parts:
            heads.append((step, needs))
            ends[step.id] = [step.id]
            return
        for part in parts:
            add(part, needs)
        needed = {need for part in parts for need in part.needs}
        ends[step.id] = [e for part in parts if part.id not in needed for e in ends[part.id]]

    for step in record.step_by_id.values():
        if not step.owner and not step.is_handler:
            add(step, [])
    return heads


def _whole(record: RunRecord, step: StepRecord) -> Group:
    everything: List[StepRecord] = []
    waiting = [step]
    while waiting:
        each = waiting.pop()
        everything.append(each)
        waiting.extend(record.step_by_id[part] for part in reversed(each.parts))
    leaves = tuple(s for s in everything if not s.members and (s is step or not s.is_handler))
    return Group(step.name or step.id, step, leaves, tuple(everything))


def _by_neighbours(grouping: Grouping) -> List[int]:
    """For each group the number of the first one that has the same groups above and below."""
    above: List[List[int]] = [[] for _ in grouping.groups]
    below: List[List[int]] = [[] for _ in grouping.groups]
    for upper, lower in grouping.edges:
        above[lower].append(upper)
        below[upper].append(lower)
    first: Dict[Tuple[Tuple[int, ...], Tuple[int, ...]], int] = {}
    return [
        first.setdefault((tuple(above[number]), tuple(below[number])), number)
        for number in range(len(grouping.groups))
    ]


def _by_layers(grouping: Grouping) -> List[int]:
    """For each group the band of layers that it lies in."""
    layer = layers_of(len(grouping.groups), grouping.edges)
    together = -(-(max(layer) + 1) // MOST_GROUPS)
    return [number // together for number in layer]


def _merged(grouping: Grouping, place: Sequence[int]) -> Grouping:
    """Groups with the same place as one, in the order in which the places first come."""
    members: Dict[int, List[Group]] = {}
    for group, where in zip(grouping.groups, place):
        members.setdefault(where, []).append(group)
    number = {where: n for n, where in enumerate(members)}
    edges = {(number[place[upper]], number[place[lower]]) for upper, lower in grouping.edges}
    return Grouping(
        tuple(_joined(groups) for groups in members.values()),
        tuple(sorted((upper, lower) for upper, lower in edges if upper != lower)),
    )


def _joined(groups: Sequence[Group]) -> Group:
    if len(groups) == 1:
        return groups[0]
    leaves = tuple(step for group in groups for step in group.leaves)
    title = groups[0].title
    if len(title) > _LONGEST_FIRST:
        title = title[: _LONGEST_FIRST - 1] + "…"
    return Group(
        "%s +%d" % (title, len(leaves) - 1),
        None,
        leaves,
        tuple(step for group in groups for step in group.all),
    )


def _reduced(count: int, edges: Sequence[Edge]) -> Tuple[Edge, ...]:
    """The edges that no longer way stands for; sets of nodes are the bits of a number."""
    layer = layers_of(count, edges)
    below: List[Set[int]] = [set() for _ in range(count)]
    for upper, lower in edges:
        below[upper].add(lower)
    reach = [0] * count
    kept: List[Edge] = []
    for node in sorted(range(count), key=lambda each: -layer[each]):
        for lower in sorted(below[node], key=lambda each: layer[each]):
            if not reach[node] >> lower & 1:
                kept.append((node, lower))
            reach[node] |= reach[lower] | 1 << lower
    return tuple(sorted(kept))
