"""Workflow to Plan: order, waves, ranks, demands, and what is known of each step. Pure."""

from __future__ import annotations

from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from orchestra.engine.demand import fit_demand, mutex_name, resolve_demand
from orchestra.engine.foresight import Foresight
from orchestra.engine.graph import Graph
from orchestra.engine.ports import Cache
from orchestra.engine.rules import Verdict, asks_status, judge
from orchestra.engine.scope import Scopes
from orchestra.errors import Problem
from orchestra.model.expression import ExpressionError, Value, evaluate_condition
from orchestra.model.plan import LeftOut, Plan, PlannedStep, Room, Will
from orchestra.model.run import StepState
from orchestra.model.workflow import Need, NeedResult, Step, Workflow

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
    left_out: Mapping[str, LeftOut] = {},
    cache: Optional[Cache] = None,
    force: bool = False,
) -> Tuple[Optional[Plan], List[Problem]]:
    """The plan, or None and every demand that this run's budget can never hold."""
    problems: List[Problem] = []
    notes: List[str] = []
    demands = [
        {} if step.id in left_out else _demand(step, scopes, room, problems, notes)
        for step in graph.order
    ]
    if problems:
        return None, problems
    foresight = Foresight(graph, scopes, cache, force)
    expected = _expectations(graph, scopes, left_out, foresight)
    durations = [
        0.0 if s.id in left_out or expected[n].will is Will.CACHED else _duration_s(s)
        for n, s in enumerate(graph.order)
    ]
    ranks = _ranks(graph, durations)
    mutexes = {mutex_name(mutex): 1 for step in graph.order for mutex in step.mutex}
    budget = {**room.amounts, **mutexes}
    used = [(durations[n], demands[n] or {}) for n, s in enumerate(graph.order) if s.body]
    return (
        Plan(
            workflow=workflow,
            steps=_planned(graph, demands, ranks, expected),
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
            left_out=left_out,
            force=force,
        ),
        [],
    )


def _planned(
    graph: Graph,
    demands: Sequence[Optional[Mapping[str, int]]],
    ranks: Sequence[float],
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


def _duration_s(step: Step) -> float:
    return UNKNOWN_DURATION_S if step.duration_s is None else step.duration_s


def _expectations(
    graph: Graph, scopes: Scopes, left_out: Mapping[str, LeftOut], foresight: Foresight
) -> List[_Expectation]:
    number_by_id = {step.id: number for number, step in enumerate(graph.order)}
    expected: List[_Expectation] = []
    for step in graph.order:
        if step.id in left_out:
            left = left_out[step.id]
            foresight.settle(step, StepState.SKIPPED, left.outputs)
            expected.append(_Expectation(Will.SKIP, left.reason, NeedResult.SUCCESS))
            continue
        needs = [(n, expected[number_by_id[n.step]]) for n in step.needs]
        expected.append(_spared(step, _expect(step, needs, scopes), needs, foresight))
    return expected


def _spared(
    step: Step,
    expected: _Expectation,
    needs: Sequence[Tuple[Need, _Expectation]],
    foresight: Foresight,
) -> _Expectation:
    """What is expected of a step once its cache is looked into, and `foresight` told of it."""
    if expected.will is Will.SKIP:
        foresight.settle(step, StepState.SKIPPED, result=NeedResult.SKIPPED)
    if expected.will is not Will.RUN or expected.result is not NeedResult.SUCCESS:
        return expected
    busy = [(n.step, e.will) for n, e in needs if not foresight.is_settled(n.step)]
    if step.body is None and not busy:
        foresight.settle(step, StepState.SUCCEEDED)
    if step.body is None or step.cache is None:
        return expected
    if foresight.force:
        return _Expectation(Will.RUN, "--force", NeedResult.SUCCESS)
    if busy:
        above, will = busy[0]
        reason = "below `%s`, which %s run" % (above, "will" if will is Will.RUN else "may")
        return _Expectation(Will.UNKNOWN, reason, NeedResult.SUCCESS)
    finding = foresight.look(step)
    if finding is None:
        return _Expectation(Will.UNKNOWN, "only a run can tell", NeedResult.SUCCESS)
    if finding.fault:
        return _Expectation(Will.RUN, finding.fault, NeedResult.FAILURE)
    if finding.success is None:
        return _Expectation(Will.RUN, finding.reason, NeedResult.SUCCESS)
    foresight.settle(step, StepState.CACHED, finding.success.outputs)
    return _Expectation(Will.CACHED, finding.reason, NeedResult.SUCCESS)


def _expect(step: Step, needs: Sequence[Tuple[Need, _Expectation]], scopes: Scopes) -> _Expectation:
    if asks_status(step):
        return _ask(step, scopes) or _Expectation(Will.RUN, "always", NeedResult.SUCCESS)
    known = [(e.result, need.when) for need, e in needs if e.result is not None]
    for need, above in needs:
        maybe = above.result is NeedResult.SUCCESS and above.will is not Will.SKIP
        if maybe and NeedResult.SUCCESS not in need.when:
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
