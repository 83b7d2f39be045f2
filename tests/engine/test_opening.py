from __future__ import annotations

from orchestra.engine.opening import unstarted_run
from orchestra.engine.replay import fold
from orchestra.model.events import Envelope
from orchestra.model.run import RunState, StepState
from tests.engine.plans import make_plan, step
from tests.engine.world import ORIGIN


def test_a_run_without_a_turn_ends_every_step_as_it_ends_itself() -> None:
    plan, scopes = make_plan(step("a"), step("b", "a"))

    events = unstarted_run(plan, scopes, ORIGIN, RunState.SKIPPED, 0, "the group is full")

    record = fold(Envelope(number, 5.0, event) for number, event in enumerate(events, 1))
    assert record is not None
    assert (record.state, record.exit_code, record.reason, record.elapsed_s) == (
        RunState.SKIPPED,
        0,
        "the group is full",
        0.0,
    )
    assert {id: (s.state, s.reason) for id, s in record.step_by_id.items()} == {
        "a": (StepState.SKIPPED, "the group is full"),
        "b": (StepState.SKIPPED, "the group is full"),
    }
