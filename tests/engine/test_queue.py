"""The line for the budget beside one that looks at every step every time."""

from __future__ import annotations

import random
from typing import List

from orchestra.engine.block import Block
from orchestra.engine.budget import Budget, Demand
from orchestra.engine.queue import ReadyQueue
from orchestra.engine.steprun import StepRun
from orchestra.model.run import StepState
from tests.engine.plans import make_plan, step

FOREVER = 1e9


def line_of(count: int, rng: random.Random) -> List[StepRun]:
    """Ready steps, in any order, with the demands that they want."""
    plan, scopes = make_plan(*(step("s%d" % n, priority=rng.randint(0, 1)) for n in range(count)))
    runs = Block(plan.steps, scopes).runs
    for run in runs:
        run.state = StepState.READY
        run.amounts = {
            "cpu": rng.choice((500, 1000, 2000)),
            "memory": rng.choice((0, rng.randint(1, 100))),
        }
    rng.shuffle(runs)
    return runs


def test_the_first_that_fits_is_next_whatever_the_demands():
    rng = random.Random(7)
    budget = Budget({"cpu": 4000, "memory": 100}, None)
    queue = ReadyQueue(budget, {}, FOREVER)
    waiting: List[StepRun] = []
    running: List[StepRun] = []
    fresh = line_of(1500, rng)
    while fresh or waiting:
        for run in [fresh.pop() for _ in range(min(len(fresh), 40))]:
            run.demand = budget.demand(run.amounts)
            queue.push(run, run.order)
            waiting.append(run)
        waiting.sort(key=lambda run: run.order)
        while True:
            expected = next((run for run in waiting if budget.fits(run.demand)), None)
            assert queue.pop(0.0) is expected
            if expected is None:
                break
            waiting.remove(expected)
            budget.take(expected.demand)
            running.append(expected)
        for run in rng.sample(running, min(2, len(running))):
            running.remove(run)
            budget.give(run.demand)
    assert queue.pop(0.0) is None


class CountingBudget(Budget):
    """A budget that counts how often it is asked."""

    asked = 0

    def fits(self, demand: Demand) -> bool:
        self.asked += 1
        return super().fits(demand)


def test_steps_that_each_want_something_else_are_not_looked_at_while_no_core_is_free():
    locks = {"lock%d" % n: 1 for n in range(300)}
    budget = CountingBudget({"cpu": 1000, "memory": 0, **locks}, None)
    queue = ReadyQueue(budget, {}, FOREVER)
    runs = line_of(300, random.Random(7))
    for run, lock in zip(runs, locks):
        run.demand = budget.demand({"cpu": 1000, lock: 1})
        queue.push(run, run.order)
    first = min(runs, key=lambda run: run.order)
    assert queue.pop(0.0) is first
    budget.take(first.demand)
    budget.asked = 0
    assert queue.pop(0.0) is None
    assert budget.asked == 1


def test_a_step_that_was_called_off_in_line_is_dropped():
    budget = Budget({"cpu": 1000, "memory": 0}, None)
    queue = ReadyQueue(budget, {}, FOREVER)
    one, other = Block(make_plan(step("a"), step("b"))[0].steps, None).runs  # type: ignore[arg-type]
    for run in (one, other):
        run.demand = budget.demand({"cpu": 1000})
        queue.push(run, run.order)
    other.state = StepState.READY
    assert (queue.pop(0.0), queue.pop(0.0)) == (other, None)


def test_nothing_is_reserved_for_a_step_that_was_called_off():
    budget = Budget({"cpu": 2000, "memory": 0}, None)
    half = budget.demand({"cpu": 1000})
    queue = ReadyQueue(budget, {9: (5.0, half)}, 0.0)
    plan, scopes = make_plan(step("wide", priority=1), step("a", duration_s=9.0))
    wide, small = Block(plan.steps, scopes).runs
    budget.take(half)
    for run, cpu in ((wide, 2000), (small, 1000)):
        run.demand = budget.demand({"cpu": cpu})
        run.state = StepState.READY
        queue.push(run, run.order)
    assert queue.pop(0.0) is None
    wide.state = StepState.CANCELLED
    assert queue.pop(0.0) is small
