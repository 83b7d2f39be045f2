"""What may be used, what is free of it, and the line that waits for it."""

from __future__ import annotations

from orchestra.engine.budget import Budget, ReadyQueue

FULL = {"cpu": 2000, "memory": 100}


def test_a_demand_is_taken_and_given_whole():
    budget = Budget(FULL, None)
    half, whole = budget.demand({"cpu": 1000, "memory": 60}), budget.demand(FULL)
    budget.take(half)
    assert (budget.fits(half), budget.fits(budget.demand({"cpu": 1000}))) == (False, True)
    budget.give(half)
    assert budget.fits(whole)
    assert not budget.fits(budget.demand({"cpu": 2001}))
    assert not budget.fits(budget.demand({"memory": 101}))


def test_what_is_given_back_is_no_more_than_was_taken():
    budget = Budget(FULL, 3)
    whole = budget.demand(FULL)
    for _ in range(100):
        budget.take(whole)
        budget.give(whole)
    assert budget.fits(whole)
    assert not budget.fits(budget.demand({"cpu": 2001}))


def test_every_demand_takes_a_slot():
    budget = Budget(FULL, 1)
    nothing = budget.demand({})
    budget.take(nothing)
    assert not budget.fits(nothing)


def test_the_lowest_free_devices_are_handed_out():
    budget = Budget({"gpu": 3}, None, (7, 2, 5))
    two, one = budget.demand({"gpu": 2}), budget.demand({"gpu": 1})
    assert budget.take(two, 2) == (2, 5)
    assert budget.take(one, 1) == (7,)
    budget.give(two, (2, 5))
    assert budget.take(one, 1) == (2,)


def test_the_line_is_kept_and_those_who_fit_may_pass():
    budget = Budget(FULL, None)
    queue = ReadyQueue()
    wide, small = budget.demand({"cpu": 2000}), budget.demand({"cpu": 500})
    queue.push(1, wide, (0, -5.0, 1))
    queue.push(2, small, (0, -9.0, 2))
    queue.push(3, small, (0, -1.0, 3))
    budget.take(budget.demand({"cpu": 1000}))
    assert [queue.pop(budget), queue.pop(budget), queue.pop(budget)] == [2, 3, None]
    budget.give(budget.demand({"cpu": 1000}))
    assert [queue.pop(budget), queue.pop(budget)] == [1, None]
