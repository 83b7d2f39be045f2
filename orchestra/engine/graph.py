"""The graph of a workflow's steps, and everything that can be wrong with it. Pure."""

from __future__ import annotations

import os
from heapq import heappop, heappush
from typing import (
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from graphlib import CycleError, TopologicalSorter

from orchestra.engine.ancestry import ordered_pairs
from orchestra.engine.holders import step_references
from orchestra.engine.whereabouts import asked_here
from orchestra.errors import PathParts, Problem
from orchestra.model.expression import Reference
from orchestra.model.nearest import did_you_mean
from orchestra.model.units import format_amount
from orchestra.model.workflow import (
    Handler,
    NeedResult,
    Step,
    Uses,
    Workflow,
    steps_in,
)

_SHOWN_OF_CYCLE = 8
_MOST_HINTS = 60


class UsedGraph(NamedTuple):
    """The graph of a workflow that a handler uses."""

    body: Uses
    graph: Graph


class Graph(NamedTuple):
    """Steps in topological order, ties in file order; numbers are places in `order`.

    `needs` and `dependents` hold each number once, ascending; `inner` has, by number, the graphs of
    the steps that are in a step, `handlers`, by number and key, those of the workflows that a
    handler of a step uses; `at_end` has, by key, those of the workflow's own handlers.
    """

    order: Tuple[Step, ...]
    needs: Tuple[Tuple[int, ...], ...]
    dependents: Tuple[Tuple[int, ...], ...]
    inner: Mapping[int, Graph] = {}
    handlers: Mapping[int, Mapping[str, UsedGraph]] = {}
    at_end: Mapping[str, UsedGraph] = {}


def build(workflow: Workflow) -> Tuple[Optional[Graph], List[Problem]]:
    """The graph, or None and what is wrong: unknown and self needs, a cycle."""
    return _build(workflow.step_by_id, workflow.handlers)


def _build(
    step_by_id: Mapping[str, Step], handlers: Mapping[str, Handler] = {}
) -> Tuple[Optional[Graph], List[Problem]]:
    steps = list(step_by_id.values())
    place_by_id = {step.id: place for place, step in enumerate(steps)}
    problems = list(_bad_needs(steps, place_by_id))
    inner_by_id: Dict[str, Graph] = {}
    used_by_id: Dict[str, Dict[str, UsedGraph]] = {}
    for step in steps:
        steps_inside = steps_in(step)
        if steps_inside:
            own = step.body.workflow.handlers if isinstance(step.body, Uses) else {}
            inner, found = _build(steps_inside, own)
            problems += problems_inside(step, found)
            if inner is not None:
                inner_by_id[step.id] = inner
        found_used = _used_by(step.handlers, ("steps", step.id), problems)
        if found_used:
            used_by_id[step.id] = found_used
    at_end = _used_by(handlers, (), problems)
    needs = [
        sorted(
            {
                place_by_id[need.step]
                for need in step.needs
                if need.step in place_by_id and need.step != step.id
            }
        )
        for step in steps
    ]
    sorter: TopologicalSorter[int] = TopologicalSorter()
    for place, above in enumerate(needs):
        sorter.add(place, *above)
    try:
        sorter.prepare()
    except CycleError as fault:
        problems.append(_cycle(steps, fault.args[1]))
    if problems:
        return None, problems
    graph = _ordered(steps, needs, sorter)
    number_by_id = {step.id: number for number, step in enumerate(graph.order)}
    inner_by_number = {number_by_id[id]: inner for id, inner in inner_by_id.items()}
    handlers_by_number = {number_by_id[id]: each for id, each in used_by_id.items()}
    return graph._replace(inner=inner_by_number, handlers=handlers_by_number, at_end=at_end), []


def _used_by(
    handlers: Mapping[str, Handler], path: PathParts, problems: List[Problem]
) -> Dict[str, UsedGraph]:
    """The graphs of the workflows that handlers use; what is wrong goes to the problems."""
    graphs: Dict[str, UsedGraph] = {}
    for key, handler in handlers.items():
        if isinstance(handler.body, Uses):
            graph, found = build(handler.body.workflow)
            problems += problems_of_used(handler.body, (*path, key), found)
            if graph is not None:
                graphs[key] = UsedGraph(handler.body, graph)
    return graphs


def problems_inside(step: Step, problems: Iterable[Problem]) -> Iterator[Problem]:
    """The problems of the steps in a step, at their place in the file.

    Those of another file are at the step that uses it, and only the first is told.
    """
    if isinstance(step.body, Uses):
        yield from problems_of_used(step.body, ("steps", step.id), problems)
        return
    for problem in problems:
        yield problem._replace(path=("steps", step.id, *problem.path))


def problems_of_used(body: Uses, path: PathParts, problems: Iterable[Problem]) -> Iterator[Problem]:
    """The first problem of a used workflow, at the place that uses it."""
    for problem in problems:
        file = os.path.basename(body.workflow.path)
        message = "`%s` cannot be used: %s" % (file, problem.message)
        hint = "orchestra validate %s tells where" % file
        yield Problem((*path, "uses"), problem.code, message, hint)
        return


def problems_above(graph: Graph) -> Iterator[Problem]:
    """What only the order can tell: references to steps that are not above, needs never met."""
    number_by_id = {step.id: number for number, step in enumerate(graph.order)}
    yield from _references_not_above(graph, number_by_id)
    possible: List[FrozenSet[NeedResult]] = []
    for number, step in enumerate(graph.order):
        never = _never_met(step, possible, number_by_id)
        if never is not None:
            yield never
        possible.append(_possible_results(step))
        if number in graph.inner:
            yield from problems_inside(step, problems_above(graph.inner[number]))
    for key, used in graph.at_end.items():
        yield from problems_of_used(used.body, (key,), problems_above(used.graph))
    for number, handlers in graph.handlers.items():
        for key, used in handlers.items():
            path = ("steps", graph.order[number].id, key)
            yield from problems_of_used(used.body, path, problems_above(used.graph))


def problems_of_budget(workflow: Workflow) -> Iterator[Problem]:
    """Demands over the budget that the file itself gives; the same on every machine."""
    return _over_budget(workflow.step_by_id, workflow.handlers, workflow.budget)


def _over_budget(
    step_by_id: Mapping[str, Step], handlers: Mapping[str, Handler], budget: Mapping[str, int]
) -> Iterator[Problem]:
    yield from _used_over_budget(handlers, (), budget)
    for step in step_by_id.values():
        used = step.body.workflow.handlers if isinstance(step.body, Uses) else {}
        yield from problems_inside(step, _over_budget(steps_in(step), used, budget))
        yield from _used_over_budget(step.handlers, ("steps", step.id), budget)
        for name, amount in asked_here(step).items():
            if isinstance(amount, int) and name in budget and amount > budget[name]:
                given = ("resources", name) if name in step.resources else ()
                yield Problem(
                    ("steps", step.id, *given),
                    "over-budget",
                    "`%s` asks for %s of %s, the budget has %s"
                    % (
                        step.id,
                        format_amount(name, amount),
                        name,
                        format_amount(name, budget[name]),
                    ),
                    "ask for less, or raise budget.%s" % name,
                )


def reached(start: Set[int], links: Sequence[Sequence[int]]) -> Set[int]:
    """Where the links (`needs` or `dependents`) lead from the start, which is part of it."""
    reached = set(start)
    waiting = list(start)
    while waiting:
        for number in links[waiting.pop()]:
            if number not in reached:
                reached.add(number)
                waiting.append(number)
    return reached


def _used_over_budget(
    handlers: Mapping[str, Handler], path: PathParts, budget: Mapping[str, int]
) -> Iterator[Problem]:
    for key, handler in handlers.items():
        if isinstance(handler.body, Uses):
            used = handler.body.workflow
            found = _over_budget(used.step_by_id, used.handlers, budget)
            yield from problems_of_used(handler.body, (*path, key), found)


def _bad_needs(steps: Sequence[Step], place_by_id: Mapping[str, int]) -> Iterator[Problem]:
    """Needs that no step meets; only the first ones get the nearest name, which costs time."""
    hints_left = _MOST_HINTS
    for step in steps:
        for number, need in enumerate(step.needs):
            path: PathParts = ("steps", step.id, "needs", number)
            if need.step == step.id:
                yield Problem(path, "self-need", "`%s` needs itself" % step.id, "take it out")
            elif need.step not in place_by_id:
                hints_left -= 1
                yield Problem(
                    path,
                    "unknown-step",
                    "`%s` needs `%s`, which is no step" % (step.id, need.step),
                    did_you_mean(need.step, place_by_id) if hints_left >= 0 else "",
                )


def _cycle(steps: Sequence[Step], places: Sequence[int]) -> Problem:
    """One cycle as a problem at the first of its steps in the file; a long one is shortened."""
    around = list(places[:-1])[::-1]
    start = around.index(min(around))
    around = around[start:] + around[:start]
    ids = [steps[place].id for place in around]
    shown = ids + ids[:1]
    if len(ids) > _SHOWN_OF_CYCLE:
        shown = [*ids[:4], "…", *ids[-3:], ids[0]]
    size = "" if len(ids) <= _SHOWN_OF_CYCLE else " (%d steps)" % len(ids)
    return Problem(
        ("steps", ids[0], "needs"),
        "cycle",
        "steps need each other in a circle%s: %s" % (size, " needs ".join(shown)),
        "take one of these needs out",
    )


def _ordered(
    steps: Sequence[Step], needs: Sequence[Sequence[int]], sorter: TopologicalSorter[int]
) -> Graph:
    ready: List[int] = []
    order: List[int] = []
    for place in sorter.get_ready():
        heappush(ready, place)
    while ready:
        place = heappop(ready)
        order.append(place)
        sorter.done(place)
        for next_place in sorter.get_ready():
            heappush(ready, next_place)
    number_by_place = {place: number for number, place in enumerate(order)}
    dependents: List[List[int]] = [[] for _ in order]
    above: List[Tuple[int, ...]] = []
    for number, place in enumerate(order):
        numbers = tuple(sorted(number_by_place[p] for p in needs[place]))
        above.append(numbers)
        for n in numbers:
            dependents[n].append(number)
    return Graph(
        tuple(steps[place] for place in order), tuple(above), tuple(map(tuple, dependents))
    )


def _references_not_above(graph: Graph, number_by_id: Mapping[str, int]) -> Iterator[Problem]:
    found: List[Tuple[Tuple[int, int], PathParts, Reference]] = []
    for number, step in enumerate(graph.order):
        for path, reference, sees_itself in step_references(step):
            above = number_by_id.get(str(reference.path[1]))
            if above is not None and not (sees_itself and above == number):
                found.append(((above, number), path, reference))
    in_order = ordered_pairs(graph.needs, {pair for pair, _, _ in found})
    for pair, path, reference in found:
        if pair not in in_order:
            id = graph.order[pair[1]].id
            yield Problem(
                path,
                "step-not-above",
                "`%s` does not come before `%s`" % (reference.path[1], id),
                "add it to the needs of `%s`" % id,
                offset=reference.offset,
            )


def _possible_results(step: Step) -> FrozenSet[NeedResult]:
    """The results a step can come to; it may always be stopped."""
    results = {NeedResult.STOPPED, NeedResult.SUCCESS, NeedResult.FAILURE}
    if step.condition is not None or step.skip_codes or step.needs:
        results.add(NeedResult.SKIPPED)
    if step.allow_failure is True or (
        step.body is None and not step.require and step.condition is None
    ):
        results.discard(NeedResult.FAILURE)
    return frozenset(results)


def _never_met(
    step: Step,
    possible: Sequence[FrozenSet[NeedResult]],
    number_by_id: Dict[str, int],
) -> Optional[Problem]:
    welcome: Dict[str, FrozenSet[NeedResult]] = {}
    for number, need in enumerate(step.needs):
        path: PathParts = ("steps", step.id, "needs", number)
        met = welcome.get(need.step, need.when) & need.when
        welcome[need.step] = met
        if not met & possible[number_by_id[need.step]]:
            wanted = " or ".join(sorted(result.value for result in need.when))
            return Problem(
                path,
                "never-met",
                "`%s` can never run: `%s` can never end as %s" % (step.id, need.step, wanted),
                "a step with neither 'if' nor skip_codes is never skipped, "
                "one with allow_failure never fails",
            )
    return None
