"""What may be used, and what is free of it."""

from __future__ import annotations

from orchestra.engine.budget import Budget

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
    budget = Budget({**FULL, "gpu": 3}, None, (7, 2, 5))
    two, one = budget.demand({"gpu": 2}), budget.demand({"gpu": 1})
    assert budget.take(two, 2) == (2, 5)
    assert budget.take(one, 1) == (7,)
    budget.give(two, (2, 5))
    assert budget.take(one, 1) == (2,)


def test_demands_that_differ_in_memory_alone_have_the_same_rest():
    budget = Budget(FULL, None)
    small, large = budget.demand(FULL), budget.demand({"cpu": 2000, "memory": 7})
    assert budget.split(small) == (100, budget.demand({"cpu": 2000}))
    assert budget.split(large) == (7, budget.demand({"cpu": 2000}))
    assert budget.free_memory == 100
