"""Workflow to Plan: order, waves, ranks, demands, and what is known of each step. Pure."""

from __future__ import annotations

import os
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from orchestra.engine.demand import fit_demand, mutex_name, resolve_demand
from orchestra.engine.fanout import instance_id, rows_of, trees_of
from orchestra.engine.graph import Graph, problems_inside
from orchestra.engine.rules import Verdict, asks_status, judge
from orchestra.engine.scope import Scopes
from orchestra.errors import Problem
from orchestra.model.expression import ExpressionError, Value, evaluate_condition
from orchestra.model.plan import Plan, PlannedStep, Room, Will
from orchestra.model.workflow import Matrix, Need, NeedResult, Step, Uses, Workflow

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
    planned = _planned(graph, _Trade(scopes, room, problems, notes))
    if problems:
        return None, problems
    leaves = _leaves(planned)
    mutexes = {mutex_name(mutex): 1 for each, _ in leaves for mutex in each.step.mutex}
    budget = {**room.amounts, **mutexes}
    used = [(_length_s(each) * count, each.demand or {}) for each, count in leaves]
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
        ),
        [],
    )


class _Trade(NamedTuple):
    """What all steps of a plan are planned with, and where what is found goes."""

    scopes: Scopes
    room: Room
    problems: List[Problem]
    notes: List[str]


def _planned(graph: Graph, trade: _Trade, below_s: float = 0.0) -> Tuple[PlannedStep, ...]:
    """The steps of a graph; `below_s` is the longest path that starts when they have ended."""
    scopes = trade.scopes
    inner: Dict[int, Tuple[PlannedStep, ...]] = {}
    for number, within in graph.inner.items():
        step = graph.order[number]
        found: List[Problem] = []
        inner[number] = _planned(within, _inside(step, trade)._replace(problems=found))
        trade.problems.extend(problems_inside(step, found))
    durations = [_duration_s(step, inner.get(n, ())) for n, step in enumerate(graph.order)]
    ranks = _ranks(graph, durations, below_s)
    waves = _waves(graph, inner)
    expected = _expectations(graph, scopes)
    planned = []
    for number, step in enumerate(graph.order):
        steps_in_it = inner.get(number, ())
        if steps_in_it:
            gained_s = ranks[number] - durations[number]
            steps_in_it = tuple(_deeper(each, gained_s) for each in steps_in_it)
        planned.append(
            PlannedStep(
                step,
                graph.needs[number],
                graph.dependents[number],
                waves[number],
                _demand(step, trade),
                step.duration_s,
                ranks[number],
                expected[number].will,
                expected[number].reason,
                _instances(step, trade),
                steps_in_it,
            )
        )
    return tuple(planned)


def _inside(step: Step, trade: _Trade) -> _Trade:
    """What the steps in a step are planned with."""
    body = step.body
    if not isinstance(body, Uses):
        return trade
    used, scopes = body.workflow, trade.scopes
    own = (("budget", used.budget), ("notify", used.notify), ("concurrency", used.concurrency))
    ignored = [key for key, value in own if value]
    if ignored:
        about = (step.id, os.path.basename(used.path), " and ".join(ignored))
        trade.notes.append("`%s` uses %s and leaves out its %s" % about)
    if not all(scopes.is_known(tree, step) for tree in body.given.values()):
        return trade._replace(scopes=scopes.used_unknown(used))
    try:
        return trade._replace(scopes=scopes.used(step, body, scopes.early_scope(step)))
    except ExpressionError as fault:
        path = ("steps", step.id, "with")
        trade.problems.append(Problem(path, "expression", fault.message, fault.hint))
        return trade._replace(scopes=scopes.used_unknown(used))


def _deeper(planned: PlannedStep, gained_s: float) -> PlannedStep:
    """The step with what comes after the step that it is in added to its rank."""
    return planned._replace(
        rank_s=planned.rank_s + gained_s,
        inner=tuple(_deeper(each, gained_s) for each in planned.inner),
    )


def _duration_s(step: Step, inner: Sequence[PlannedStep]) -> float:
    if step.duration_s is not None:
        return step.duration_s
    if inner:
        return max(each.rank_s for each in inner)
    return UNKNOWN_DURATION_S if step.body else 0.0


def _length_s(planned: PlannedStep) -> float:
    return UNKNOWN_DURATION_S if planned.duration_s is None else planned.duration_s


def _leaves(planned: Sequence[PlannedStep], times: int = 1) -> List[Tuple[PlannedStep, int]]:
    """The steps that run something themselves, and how often as far as is known."""
    leaves: List[Tuple[PlannedStep, int]] = []
    for each in planned:
        if each.inner:
            leaves += _leaves(each.inner, times * each.runs)
        elif each.step.body:
            leaves.append((each, times * each.runs))
    return leaves


def _demand(step: Step, trade: _Trade) -> Optional[Dict[str, int]]:
    scopes, room, problems, notes = trade
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


def _instances(step: Step, trade: _Trade) -> Optional[Tuple[str, ...]]:
    """The ids of a fan-out's instances, as far as they are known before the run."""
    scopes, fan_out = trade.scopes, step.fan_out
    if fan_out is None or not all(scopes.is_known(tree, step) for tree in trees_of(fan_out)):
        return None
    try:
        return tuple(
            instance_id(step.id, row) for row in rows_of(fan_out, scopes.early_scope(step))
        )
    except ExpressionError as fault:
        key = "matrix" if isinstance(fan_out, Matrix) else "foreach"
        problem = Problem(("steps", step.id, key), "fan-out", fault.message, fault.hint)
        trade.problems.append(problem)
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
