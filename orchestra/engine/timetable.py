"""When each step of a plan would run, by the line and the budget of a run alone. Pure.

For plans in which no step consists of others, and none becomes several: a run of one in which all
goes well is nothing more than this. The machine comes to the same, at six times the cost for its
events, orders and attempts; `simulate` has it play the other plans.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Dict, List, Mapping, Tuple

from orchestra.engine.budget import Budget, Demand
from orchestra.engine.queue import ReadyQueue
from orchestra.engine.reservation import Shares
from orchestra.model.errand import LOCAL, in_flight_name
from orchestra.model.plan import SPARED, Order, Plan, PlannedStep, Policy, Prediction
from orchestra.model.run import StepState
from orchestra.model.workflow import Step

_UNKNOWN_CPU = 1000


def guessed_demand(step: Step, budget: Mapping[str, int]) -> Mapping[str, int]:
    """What is taken for the demand of a step of which only the run can tell it."""
    if step.executor != LOCAL:
        return {in_flight_name(step.executor): 1}
    return {"cpu": min(_UNKNOWN_CPU, budget["cpu"])}


def is_flat(plan: Plan) -> bool:
    """Whether no step of the plan is more than one attempt."""
    return all(
        each.will in SPARED or (each.instances is None and not each.inner) for each in plan.steps
    )


class Timetable:
    """A plan that `is_flat`, gone through in virtual time as often as there are policies to try."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def play(self, policy: Policy) -> Tuple[Prediction, bool]:
        """What comes of it under a policy, and whether a share was ever reserved."""
        course = _Course(self._plan, policy)
        course.go()
        peak = {name: amount for name, amount in course.peak.items() if amount}
        return Prediction(course.now, peak), course.queue.has_reserved


class _Visit:
    """A step on its way: `waiting` counts the needs that have not ended; a gate takes no time."""

    __slots__ = ("demand", "number", "planned", "ready_at", "state", "waiting")

    def __init__(self, number: int, planned: PlannedStep) -> None:
        self.number = number
        self.planned = planned
        self.waiting = len(planned.needs)
        self.state = StepState.PENDING
        self.ready_at = 0.0
        self.demand: Demand = ()

    @property
    def is_gate(self) -> bool:
        """Whether nothing will be run for it."""
        return self.planned.step.body is None or self.planned.will in SPARED


class _Course:
    """One way through a plan. `ends` are those that run: when they end, and who started first."""

    def __init__(self, plan: Plan, policy: Policy) -> None:
        self._is_fifo = policy.order is Order.FIFO
        self._amounts_in_all = plan.budget
        self._budget = Budget(plan.budget, plan.max_parallel)
        self._shares: Shares = {}
        self._visits = [_Visit(number, each) for number, each in enumerate(plan.steps)]
        self._ends: List[Tuple[float, int, _Visit]] = []
        self._in_use: Dict[str, int] = {}
        self.queue: ReadyQueue[_Visit] = ReadyQueue(self._budget, self._shares, policy.patience_s)
        self.peak: Dict[str, int] = {}
        self.now = 0.0

    def go(self) -> None:
        """Until all have ended."""
        self._settle([visit for visit in self._visits if not visit.waiting])
        self._start_what_fits()
        while self._ends:
            self.now = self._ends[0][0]
            ended = []
            while self._ends and self._ends[0][0] == self.now:
                ended.append(heappop(self._ends)[2])
            ready: List[_Visit] = []
            for visit in ended:
                self._give_back(visit)
                ready += self._freed_by(visit)
            self._settle(ready)
            self._start_what_fits()

    def _settle(self, ready: List[_Visit]) -> None:
        """Put what is ready in line, and behind it what a gate among it frees."""
        for visit in ready:
            if visit.is_gate:
                ready += self._freed_by(visit)
            else:
                self._stand(visit)

    def _freed_by(self, visit: _Visit) -> List[_Visit]:
        freed = []
        for number in visit.planned.dependents:
            below = self._visits[number]
            below.waiting -= 1
            if not below.waiting:
                freed.append(below)
        return freed

    def _stand(self, visit: _Visit) -> None:
        planned = visit.planned
        visit.demand = self._budget.demand(self._amounts(planned))
        visit.ready_at = self.now
        visit.state = StepState.READY
        by = self.now if self._is_fifo else -planned.rank_s
        self.queue.push(visit, (-planned.step.priority, by, planned.step.place))

    def _start_what_fits(self) -> None:
        visit = self.queue.pop(self.now)
        while visit is not None:
            self._budget.take(visit.demand)
            visit.state = StepState.RUNNING
            due = self.now + visit.planned.expected_s
            self._shares[visit.number] = due, visit.demand
            heappush(self._ends, (due, visit.number, visit))
            for name, amount in self._amounts(visit.planned).items():
                in_use = self._in_use[name] = self._in_use.get(name, 0) + amount
                self.peak[name] = max(self.peak.get(name, 0), in_use)
            visit = self.queue.pop(self.now)

    def _give_back(self, visit: _Visit) -> None:
        self._budget.give(visit.demand)
        del self._shares[visit.number]
        for name, amount in self._amounts(visit.planned).items():
            self._in_use[name] -= amount

    def _amounts(self, planned: PlannedStep) -> Mapping[str, int]:
        if planned.demand is None:
            return guessed_demand(planned.step, self._amounts_in_all)
        return planned.demand
