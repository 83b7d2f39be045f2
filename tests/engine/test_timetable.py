"""The timetable of a plan beside the machine that plays the same plan."""

from __future__ import annotations

import random

import pytest

from orchestra.engine.rehearsal import Rehearsal
from orchestra.engine.simulate import rehearsal_of
from orchestra.engine.timetable import Timetable, is_flat
from orchestra.model.plan import Order, Plan, Policy
from orchestra.model.workflow import Foreach, InnerSteps, Step
from tests.engine.plans import BODY, make_plan, step

DEMANDS = [
    {},
    {"cpu": 0},
    {"cpu": 2000},
    {"cpu": 3000, "memory": 6 * 2**30},
    {"memory": 3 * 2**30},
    {"memory": 1},
    {"gpu": 1},
]


def flat_plan(rng: random.Random) -> Plan:
    """Steps of all demands, priorities and lengths, with gates and what is skipped among them."""
    steps = [_step(number, rng) for number in range(rng.randint(1, 150))]
    return make_plan(*steps, cpu=4, devices=(0, 1), max_parallel=rng.choice((None, None, 1, 3)))[0]


def _step(number: int, rng: random.Random) -> Step:
    needs = {"s%d" % rng.randrange(number) for _ in range(rng.randint(0, 3))} if number else ()
    return step(
        "s%d" % number,
        *sorted(needs),
        body=rng.choice((None, BODY, BODY, BODY, BODY)),
        if_=rng.choice(("", "", "", "", "", "", "", "false")),
        priority=rng.choice((0, 0, 0, 1)),
        duration_s=rng.choice((None, 0.0, 0.01, 1.0, 2.0, rng.uniform(0, 9))),
        mutex=rng.choice(((), (), (), ("m",))),
        resources=rng.choice(DEMANDS),
    )


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("patience_s", [0.0, 0.5, 5.0, 1e9])
def test_it_comes_to_the_same_as_the_machine(order: Order, patience_s: float) -> None:
    policy = Policy(order, patience_s)
    plans = [flat_plan(random.Random(seed)) for seed in range(100)]
    by_machine = [Rehearsal(plan).play(policy) for plan in plans]
    assert [Timetable(plan).play(policy) for plan in plans] == by_machine
    assert [reserved for _, reserved in by_machine].count(True) > 0 or patience_s > 5


def test_many_steps_in_line_come_to_the_same_as_well() -> None:
    rng = random.Random(3)
    steps = [
        step("s%d" % n, duration_s=rng.uniform(0, 9), resources={"memory": rng.randint(1, 2**33)})
        for n in range(1000)
    ]
    plan, _ = make_plan(*steps)
    policy = Policy(Order.FIFO, 3.0)
    assert Timetable(plan).play(policy) == Rehearsal(plan).play(policy)


ONE = step("one")
SEVERAL = step("several", fan_out=Foreach([1, 2]))
OTHERS = step("others", body=InnerSteps({"x": step("x")}))
NEVER = step("never", if_="false", fan_out=Foreach([1, 2]))


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        ([], Timetable),
        ([ONE, NEVER], Timetable),
        ([ONE, SEVERAL], Rehearsal),
        ([ONE, OTHERS], Rehearsal),
    ],
)
def test_only_steps_that_may_be_several_attempts_need_the_machine(steps, kind) -> None:
    plan, _ = make_plan(*steps)
    assert (type(rehearsal_of(plan)), is_flat(plan)) == (kind, kind is Timetable)
