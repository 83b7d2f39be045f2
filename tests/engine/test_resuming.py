"""What counts, and what runs again, when a run goes on with another file."""

from __future__ import annotations

from typing import List, Tuple

import pytest

from orchestra.engine.reopening import results_to_drop, run_once
from orchestra.engine.replay import fold
from orchestra.model.events import (
    AttemptEnded,
    AttemptStarted,
    Envelope,
    Event,
    PlannedEntry,
    RetryScheduled,
    RunFinished,
    RunResumed,
    RunStarted,
    StepEnded,
    StepsAdded,
    StopRequested,
)
from orchestra.model.record import RunRecord
from orchestra.model.workflow import InnerSteps, Uses
from tests.engine.plans import step, workflow


def entry(step: str, *needs: str, owner: str = "", role: str = "step") -> PlannedEntry:
    return PlannedEntry(step, step, needs, {"cpu": 1000}, owner, role)


PLAN = (entry("g"), entry("last", "g"), entry("x"))


def ran(step: str) -> List[Event]:
    return [
        AttemptStarted(step, 1, 0.0, ()),
        AttemptEnded(step, 1, "succeeded", 0, None, "", None, None, None, 0),
        StepEnded(step, "succeeded", "", {}),
    ]


def record_of(*events: Event) -> RunRecord:
    start = RunStarted("r", "w", "/w", {}, {}, None, None, "h", 1, "0", {}, PLAN)
    record = fold([Envelope(n, 10.0 + n, each) for n, each in enumerate((start, *events), 1)])
    assert record is not None
    return record


def grown(*dropped: str) -> RunResumed:
    return RunResumed("w", "/w", {"cpu": 1000}, None, None, "h", 9, "0", PLAN, dropped, {}, "boot")


INNER: List[Event] = [
    StepsAdded((entry("g/i", owner="g", role="inner"),)),
    *ran("g/i"),
    StepEnded("g", "succeeded", "", {}),
    *ran("last"),
    *ran("x"),
    RunFinished("succeeded", 0, ""),
]
INSTANCES: List[Event] = [
    StepsAdded((entry("g[0]", owner="g", role="instance"),)),
    StepsAdded((entry("g[0]/i", owner="g[0]", role="inner"),)),
    *ran("g[0]/i"),
    StepEnded("g[0]", "succeeded", "", {}),
    StepEnded("g", "succeeded", "", {}),
    *ran("last"),
    *ran("x"),
]


def test_a_step_that_joins_others_opens_the_one_around_them_and_what_is_below_that() -> None:
    assert results_to_drop(record_of(*INNER), {"g/new"}) == ("last", "g/new")
    record = record_of(*INNER, grown("last", "g/new"))
    states = {id: step.state.value for id, step in record.step_by_id.items()}
    assert states == {"g": "running", "last": "pending", "x": "succeeded", "g/i": "succeeded"}


def test_a_step_that_joins_others_opens_each_instance_around_them() -> None:
    assert results_to_drop(record_of(*INSTANCES), {"g/new"}) == ("last", "g[0]/new")
    record = record_of(*INSTANCES, grown("last", "g[0]/new"))
    states = {id: step.state.value for id, step in record.step_by_id.items()}
    assert states["g"] == states["g[0]"] == "running"
    assert states["g[0]/i"] == states["x"] == "succeeded"


def test_a_step_that_joins_one_that_was_not_entered_opens_nothing() -> None:
    ended = StepEnded("g", "skipped", "", {})
    assert results_to_drop(record_of(ended, *ran("last")), {"g/new", "new"}) == ()


UNDER_WAY = ran("x")[:1]
STOPS = StopRequested("SIGTERM", False)


def test_what_was_asked_to_end_counts_no_more() -> None:
    assert results_to_drop(record_of(*UNDER_WAY, STOPS), ()) == ("x",)


def test_what_was_asked_to_end_and_must_not_run_twice_counts() -> None:
    assert results_to_drop(record_of(*UNDER_WAY, STOPS), (), {"x"}) == ()


RETRY = RetryScheduled("x", 2, 1.0)


@pytest.mark.parametrize(
    ("outcome", "more", "dropped"),
    [("interrupted", [], ("x",)), ("failed", [], ()), ("failed", [RETRY], ("x",))],
)
def test_what_had_come_to_its_handlers_without_a_last_attempt_begins_anew(
    outcome: str, more: List[Event], dropped: Tuple[str, ...]
) -> None:
    events: List[Event] = [
        *UNDER_WAY,
        AttemptEnded("x", 1, outcome, None, None, "", None, None, None, 0),
        *more,
        StepsAdded((entry("x:finally", owner="x", role="finally"),)),
    ]

    assert results_to_drop(record_of(*events), ()) == dropped


def test_the_steps_that_run_once_are_found_at_each_level() -> None:
    once = step("pay", may_rerun=False)
    inner = InnerSteps({"pay": once, "look": step("look")})
    flow = workflow(once, step("in", body=inner), step("used", body=Uses(workflow(once))))
    assert run_once(flow) == {"pay", "in/pay", "used/pay"}
