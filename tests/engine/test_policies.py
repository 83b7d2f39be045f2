"""Which order ready steps start in: as short as can be, within the budget, and nobody starves."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest

from orchestra.engine.policies import choose
from orchestra.engine.rehearsal import Rehearsal
from orchestra.engine.simulate import predict
from orchestra.model.plan import LONGEST_PATH, Order, Policy
from tests.engine.plans import make_plan, step
from tests.engine.traces import SHAPES, list_schedule, plan_of_trace, trace
from tests.engine.world import Behaviour, World


@pytest.mark.parametrize("with_memory", [False, True])
@pytest.mark.parametrize("cpus", [2, 3, 8, 24, 64])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_run_is_no_longer_than_by_list_scheduling_and_first_come_first_served(
    shape, cpus, with_memory
):
    for seed in range(3):
        tasks = trace(shape, seed, 60, cpus, with_memory)
        plan, prediction = choose(plan_of_trace(tasks, cpus), None)
        assert prediction.predicted_s == plan.predicted_s >= plan.lower_bound_s - 1e-9
        assert prediction.predicted_s <= choose(plan, Order.FIFO)[1].predicted_s
        assert prediction.predicted_s <= list_schedule(tasks, cpus, by_path=False) + 1e-9
        assert prediction.predicted_s <= 1.05 * list_schedule(tasks, cpus, by_path=True)


def test_a_thousand_random_workflows_keep_within_the_budget_and_take_as_long_as_foretold():
    shapes = list(SHAPES)
    for seed in range(1000):
        cpus = (2, 3, 8, 24, 64)[seed % 5]
        tasks = trace(shapes[seed % 5], seed, 12, cpus, with_memory=seed % 2 == 0)
        plan, _ = choose(plan_of_trace(tasks, cpus), None)
        _, scopes = make_plan()
        seconds = {"t%d" % number: task.seconds for number, task in enumerate(tasks)}
        world = World(plan, scopes, lambda key, of=seconds: Behaviour(lasts=of[key.step]))
        world.run()  # which looks at the budget after every turn
        assert world.now == plan.predicted_s


def test_no_duration_is_right_and_yet_the_budget_holds_and_all_is_done():
    for seed in range(100):
        rng = random.Random(seed)
        tasks = trace("scattered", seed, 30, 8, with_memory=True)
        plan, _ = choose(plan_of_trace(tasks, 8), None)
        _, scopes = make_plan()
        world = World(plan, scopes, lambda key, rng=rng: Behaviour(lasts=rng.random() * 9)).run()
        assert set(world.states.values()) == {"succeeded"}


def starts(plan, policy=LONGEST_PATH):
    """When each step starts, by its id, if all take as long as foretold."""
    _, scopes = make_plan()
    seconds = {each.step.id: each.expected_s for each in plan.steps}
    plan = replace(plan, policy=policy)
    world = World(plan, scopes, lambda key: Behaviour(lasts=seconds[key.step])).run()
    return dict(world.launches)


WIDE = {"cpu": 2000}


def test_a_wide_step_that_is_next_in_line_is_not_passed_by_what_would_delay_it():
    plan, _ = make_plan(
        step("first", duration_s=1.0),
        step("wide", "first", duration_s=9.0, resources=WIDE),
        *(step("n%d" % n, duration_s=2.0) for n in range(8)),
        cpu=2,
    )
    assert starts(plan)["wide"] == 2.0
    assert starts(plan, Policy(patience_s=5.0))["wide"] == 7.0  # it waits since 1
    assert starts(plan, Policy(patience_s=1e9))["wide"] == 9.0


def test_others_fill_the_gap_before_a_reservation_if_they_are_over_by_then():
    plan, _ = make_plan(
        step("long", duration_s=10.0),
        step("first", duration_s=2.0, priority=1),
        step("wide", "first", duration_s=20.0, resources=WIDE),
        step("fits", "first", duration_s=8.0),
        step("does_not", "first", duration_s=9.0),
        cpu=2,
    )
    assert starts(plan) == {"long": 0.0, "first": 0.0, "fits": 2.0, "wide": 10.0, "does_not": 30.0}


def test_others_pass_a_reservation_that_leaves_room_beside_it():
    plan, _ = make_plan(
        step("long", duration_s=10.0, resources=WIDE),
        step("wide", duration_s=20.0, resources={"cpu": 3000}),
        step("beside", duration_s=15.0),
        cpu=4,
    )
    assert starts(plan) == {"wide": 0.0, "beside": 0.0, "long": 20.0}
    assert starts(plan, Policy(Order.FIFO)) == {"long": 0.0, "wide": 10.0, "beside": 0.0}


def test_the_one_that_has_waited_longest_has_the_reservation():
    plan, _ = make_plan(
        step("holds", duration_s=10.0, resources={"cpu": 3000}),
        step("early", "gate", duration_s=1.0, resources={"cpu": 4000}),
        step("late", "pause", duration_s=5.0, resources={"cpu": 3000}),
        step("gate", body=None),
        step("pause", duration_s=2.0, priority=1),
        step("last", "pause", duration_s=0.5),
        cpu=4,
    )
    assert starts(plan) == {"holds": 0, "pause": 0, "last": 2.0, "early": 10.0, "late": 11.0}


def test_a_reservation_keeps_back_nobody_of_a_higher_priority():
    plan, _ = make_plan(
        step("first", duration_s=1.0, priority=2),
        step("wide", "first", duration_s=9.0, resources=WIDE),
        *(step("n%d" % n, duration_s=2.0, priority=1) for n in range(4)),
        cpu=2,
    )
    assert starts(plan)["wide"] == 5.0


def test_equal_durations_that_begin_a_moment_apart_end_together():
    plan, _ = make_plan(
        step("a", duration_s=1.0),
        step("b", "gate", duration_s=1.02),
        step("gate", duration_s=0.01, resources={"cpu": 0}, priority=1),
        step("wide", "gate", duration_s=9.0, resources=WIDE),
        cpu=2,
    )
    assert starts(plan)["b"] == 0.01


def test_who_is_first_ready_is_first_served_if_that_is_asked_for():
    plan, _ = make_plan(
        step("a", duration_s=1.0), step("b", duration_s=5.0), step("c", duration_s=9.0), cpu=1
    )
    assert starts(plan) == {"c": 0.0, "b": 9.0, "a": 14.0}
    assert starts(plan, Policy(Order.FIFO)) == {"a": 0.0, "b": 1.0, "c": 6.0}


def test_the_policy_that_is_done_first_is_chosen():
    # the longest path first makes these two wait for each other
    plan, _ = make_plan(
        step("a", duration_s=4.0, resources=WIDE),
        step("b", duration_s=5.0),
        step("c", "b", duration_s=1.0, resources={"cpu": 3000}),
        step("d", duration_s=5.0),
        cpu=4,
    )
    tried = {
        order: Rehearsal(plan).play(Policy(order, plan.lower_bound_s))[0].predicted_s
        for order in Order
    }
    chosen, prediction = choose(plan, None)
    assert prediction.predicted_s <= min(tried.values())
    assert predict(chosen) == prediction


def test_what_costs_more_than_it_gains_is_not_simulated():
    many = [step("s%d" % n, duration_s=0.001) for n in range(600)]
    plan, prediction = choose(make_plan(*many)[0], None)
    assert (plan.policy, plan.predicted_s, prediction) == (Policy(), None, None)
    few = [step("s%d" % n) for n in range(60)]
    assert choose(make_plan(*few)[0], None)[0].predicted_s == 15.0


def test_ten_thousand_ready_steps_of_different_demands_are_not_looked_at_each_turn():
    rng = random.Random(1)
    steps = [
        step(
            "s%d" % n,
            duration_s=rng.uniform(1, 9),
            resources={"cpu": 1000 * rng.randint(1, 4), "memory": rng.randint(1, 2**32)},
        )
        for n in range(10_000)
    ]
    plan, _ = make_plan(*steps, cpu=8)
    began = time.process_time()
    predict(plan)
    assert time.process_time() - began < 15  # 2.1 s; looking at all took minutes
