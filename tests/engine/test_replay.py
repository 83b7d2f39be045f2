"""The fold of events: what it makes of histories that are cut, or newer than this version."""

from __future__ import annotations

from typing import Any, NamedTuple

from orchestra.engine.replay import fold
from orchestra.model.events import (
    AlertSent,
    Envelope,
    Noted,
    PlannedEntry,
    RunFinished,
    RunStarted,
    StepReady,
    StepsAdded,
)
from orchestra.model.record import AlertRecord, RunRecord, StepRecord
from orchestra.model.run import Role, RunState, StepState

ENTRIES = (PlannedEntry("a", "A", (), {}), PlannedEntry("b", "b", ("a",), {"cpu": 1000}))
STARTED = RunStarted("r", "w", "/w.yaml", {"p": 1}, {}, 2, 9.0, "host", 7, "0", {}, ENTRIES)


class FromTheFuture(NamedTuple):
    step: str


def record_of(*events: Any) -> Any:
    return fold(Envelope(seq, 100.0 + seq, event) for seq, event in enumerate(events, 1))


def test_events_without_a_start_make_no_record():
    assert record_of() is None
    assert record_of(Noted("", "lost its head")) is None


def test_kinds_that_are_not_known_are_passed_over():
    ready = StepReady("b", {"cpu": 500})
    assert record_of(STARTED, FromTheFuture("b"), ready) == RunRecord(
        run_id="r",
        workflow="w",
        path="/w.yaml",
        started_at=101.0,
        params={"p": 1},
        max_parallel=2,
        lower_bound_s=9.0,
        pid=7,
        host="host",
        version="0",
        state=RunState.RUNNING,
        step_by_id={
            "a": StepRecord("a", "A", (), {}),
            "b": StepRecord("b", "b", ("a",), {"cpu": 500}, StepState.READY, ready_at=103.0),
        },
        counts={**dict.fromkeys(StepState, 0), StepState.PENDING: 1, StepState.READY: 1},
    )


def test_steps_that_are_added_are_pending_parts_of_their_owner():
    entry = PlannedEntry("a[0]", "a[0]", (), {}, "a", "instance")
    record = record_of(STARTED, StepsAdded((entry,)))
    added = record.step_by_id["a[0]"]
    assert (added.state, added.owner, added.role) == (StepState.PENDING, "a", Role.INSTANCE)
    assert (record.step_by_id["a"].members, record.total) == (1, 2)


def test_alerts_after_the_end_are_of_the_run_and_do_not_change_how_it_ended():
    alert = AlertSent("notify[0]", "failure", "hooks.example.org", False, "no answer within 30s")
    record = record_of(STARTED, RunFinished("failed", 1, "run timeout"), alert)
    assert record.alerts == [AlertRecord(103.0, *alert)]
    assert (record.state, record.exit_code, record.ended_at) == (RunState.FAILED, 1, 102.0)
