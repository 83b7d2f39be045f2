"""Workflow to Plan: order, waves, ranks, demands, and what is known of each step. Pure."""

from __future__ import annotations

from contextlib import suppress
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from orchestra.engine.caching import Cache
from orchestra.engine.demand import fit_demand, resolve_demand
from orchestra.engine.expectations import Circumstances, Outlook, outlook
from orchestra.engine.graph import Graph, UsedGraph, problems_inside, problems_of_used
from orchestra.engine.scope import Scopes
from orchestra.engine.whereabouts import (
    amounts_of,
    asked,
    asked_here,
    errand_of,
    in_flight,
    mutex_name,
    takes_in_flight,
)
from orchestra.errors import PathParts, Problem
from orchestra.model.errand import LOCAL, Errand, in_flight_name
from orchestra.model.expression import ExpressionError, Value
from orchestra.model.plan import SPARED, UNKNOWN_DURATION_S, Plan, PlannedStep, PlannedUse, Room
from orchestra.model.selection import EVERYTHING, Selection
from orchestra.model.workflow import InnerSteps, Step, Workflow

_NOTHING: Mapping[str, int] = {}
_NO_USE: Mapping[str, PlannedUse] = {}


class Limits(NamedTuple):
    """How many steps at once (None: as many as fit), and whether the first failure strikes."""

    max_parallel: Optional[int]
    fail_fast: bool


def plan(
    workflow: Workflow,
    graph: Graph,
    scopes: Scopes,
    params: Mapping[str, Value],
    variables: Mapping[str, Value],
    room: Room,
    limits: Limits,
    selection: Selection = EVERYTHING,
    cache: Optional[Cache] = None,
    force: bool = False,
    durations: Mapping[str, float] = {},
) -> Tuple[Optional[Plan], List[Problem]]:
    """The plan, or None and every demand that this run's budget can never hold.

    `durations` are what steps took before, in seconds by their ids without instances.
    """
    problems: List[Problem] = []
    notes: List[str] = []
    expected = outlook(graph, scopes, Circumstances(selection, problems, notes, cache, force))
    trade = _Trade(workflow, room, problems, notes, {}, {}, durations)
    planned = _planned(graph, expected, trade)
    at_end = _used(graph.at_end, expected.at_end, (), trade)
    if problems:
        return None, problems
    leaves = _leaves(planned)
    budget = {**room.amounts, **trade.beside_room}
    used = [(each.expected_s * count, each.demand or {}) for each, count in leaves]
    return (
        Plan(
            workflow=workflow,
            steps=planned,
            params=params,
            vars=variables,
            room=room,
            budget=budget,
            devices=room.devices[: budget.get("gpu", 0)],
            max_parallel=limits.max_parallel,
            fail_fast=limits.fail_fast,
            critical_path=_critical_path(planned),
            work_s=sum(duration for duration, _ in used),
            lower_bound_s=_lower_bound(used, planned, budget, limits.max_parallel),
            notes=tuple(notes),
            selection=selection,
            force=force,
            at_end=at_end,
        ),
        [],
    )


class _Trade(NamedTuple):
    """What all steps of a plan are planned with, and where what is found goes.

    `beside_room` is what else is shared out: mutexes, and what executors may have in flight.
    `demands` has each distinct one once: most steps ask for the same as others, and a dict for each
    is 200 bytes.
    """

    workflow: Workflow
    room: Room
    problems: List[Problem]
    notes: List[str]
    beside_room: Dict[str, int]
    demands: Dict[Tuple[Tuple[str, int], ...], Mapping[str, int]]
    durations: Mapping[str, float]


def _planned(
    graph: Graph, outlook: Outlook, trade: _Trade, prefix: str = "", below_s: float = 0.0
) -> Tuple[PlannedStep, ...]:
    """The steps of a graph; `below_s` is the longest path that starts when they have ended.

    `prefix` stands before their ids in the record.
    """
    inner: Dict[int, Tuple[PlannedStep, ...]] = {}
    at_end: Dict[int, Mapping[str, PlannedUse]] = {}
    for number, inside in outlook.inner.items():
        found: List[Problem] = []
        below, within = graph.inner[number], trade._replace(problems=found)
        inside_it = "%s%s/" % (prefix, graph.order[number].id)
        inner[number] = _planned(below, inside, within, inside_it)
        at_end[number] = _used(below.at_end, inside.at_end, (), within)
        trade.problems.extend(problems_inside(graph.order[number], found))
    known = [trade.durations.get(prefix + step.id, step.duration_s) for step in graph.order]
    durations = [
        0.0 if outlook.expected[n].will in SPARED else _duration_s(step, known[n], inner.get(n, ()))
        for n, step in enumerate(graph.order)
    ]
    ranks = _ranks(graph, durations, below_s)
    waves = _waves(graph, inner)
    planned = []
    for number, step in enumerate(graph.order):
        steps_in_it = inner.get(number, ())
        if steps_in_it:
            gained_s = ranks[number] - durations[number]
            steps_in_it = tuple(_deeper(each, gained_s) for each in steps_in_it)
        expected = outlook.expected[number]
        used = _NO_USE
        if number in graph.handlers:
            path = ("steps", step.id)
            used = _used(graph.handlers[number], outlook.handlers[number], path, trade)
        demand = {} if expected.is_left_out else _demand(step, outlook.scopes, trade)
        planned.append(
            PlannedStep(
                step,
                graph.needs[number],
                graph.dependents[number],
                waves[number],
                demand,
                known[number],
                ranks[number],
                expected.will,
                expected.reason,
                expected.instances,
                steps_in_it,
                used,
                at_end.get(number, _NO_USE),
                _NOTHING if step.executor == LOCAL else _asked(step, outlook.scopes, trade),
            )
        )
    return tuple(planned)


def _used(
    graphs: Mapping[str, UsedGraph],
    outlooks: Mapping[str, Outlook],
    path: PathParts,
    trade: _Trade,
) -> Dict[str, PlannedUse]:
    """Workflows that handlers use, by their keys."""
    planned: Dict[str, PlannedUse] = {}
    trade = trade._replace(durations={})  # those of steps by the same ids
    for key, (body, graph) in graphs.items():
        found: List[Problem] = []
        within, outlook = trade._replace(problems=found), outlooks[key]
        steps = _planned(graph, outlook, within)
        planned[key] = PlannedUse(steps, _used(graph.at_end, outlook.at_end, (), within))
        trade.problems.extend(problems_of_used(body, (*path, key), found))
    return planned


def _deeper(planned: PlannedStep, gained_s: float) -> PlannedStep:
    """The step with what comes after the step that it is in added to its rank."""
    return planned._replace(
        rank_s=planned.rank_s + gained_s,
        inner=tuple(_deeper(each, gained_s) for each in planned.inner),
    )


def _duration_s(step: Step, known_s: Optional[float], inner: Sequence[PlannedStep]) -> float:
    if known_s is not None:
        return known_s
    if inner:
        return max(each.rank_s for each in inner)
    return UNKNOWN_DURATION_S if step.body else 0.0


def _leaves(planned: Sequence[PlannedStep], times: int = 1) -> List[Tuple[PlannedStep, int]]:
    """The steps that run something themselves, and how often as far as is known."""
    leaves: List[Tuple[PlannedStep, int]] = []
    for each in planned:
        if each.inner:
            leaves += _leaves(each.inner, times * each.runs)
        elif each.step.body:
            leaves.append((each, times * each.runs))
    return leaves


def _demand(step: Step, scopes: Scopes, trade: _Trade) -> Optional[Mapping[str, int]]:
    workflow, room, problems, notes, beside_room, demands, _ = trade
    if step.body is not None:
        beside_room.update((mutex_name(mutex), 1) for mutex in step.mutex)
    if takes_in_flight(step):
        beside_room[in_flight_name(step.executor)] = in_flight(workflow, step.executor)
    open_amounts = [a for a in asked_here(step).values() if not isinstance(a, int)]
    if open_amounts:
        if not all(scopes.is_known(amount, step) for amount in open_amounts):
            return None
        try:
            demand = resolve_demand(step, scopes.early_scope(step))
        except ExpressionError as fault:
            place = ("steps", step.id, "resources")
            problems.append(Problem(place, "expression", fault.message, fault.hint))
            return None
    else:
        demand = resolve_demand(step, None)
    refusal, note = fit_demand(step.id, demand, room)
    if refusal is not None:
        path = ("steps", step.id, "resources", refusal.name)
        problems.append(Problem(path, "over-budget", refusal.message, refusal.hint))
    if note is not None:
        notes.append(note)
    return demands.setdefault(tuple(demand.items()), demand)


def _asked(step: Step, scopes: Scopes, trade: _Trade) -> Optional[Mapping[str, int]]:
    """What a step asks for that another machine runs, None where only the run can tell."""
    amounts = asked(step)
    if not all(scopes.is_known(a, step) for a in amounts.values() if not isinstance(a, int)):
        return None
    try:
        return amounts_of(amounts, scopes.early_scope(step))
    except ExpressionError as fault:
        place = ("steps", step.id, "resources")
        trade.problems.append(Problem(place, "expression", fault.message, fault.hint))
        return None


class PlannedErrand(NamedTuple):
    """What attempts of these steps ask for, by their ids."""

    errand: Errand
    steps: List[str]


def planned_errands(plan: Plan, scopes: Scopes) -> Dict[str, List[PlannedErrand]]:
    """What a run is to ask of each executor elsewhere, alike errands once.

    Left out is what only the run can tell, and what stands in a file that a step uses.
    """
    found: Dict[str, Dict[str, PlannedErrand]] = {executor: {} for executor in plan.executors}
    waiting = list(plan.steps)
    for planned in waiting:
        step = planned.step
        if isinstance(step.body, InnerSteps):
            waiting.extend(planned.inner)
        settings = step.executor_settings.values()
        is_told = all(scopes.is_known(tree, step) for tree in settings)
        if planned.runs_elsewhere and planned.runs and planned.wanted and is_told:
            timeout_s = step.timeout if isinstance(step.timeout, float) else None
            with suppress(ExpressionError):  # the run will say what is wrong
                scope = scopes.early_scope(step)
                errand = errand_of(step, scope, planned.demand or {}, 0, timeout_s)
                alike = found[step.executor].setdefault(repr(errand), PlannedErrand(errand, []))
                alike.steps.append(step.id)
    return {executor: list(errands.values()) for executor, errands in found.items()}


def _ranks(graph: Graph, durations: Sequence[float], below_s: float) -> List[float]:
    ranks = [0.0] * len(durations)
    for number in range(len(durations) - 1, -1, -1):
        below = max((ranks[d] for d in graph.dependents[number]), default=below_s)
        ranks[number] = below + durations[number]
    return ranks


def _waves(graph: Graph, inner: Mapping[int, Sequence[PlannedStep]]) -> List[int]:
    """The wave of each step; those that need a step with others in it come after all of them."""
    waves: List[int] = []
    last: List[int] = []
    for number, needs in enumerate(graph.needs):
        wave = 1 + max((last[n] for n in needs), default=0)
        waves.append(wave)
        deepest = max((each.wave for each in inner.get(number, ())), default=1)
        last.append(wave + deepest - 1)
    return waves


def _critical_path(planned: Sequence[PlannedStep]) -> Tuple[int, ...]:
    """The longest path, from a step without needs to one without dependents, first in order."""
    path: List[int] = []
    candidates: Sequence[int] = [n for n, each in enumerate(planned) if not each.needs]
    while candidates:
        path.append(max(candidates, key=lambda n: (planned[n].rank_s, -n)))
        candidates = planned[path[-1]].dependents
    return tuple(path)


def _lower_bound(
    used: Sequence[Tuple[float, Mapping[str, int]]],
    planned: Sequence[PlannedStep],
    budget: Mapping[str, int],
    slots: Optional[int],
) -> float:
    """No schedule is shorter: the longest path, and each resource's work over its budget."""
    bound = max((each.rank_s for each in planned), default=0.0)
    if slots:
        bound = max(bound, sum(duration for duration, _ in used) / slots)
    work: Dict[str, float] = {}
    for duration, demand in used:
        for name, amount in demand.items():
            work[name] = work.get(name, 0.0) + duration * amount
    for name, amount_seconds in work.items():
        if budget.get(name):
            bound = max(bound, amount_seconds / budget[name])
    return bound
