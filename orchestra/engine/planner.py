"""Workflow to Plan: order, waves, ranks, demands, and what is known of each step. Pure."""

from __future__ import annotations

from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from orchestra.engine.demand import fit_demand, mutex_name, resolve_demand
from orchestra.engine.fanout import instance_id, rows_of, trees_of
from orchestra.engine.graph import Graph
from orchestra.engine.rules import Verdict, asks_status, judge
from orchestra.engine.scope import Scopes
from orchestra.errors import Problem
from orchestra.model.expression import ExpressionError, Value, evaluate_condition
from orchestra.model.plan import Plan, PlannedStep, Room, Will
from orchestra.model.workflow import Matrix, Need, NeedResult, Step, Workflow

UNKNOWN_DURATION_S = 1.0
"""What a step without a duration counts for in ranks and predictions."""


class Limits(NamedTuple):
    """How many steps at once (None: as many as fit), and whether the first failure strikes."""

    max_parallel: Optional[int]
    fail_fast: bool


class _Expectation(NamedTuple):
    """What is expected of a step; `result` is None where it cannot be known."""

    will: Will
    reason: str
    result: Optional[NeedResult]


def plan(
    workflow: Workflow,
    graph: Graph,
    scopes: Scopes,
    params: Mapping[str, Value],
    variables: Mapping[str, Value],
    room: Room,
    limits: Limits,
) -> Tuple[Optional[Plan], List[Problem]]:
    """The plan, or None and every demand that this run's budget can never hold."""
    problems: List[Problem] = []
    notes: List[str] = []
    demands = [_demand(step, scopes, room, problems, notes) for step in graph.order]
    instances = [_instances(step, scopes, problems) for step in graph.order]
    if problems:
        return None, problems
    durations = [UNKNOWN_DURATION_S if s.duration_s is None else s.duration_s for s in graph.order]
    ranks = _ranks(graph, durations)
    mutexes = {mutex_name(mutex): 1 for step in graph.order for mutex in step.mutex}
    budget = {**room.amounts, **mutexes}
    planned = _planned(graph, demands, ranks, instances, _expectations(graph, scopes))
    used = [
        (durations[n] * each.runs, each.demand or {})
        for n, each in enumerate(planned)
        if each.step.body
    ]
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
            critical_path=_critical_path(graph, ranks),
            work_s=sum(duration for duration, _ in used),
            lower_bound_s=_lower_bound(used, ranks, budget, limits.max_parallel),
            notes=tuple(notes),
        ),
        [],
    )


def _planned(
    graph: Graph,
    demands: Sequence[Optional[Mapping[str, int]]],
    ranks: Sequence[float],
    instances: Sequence[Optional[Tuple[str, ...]]],
    expected: Sequence[_Expectation],
) -> Tuple[PlannedStep, ...]:
    waves = _waves(graph)
    return tuple(
        PlannedStep(
            step,
            graph.needs[n],
            graph.dependents[n],
            waves[n],
            demands[n],
            step.duration_s,
            ranks[n],
            expected[n].will,
            expected[n].reason,
            instances[n],
        )
        for n, step in enumerate(graph.order)
    )


def _demand(
    step: Step, scopes: Scopes, room: Room, problems: List[Problem], notes: List[str]
) -> Optional[Dict[str, int]]:
    open_amounts = [a for a in step.resources.values() if not isinstance(a, int)]
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
    return demand


def _instances(step: Step, scopes: Scopes, problems: List[Problem]) -> Optional[Tuple[str, ...]]:
    """The ids of a fan-out's instances, as far as they are known before the run."""
    fan_out = step.fan_out
    if fan_out is None or not all(scopes.is_known(tree, step) for tree in trees_of(fan_out)):
        return None
    try:
        return tuple(
            instance_id(step.id, row) for row in rows_of(fan_out, scopes.early_scope(step))
        )
    except ExpressionError as fault:
        key = "matrix" if isinstance(fan_out, Matrix) else "foreach"
        problems.append(Problem(("steps", step.id, key), "fan-out", fault.message, fault.hint))
        return None


def _expectations(graph: Graph, scopes: Scopes) -> List[_Expectation]:
    number_by_id = {step.id: number for number, step in enumerate(graph.order)}
    expected: List[_Expectation] = []
    for step in graph.order:
        expected.append(
            _expect(step, [(n, expected[number_by_id[n.step]]) for n in step.needs], scopes)
        )
    return expected


def _expect(step: Step, needs: Sequence[Tuple[Need, _Expectation]], scopes: Scopes) -> _Expectation:
    if asks_status(step):
        return _ask(step, scopes) or _Expectation(Will.RUN, "always", NeedResult.SUCCESS)
    known = [(e.result, need.when) for need, e in needs if e.result is not None]
    for need, above in needs:
        if above.result is NeedResult.SUCCESS and above.result not in need.when:
            wanted = " or ".join(sorted(result.value for result in need.when))
            return _Expectation(Will.UNKNOWN, "if `%s` ends as %s" % (need.step, wanted), None)
    if judge(known) is Verdict.SKIP:
        skipped = next(n.step for n, e in needs if e.result is not None and e.result not in n.when)
        return _Expectation(Will.SKIP, "`%s` is skipped" % skipped, NeedResult.SKIPPED)
    unknown = [need.step for need, e in needs if e.result is None]
    asked = _ask(step, scopes)
    if asked is not None:
        return asked
    if unknown:
        return _Expectation(Will.UNKNOWN, "`%s` is not known yet" % unknown[0], None)
    after = ", ".join(need.step for need, _ in needs[:3]) + (", …" if len(needs) > 3 else "")
    return _Expectation(Will.RUN, "after " + after if needs else "no needs", NeedResult.SUCCESS)


def _ask(step: Step, scopes: Scopes) -> Optional[_Expectation]:
    """What the step's `if` keeps it from, None where nothing does."""
    condition = step.condition
    if condition is None:
        return None
    shown = "if: %s" % condition.source
    if not scopes.is_known(condition, step):
        return _Expectation(Will.UNKNOWN, shown, None)
    try:
        scope = scopes.early_scope(step, functions={"always": lambda: True})
        holds = evaluate_condition(condition, scope)
    except ExpressionError as fault:
        return _Expectation(Will.RUN, "if: %s" % fault, NeedResult.FAILURE)
    return None if holds else _Expectation(Will.SKIP, shown, NeedResult.SKIPPED)


def _ranks(graph: Graph, durations: Sequence[float]) -> List[float]:
    ranks = [0.0] * len(durations)
    for number in range(len(durations) - 1, -1, -1):
        below = max((ranks[d] for d in graph.dependents[number]), default=0.0)
        ranks[number] = below + (durations[number] if graph.order[number].body else 0.0)
    return ranks


def _waves(graph: Graph) -> List[int]:
    waves: List[int] = []
    for needs in graph.needs:
        waves.append(1 + max((waves[n] for n in needs), default=0))
    return waves


def _critical_path(graph: Graph, ranks: Sequence[float]) -> Tuple[int, ...]:
    """The longest path, from a step without needs to one without dependents, first in order."""
    path: List[int] = []
    candidates: Sequence[int] = [n for n, needs in enumerate(graph.needs) if not needs]
    while candidates:
        path.append(max(candidates, key=lambda n: (ranks[n], -n)))
        candidates = graph.dependents[path[-1]]
    return tuple(path)


def _lower_bound(
    used: Sequence[Tuple[float, Mapping[str, int]]],
    ranks: Sequence[float],
    budget: Mapping[str, int],
    slots: Optional[int],
) -> float:
    """No schedule is shorter: the longest path, and each resource's work over its budget."""
    bound = max(ranks, default=0.0)
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
