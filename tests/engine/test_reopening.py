"""What of a record counts no more when its run goes on."""

from __future__ import annotations

from typing import Dict, List, Sequence, Set

from orchestra.engine.reopening import INTERRUPTED, results_to_drop
from orchestra.engine.replay import fold
from orchestra.model.events import (
    AttemptEnded,
    AttemptStarted,
    Envelope,
    Event,
    PlannedEntry,
    ResultsDropped,
    RunFinished,
    RunResumed,
    RunStarted,
    StepEnded,
    StepReady,
    StepsAdded,
    StopRequested,
)
from orchestra.model.record import RunRecord
from orchestra.model.run import Outcome, RunState, StepState


def entry(step: str, *needs: str, owner: str = "", role: str = "step") -> PlannedEntry:
    return PlannedEntry(step, step, needs, {"cpu": 1000}, owner, role)


PLAN = (entry("a"), entry("b", "a"), entry("c", "b"), entry("x"))


def ran(step: str, state: str = "succeeded", number: int = 1) -> List[Event]:
    return [
        StepReady(step, {"cpu": 1000}),
        AttemptStarted(step, number, 0.0, ()),
        AttemptEnded(step, number, state, 0, None, "", None, None, None, 0),
        StepEnded(step, state, "", {}),
    ]


def resumed(*dropped: str, plan: Sequence[PlannedEntry] = PLAN) -> RunResumed:
    return RunResumed(
        "w", "/w", {"cpu": 1000}, None, None, "h2", 9, "0", tuple(plan), dropped, {}, "boot"
    )


def record_of(*events: Event, plan: Sequence[PlannedEntry] = PLAN) -> RunRecord:
    start = RunStarted("r", "w", "/w", {}, {}, None, None, "h", 1, "0", {}, tuple(plan))
    told = [Envelope(n, 10.0 + n, event) for n, event in enumerate((start, *events), 1)]
    record = fold(told)
    assert record is not None
    return record


def states(record: RunRecord) -> Dict[str, str]:
    return {id: step.state.value for id, step in record.step_by_id.items()}


def counted(record: RunRecord) -> Dict[str, int]:
    return {state.value: count for state, count in record.counts.items() if count}


CHANGED: Set[str] = set()


def test_what_ended_badly_is_open_again_and_what_ended_well_counts() -> None:
    record = record_of(
        *ran("a"),
        *ran("x", "failed"),
        StepEnded("b", "cancelled", "", {}),
        RunFinished("failed", 1, ""),
        resumed(),
    )
    assert states(record) == {"a": "succeeded", "b": "pending", "c": "pending", "x": "pending"}
    assert counted(record) == {"succeeded": 1, "pending": 3}
    assert (record.state, record.exit_code, record.ended_at) == (RunState.RUNNING, None, None)
    assert (record.host, record.pid, record.boot, record.done_before) == ("h2", 9, "boot", 1)
    assert (record.step_by_id["x"].spent, len(record.step_by_id["x"].attempts)) == (1, 1)


def test_the_results_of_changed_steps_are_dropped_with_all_below_them() -> None:
    record = record_of(*ran("a"), *ran("b"), *ran("c"), *ran("x"))
    assert results_to_drop(record, {"b"}) == ("b", "c")


def test_below_what_ended_badly_nothing_counts() -> None:
    record = record_of(*ran("a", "failed"), *ran("b"), *ran("x"))
    assert results_to_drop(record, CHANGED) == ("b",)


def test_of_a_run_that_never_had_its_turn_nothing_counts() -> None:
    ends = [StepEnded(each.step, "skipped", "", {}) for each in PLAN]
    record = record_of(*ends, RunFinished("skipped", 0, ""))
    assert results_to_drop(record, CHANGED) == ("a", "b", "c", "x")


def test_an_attempt_that_was_under_way_is_interrupted_where_its_step_is_dropped() -> None:
    record = record_of(*ran("a"), *ran("b")[:2], resumed("a", "b"))
    last = record.step_by_id["b"].attempts[-1]
    assert (last.outcome, last.reason) == (Outcome.INTERRUPTED, INTERRUPTED)
    assert states(record)["b"] == "pending"


def test_a_step_that_is_under_way_stays_so() -> None:
    record = record_of(*ran("a"), *ran("b")[:2], resumed())
    assert states(record)["b"] == "running"
    assert counted(record) == {"succeeded": 1, "running": 1, "pending": 2}


def test_what_was_being_stopped_is_run_again() -> None:
    record = record_of(*ran("a"), *ran("b")[:2], StopRequested("SIGINT", False))
    assert results_to_drop(record, CHANGED) == ("b",)


def test_a_step_that_the_file_has_no_more_goes_and_keeps_its_number_when_it_comes_back() -> None:
    short = (entry("a"),)
    gone = record_of(*ran("a"), *ran("b"), resumed(plan=short))
    back = record_of(*ran("a"), *ran("b"), resumed(plan=short), resumed(plan=PLAN[:2]))
    assert states(gone) == {"a": "succeeded"}
    assert states(back) == {"a": "succeeded", "b": "pending"}
    assert [attempt.number for attempt in back.step_by_id["b"].attempts] == [1]


PACK = (entry("pack"), entry("last", "pack"))
PARTS = StepsAdded(
    (
        entry("pack[0]", owner="pack", role="instance"),
        entry("pack[1]", owner="pack", role="instance"),
    )
)


def half_packed(*more: Event) -> RunRecord:
    return record_of(
        PARTS,
        *ran("pack[0]"),
        *ran("pack[1]", "failed"),
        StepEnded("pack", "failed", "", {}),
        RunFinished("failed", 1, ""),
        *more,
        plan=PACK,
    )


def test_of_a_fan_out_that_failed_the_instances_count_that_ended_well() -> None:
    record = half_packed(resumed(plan=PACK))
    assert states(record) == {
        "pack": "running",
        "last": "pending",
        "pack[0]": "succeeded",
        "pack[1]": "pending",
    }
    pack = record.step_by_id["pack"]
    assert (pack.members, pack.members_done, pack.members_failed) == (2, 1, 0)


def test_instances_that_are_dropped_go_and_their_numbers_stay() -> None:
    record = half_packed(resumed(plan=PACK), ResultsDropped(("pack[0]",)))
    assert record.step_by_id["pack"].parts == ("pack[1]",)
    assert "pack[0]" not in record.step_by_id
    assert len(record.former["pack[0]"].attempts) == 1


def test_handlers_of_what_runs_again_are_forgotten() -> None:
    handler = StepsAdded((entry("a:on_failure", owner="a", role="on_failure"),))
    record = record_of(
        *ran("a", "failed")[:3], handler, *ran("a:on_failure"), *ran("a", "failed")[3:], resumed()
    )
    assert "a:on_failure" not in record.step_by_id
    assert record.step_by_id["a"].state is StepState.PENDING
