"""The cores that steps with a job server are lent, and get back to those that wait for them."""

from __future__ import annotations

from typing import Dict, List

import pytest

from orchestra.engine.lending import Lending, share_out
from orchestra.engine.ports import TokensSeen
from orchestra.engine.stimuli import Lend, Order
from orchestra.model.events import Event, Noted
from orchestra.model.run import AttemptKey
from tests.engine.plans import step
from tests.engine.world import Behaviour, play

A, B = AttemptKey("a", 1), AttemptKey("b", 1)
ONE = {"cpu": 1000}


class Desk:
    """A lending of eight cores; what it says is in `events` and, since the last look, `orders`."""

    def __init__(self) -> None:
        self.events: List[Event] = []
        self.orders: List[Order] = []
        self.lending = Lending(8000, self.events, self.orders)

    def open(self, key: AttemptKey, cpu: int = 1000, **fields: object) -> None:
        self.lending.open(key, step(key.step, **fields), {"cpu": cpu})

    def lend(self, idle: int) -> Dict[str, int]:
        """Whom it now lets have how many tokens, where that has changed."""
        self.lending.lend(idle)
        allowed = {order.key.step: order.tokens for order in self.orders if type(order) is Lend}
        self.orders.clear()
        return allowed


@pytest.mark.parametrize(
    ("cores", "bounds", "shares"),
    [
        (7, [], []),
        (0, [8, 8], [0, 0]),
        (7, [8], [7]),
        (7, [8, 8], [4, 3]),
        (7, [1, 8, 8], [1, 3, 3]),
        (7, [1, 2], [1, 2]),
        (2, [8, 0, 8, 8], [1, 0, 1, 0]),
    ],
)
def test_cores_are_shared_in_parts_as_equal_as_their_bounds_allow(
    cores: int, bounds: List[int], shares: List[int]
) -> None:
    assert share_out(cores, bounds) == shares


def test_one_alone_is_lent_all_that_is_idle() -> None:
    desk = Desk()
    desk.open(A)
    assert (desk.lend(7000), desk.lending.lent) == ({"a": 7}, 7000)


def test_a_share_of_several_cores_counts_as_tokens_that_are_not_lent() -> None:
    desk = Desk()
    desk.open(A, 3000)
    assert (desk.lend(2500), desk.lending.lent) == ({"a": 2 + 2}, 2000)


@pytest.mark.parametrize("cpu", [0, 500, 1000, 1500])
def test_a_share_of_less_than_two_cores_has_no_token(cpu: int) -> None:
    desk = Desk()
    desk.open(A, cpu)
    assert (desk.lend(0), desk.lending.lent) == ({}, 0)


def test_another_one_gets_its_part_when_it_has_come_back() -> None:
    desk = Desk()
    desk.open(A)
    desk.lend(7000)
    desk.open(B)

    assert desk.lend(6000) == {"a": 3}
    desk.lending.seen(TokensSeen(A, 5, 0))
    assert desk.lend(6000) == {"b": 1}
    desk.lending.seen(TokensSeen(A, 3, 0))
    assert desk.lend(6000) == {"b": 3}


def test_what_one_does_not_take_goes_to_another_but_for_one() -> None:
    desk = Desk()
    desk.open(A)
    desk.open(B)
    desk.lend(6000)
    desk.lending.seen(TokensSeen(A, 3, 2))

    assert desk.lend(6000) == {"a": 2}
    desk.lending.seen(TokensSeen(A, 2, 1))
    assert desk.lend(6000) == {"b": 4}


def test_what_nobody_takes_is_shared_all_the_same() -> None:
    desk = Desk()
    desk.open(A)
    desk.open(B)
    desk.lend(6000)
    desk.lending.seen(TokensSeen(A, 3, 3))
    desk.lending.seen(TokensSeen(B, 3, 3))

    assert desk.lend(6000) == {}


def test_what_it_had_is_free_when_an_attempt_is_over_whoever_kept_it() -> None:
    desk = Desk()
    desk.open(A)
    desk.lend(7000)
    desk.lending.close(A)
    desk.lending.seen(TokensSeen(A, 7, 0))

    assert (bool(desk.lending), desk.lending.lent) == (False, 0)


def test_one_that_is_held_to_its_cores_is_lent_none() -> None:
    desk = Desk()
    desk.open(A, 2000, resources={"cpu": 2000}, enforce=True)
    desk.open(B)
    assert desk.lend(5000) == {"a": 1, "b": 5}


def test_one_that_goes_on_has_everything_until_it_is_seen() -> None:
    desk = Desk()
    desk.lending.take_over(A, step("a"), ONE)
    desk.open(B)

    assert (desk.lend(6000), desk.lending.lent) == ({}, 8000)
    desk.lending.seen(TokensSeen(A, 1, 0))
    assert desk.lend(6000) == {"a": 3, "b": 3}


def test_tokens_that_are_made_up_are_noted_once() -> None:
    desk = Desk()
    desk.open(A)
    desk.lend(2000)
    desk.lending.seen(TokensSeen(A, 2, 0, 5))
    desk.lending.seen(TokensSeen(A, 2, 0, 9))

    note = Noted("a", "it gives back job tokens that it never had: those are not counted")
    assert (desk.events, desk.lending.lent) == ([note], 2000)


def test_a_step_starts_on_cores_that_were_lent() -> None:
    long = step("make", jobserver=True)
    world = play(
        long,
        step("first", body=None),
        step("wide", "first", resources={"cpu": 3000}),
        cpu=4,
        behave={"make": Behaviour(lasts=60.0), "wide": Behaviour(lasts=5.0)},
    )
    assert (world.launch_times[AttemptKey("wide", 1)], world.now) == (0.0, 60.0)


def test_steps_that_wait_are_not_passed_for_what_is_lent() -> None:
    world = play(
        step("make", jobserver=True),
        *(step("s%d" % number) for number in range(6)),
        cpu=2,
        behave={"make": Behaviour(lasts=9.0)},
    )
    assert [at for _, at in world.launches] == [0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
