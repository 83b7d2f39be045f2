from __future__ import annotations

from typing import List, Tuple

import pytest

from orchestra.model.plan import Will
from orchestra.subscribers.expectation import Expectation, Hint, expectation_of
from tests.golden.plans import PREDICTION, nightly, plan_of, planned

HINTS = {"a": Hint(10, 30), "b": Hint(20, 20), "c": Hint(10, 10)}


def after(started: str, ended: str) -> Expectation:
    expectation = Expectation(HINTS, 30)
    for step in started:
        expectation.started(step)
    for step in ended:
        expectation.ended(step)
    return expectation


@pytest.mark.parametrize(
    ("started", "ended", "running", "left_s"),
    [
        ("", "", [], 30.0),
        ("a", "", [("a", 4.0)], 27.0),
        ("a", "", [("a", 99.0)], 22.5),
        ("ac", "a", [("c", 1.0)], 21.75),
        ("abc", "ac", [("b", 15.0)], 5.0),
        ("abc", "abc", [], 0.0),
    ],
)
def test_the_time_left_is_the_longest_path_or_the_share_of_the_work(
    started: str, ended: str, running: List[Tuple[str, float]], left_s: float
) -> None:
    assert after(started, ended).left_s(running) == left_s


def test_a_step_that_never_ran_is_no_longer_waited_for() -> None:
    expectation = after("a", "abc")
    assert expectation.left_s([]) == 0.0


def test_steps_without_a_hint_change_nothing() -> None:
    assert after("a", "").left_s([("unknown", 5.0), ("a", 4.0)]) == 27.0


def test_nothing_is_expected_where_a_step_has_no_duration() -> None:
    assert expectation_of(nightly(), PREDICTION) is None


def test_steps_that_will_not_run_are_not_counted() -> None:
    steps = [
        planned("a", [], 1, {}, (5.0, 5.0)),
        planned("b", [], 1, {}, (None, 1.0), (Will.SKIP, "never")),
    ]
    expectation = expectation_of(plan_of(steps, [0]), PREDICTION)
    assert expectation is not None
    assert expectation.left_s([]) == PREDICTION.predicted_s


def test_nothing_is_expected_of_a_plan_in_which_nothing_runs() -> None:
    steps = [planned("b", [], 1, {}, (3.0, 1.0), (Will.SKIP, "never"))]
    assert expectation_of(plan_of(steps, []), PREDICTION) is None
