"""What comes after the last attempt: fallback and handlers, in which order, whatever happens."""

from __future__ import annotations

import pytest

from orchestra.engine.stimuli import Launch, StopAsked
from orchestra.model.events import (
    AttemptEnded,
    AttemptStarted,
    Noted,
    PlannedEntry,
    RunFinished,
    StepEnded,
    StepsAdded,
)
from orchestra.model.expression import parse_text
from orchestra.model.run import Role
from orchestra.model.workflow import Command, Handler, OutputType, Retry
from tests.engine.plans import make_plan, step
from tests.engine.world import Behaviour, World, play

INT = StopAsked("SIGINT", 130)
NOW = StopAsked("SIGTERM", 143, True)
EVERY = "fallback on_success on_failure on_cancel finally"
FAILS = Behaviour(exit_code=1)
LONG = Behaviour(lasts=100.0)


def ends(world):
    """Every end in its order, as `id state`."""
    return ["%s %s" % event[:2] for event in world.events if type(event) is StepEnded]


# The order in a step


@pytest.mark.parametrize(
    ("behave", "fields", "expected"),
    [
        (
            {},
            {},
            ["a:on_success succeeded", "a:finally succeeded", "a succeeded"],
        ),
        (
            {"a": FAILS},
            {},
            [
                "a:fallback succeeded",
                "a:on_success succeeded",
                "a:finally succeeded",
                "a recovered",
            ],
        ),
        (
            {"a": FAILS, "a:fallback": FAILS},
            {},
            ["a:fallback failed", "a:on_failure succeeded", "a:finally succeeded", "a failed"],
        ),
        (
            {"a": FAILS, "a:fallback": FAILS},
            {"allow_failure": True},
            [
                "a:fallback failed",
                "a:on_failure succeeded",
                "a:finally succeeded",
                "a allowed_failure",
            ],
        ),
        (
            {"a": FAILS},
            {"allow_failure": True},
            [
                "a:fallback succeeded",
                "a:on_success succeeded",
                "a:finally succeeded",
                "a recovered",
            ],
        ),
        (
            {"a": Behaviour(exit_code=100)},
            {"skip_codes": (100,)},
            ["a:finally succeeded", "a skipped"],
        ),
        (
            {"a": Behaviour(signal="SIGKILL")},
            {},
            [
                "a:fallback succeeded",
                "a:on_success succeeded",
                "a:finally succeeded",
                "a recovered",
            ],
        ),
        (
            {"a": Behaviour(lasts=9.0)},
            {"timeout": 2.0},
            [
                "a:fallback succeeded",
                "a:on_success succeeded",
                "a:finally succeeded",
                "a recovered",
            ],
        ),
        (
            {"a": Behaviour(refusal="no such program")},
            {},
            [
                "a:fallback succeeded",
                "a:on_success succeeded",
                "a:finally succeeded",
                "a recovered",
            ],
        ),
        (
            {"a": Behaviour(unrenderable="x is null")},
            {},
            [
                "a:fallback succeeded",
                "a:on_success succeeded",
                "a:finally succeeded",
                "a recovered",
            ],
        ),
    ],
)
def test_the_parts_of_a_step_come_in_their_order_before_its_end(behave, fields, expected):
    assert ends(play(step("a", handlers=EVERY, **fields), behave=behave)) == expected


def test_dependents_wait_for_the_last_handler():
    world = play(step("a", handlers="on_success finally"), step("b", "a"))
    assert world.launches == [("a", 0.0), ("a:on_success", 1.0), ("a:finally", 2.0), ("b", 3.0)]


def test_the_fallback_comes_once_and_after_the_last_retry():
    world = play(
        step("a", handlers="fallback", retry=Retry(max=1, delay_s=5.0)),
        behave={"a": FAILS, "a:fallback": FAILS},
    )
    assert world.launches == [("a", 0.0), ("a", 6.0), ("a:fallback", 7.0)]
    assert world.reasons["a"] == "exit code 1; its fallback failed: exit code 1"


def test_what_a_step_recovered_from_is_its_reason():
    world = play(step("a", handlers="fallback", allow_failure=True), behave={"a": FAILS})
    assert world.reasons["a"] == "by its fallback, after: exit code 1"


def test_a_recovered_step_lets_its_dependents_run_and_fails_no_run():
    world = play(
        step("a", handlers="fallback"), step("b", "a"), behave={"a": FAILS}, fail_fast=True
    )
    assert world.states == {"a": "recovered", "a:fallback": "succeeded", "b": "succeeded"}
    assert world.events[-1] == RunFinished("succeeded", 0, "")


def test_a_failing_handler_changes_no_state_and_is_noted():
    world = play(
        step("a", handlers="on_success finally"),
        behave={"a:on_success": Behaviour(exit_code=7)},
        fail_fast=True,
    )
    assert world.states == {"a": "succeeded", "a:on_success": "failed", "a:finally": "succeeded"}
    assert Noted("a", "its on_success failed: exit code 7") in world.events
    assert world.events[-1] == RunFinished("succeeded", 0, "")


def test_a_part_is_recorded_as_an_entry_of_its_own():
    world = play(step("a", handlers="on_failure"), behave={"a": FAILS})
    assert world.events[4:] == [
        AttemptEnded("a", 1, "failed", 1, None, "exit code 1", None, None, "logs/a.1.log", 1),
        StepsAdded(
            (PlannedEntry("a:on_failure", "a:on_failure", (), {"cpu": 1000}, "a", "on_failure"),)
        ),
        AttemptStarted("a:on_failure", 1, 0.0, ()),
        world.events[7],
        AttemptEnded(
            "a:on_failure",
            1,
            "succeeded",
            0,
            None,
            "exit code 0",
            None,
            None,
            "logs/a:on_failure.1.log",
            1,
        ),
        StepEnded("a:on_failure", "succeeded", "exit code 0", {}),
        StepEnded("a", "failed", "exit code 1", {}),
        RunFinished("failed", 1, ""),
    ]
    record = world.record.step_by_id["a:on_failure"]
    assert (record.owner, record.role, record.is_handler) == ("a", Role.ON_FAILURE, True)
    assert world.record.total == 1


def test_parts_run_inside_the_reservation_of_their_step():
    world = play(
        step("a", handlers="fallback finally", resources={"cpu": 2000, "gpu": 1}, priority=1),
        step("b", resources={"cpu": 2000, "gpu": 1}),
        cpu=2,
        devices=(4,),
        behave={"a": FAILS},
    )
    assert world.launches == [("a", 0.0), ("a:fallback", 1.0), ("a:finally", 2.0), ("b", 3.0)]
    devices = {event.step: event.devices for event in world.events if type(event) is AttemptStarted}
    assert devices == {"a": (4,), "a:fallback": (4,), "a:finally": (4,), "b": (4,)}


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"if_": "false"}, "skipped"),
        ({"require": [("false", "not today")]}, "failed"),
        ({"resources": {"cpu": parse_text("${{ 1 / len(run) }}")}}, "failed"),
    ],
)
def test_a_step_whose_turn_never_came_runs_no_handlers(fields, state):
    world = play(step("a", handlers=EVERY, **fields))
    assert world.states == {"a": state}


def test_a_blocked_step_runs_no_handlers():
    world = play(step("a"), step("b", "a", handlers=EVERY), behave={"a": FAILS})
    assert world.states == {"a": "failed", "b": "blocked"}


def test_a_step_whose_environment_cannot_be_made_falls_back():
    bad = {"X": parse_text("x${{ steps.up.outputs.x }}")}
    handler = Handler(Command(("true",)), env={"X": "good"})
    world = play(
        step("up"), step("a", "up", env=bad, handlers={"fallback": handler, "finally": handler})
    )
    assert ends(world)[1:] == ["a:fallback succeeded", "a:finally succeeded", "a recovered"]


def test_a_part_that_cannot_be_rendered_has_failed():
    bad = Handler(Command(("true",)), timeout=parse_text("${{ null }}s"))
    world = play(step("a", handlers={"on_success": bad, "finally": Handler(Command(("true",)))}))
    assert world.states == {"a": "succeeded", "a:on_success": "failed", "a:finally": "succeeded"}
    assert world.record.step_by_id["a:on_success"].attempts == []


def test_a_part_has_a_timeout_of_its_own():
    slow = Handler(Command(("true",)), timeout=3.0)
    world = play(step("a", handlers={"finally": slow}, timeout=50.0), behave={"a:finally": LONG})
    assert world.reasons["a:finally"] == "timed out after 3.0s"
    assert world.states["a"] == "succeeded"


# What they leave and see


def test_the_outputs_of_a_recovered_step_are_those_of_its_fallback():
    world = play(
        step("a", handlers="fallback", outputs={"x": OutputType.STRING}),
        behave={
            "a": Behaviour(exit_code=1, outputs={"x": "half", "y": "z"}),
            "a:fallback": Behaviour(outputs={"x": "whole"}),
        },
    )
    assert world.record.step_by_id["a"].outputs == {"x": "whole"}


def test_a_fallback_that_does_not_write_a_declared_output_fails():
    world = play(
        step("a", handlers="fallback", outputs={"x": OutputType.STRING}),
        behave={
            "a": Behaviour(exit_code=1, outputs={"x": "half"}),
            "a:fallback": Behaviour(problems=("output `x` was not written",)),
        },
    )
    assert (world.states["a"], world.record.step_by_id["a"].outputs) == ("failed", {"x": "half"})
    assert world.reasons["a"] == "exit code 1; its fallback failed: output `x` was not written"


SEES = Handler(
    Command(("true",)),
    env={
        "SEEN": parse_text(
            "${{ to_json([failure, steps.up.outputs.n, steps.a.state, steps.a.exit_code]) }}"
        )
    },
)


def seen(world_steps, behave):
    """What each part's expressions saw, by its id."""
    plan, scopes = make_plan(*world_steps)
    table = {}
    world = World(plan, scopes, lambda key: behave.get("%s.%d" % key, Behaviour()))
    carry_out = world._carry_out

    def spy(order):
        if isinstance(order, Launch):
            table[order.launching.key.step] = order.launching.env.get("SEEN")
        carry_out(order)

    world._carry_out = spy
    world.run()
    return table


def test_parts_see_the_failure_and_what_their_step_came_to():
    handlers = {"fallback": SEES, "on_success": SEES, "on_failure": SEES}
    up = {"up.1": Behaviour(outputs={"n": 5})}
    failure = (
        '{"step":"a","exit_code":3,"reason":"exit code 3","log":"/logs/a.1.log","steps":["a"]}'
    )
    steps = (step("up"), step("a", "up", handlers=handlers))
    assert seen(steps, {**up, "a.1": Behaviour(exit_code=3)}) == {
        "up": None,
        "a": None,
        "a:fallback": '[%s,5,"failed",3]' % failure,
        "a:on_success": '[%s,5,"recovered",3]' % failure,
    }


def test_failure_is_null_where_nothing_failed_in_the_end():
    steps = (step("up"), step("a", "up", handlers={"on_success": SEES}, retry=Retry(max=1)))
    found = seen(steps, {"up.1": Behaviour(outputs={"n": 5}), "a.1": FAILS})
    assert found["a:on_success"] == '[null,5,"succeeded",0]'


# fail_fast


def test_fail_fast_strikes_before_the_handlers_and_lets_them_run():
    world = play(
        step("a", handlers="on_failure finally"),
        step("b"),
        step("c", "b"),
        behave={"a": FAILS},
        fail_fast=True,
    )
    assert world.states == {
        "a": "failed",
        "a:on_failure": "succeeded",
        "a:finally": "succeeded",
        "b": "succeeded",
        "c": "cancelled",
    }


def test_a_retry_that_fail_fast_gives_up_ends_in_the_fallback_once_there_is_room():
    world = play(
        step("a", handlers="fallback", retry=Retry(max=1, delay_s=60.0)),
        step("b", resources={"cpu": 2000}),
        behave={"a": FAILS, "b": Behaviour(lasts=9.0, exit_code=1)},
        cpu=2,
        fail_fast=True,
    )
    assert world.launches == [("a", 0.0), ("b", 1.0), ("a:fallback", 10.0)]
    assert world.states == {"a": "recovered", "a:fallback": "succeeded", "b": "failed"}
    assert world.reasons["a"] == "by its fallback, after: exit code 1"


# A stop


def test_a_stop_runs_on_cancel_and_finally_alone():
    world = play(step("a", handlers=EVERY), step("b", "a"), behave={"a": LONG}, stops={5.0: INT})
    assert ends(world) == [
        "a:on_cancel succeeded",
        "a:finally succeeded",
        "a cancelled",
        "b cancelled",
    ]
    assert world.events[-1] == RunFinished("cancelled", 130, "stopped by SIGINT")


def test_the_timeout_of_the_run_is_a_stop_as_well():
    world = play(step("a", handlers=EVERY), behave={"a": LONG}, timeout_s=5.0)
    assert ends(world) == ["a:on_cancel succeeded", "a:finally succeeded", "a failed"]
    assert world.reasons["a"] == "run timeout"


def test_a_second_signal_ends_what_cleans_up():
    world = play(
        step("a", handlers=EVERY),
        behave={"a": LONG, "a:on_cancel": LONG},
        stops={5.0: INT, 7.0: INT},
    )
    assert world.now == 7.0
    assert ends(world) == ["a:on_cancel cancelled", "a cancelled"]


def test_a_stop_at_once_runs_nothing_more():
    world = play(step("a", handlers=EVERY), behave={"a": LONG}, stops={5.0: NOW})
    assert ends(world) == ["a cancelled"]


def test_what_cleans_up_has_sixty_seconds_unless_it_says_so():
    patient = Handler(Command(("true",)), timeout=70.0)
    world = play(
        step("a", handlers={"on_cancel": Handler(Command(("true",))), "finally": patient}),
        behave={"a": LONG, "a:on_cancel": LONG, "a:finally": LONG},
        stops={5.0: INT},
    )
    assert world.launches == [("a", 0.0), ("a:on_cancel", 5.0), ("a:finally", 65.0)]
    assert world.now == 135.0
    assert world.reasons["a:on_cancel"] == "timed out after 1m00s"


def test_a_fallback_that_is_stopped_leaves_its_step_cancelled():
    world = play(
        step("a", handlers=EVERY), behave={"a": FAILS, "a:fallback": LONG}, stops={5.0: INT}
    )
    assert ends(world) == [
        "a:fallback cancelled",
        "a:on_cancel succeeded",
        "a:finally succeeded",
        "a cancelled",
    ]


def test_a_handler_that_is_stopped_leaves_its_step_as_it_was():
    world = play(step("a", handlers=EVERY), behave={"a:on_success": LONG}, stops={5.0: INT})
    assert ends(world) == ["a:on_success cancelled", "a:finally succeeded", "a succeeded"]


def test_finally_goes_on_through_a_stop_for_sixty_seconds():
    world = play(step("a", handlers="finally"), behave={"a:finally": LONG}, stops={5.0: INT})
    assert (world.now, world.reasons["a:finally"]) == (65.0, "timed out after 1m00s")


def test_a_step_that_waits_for_a_retry_cleans_up_when_the_run_is_stopped():
    world = play(
        step("a", handlers=EVERY, retry=Retry(max=1, delay_s=50.0)),
        behave={"a": FAILS},
        stops={5.0: INT},
    )
    assert ends(world) == ["a:on_cancel succeeded", "a:finally succeeded", "a cancelled"]
    assert world.reasons["a"] == "stopped by SIGINT, after exit code 1"


def test_a_step_in_line_for_another_attempt_cleans_up_as_well():
    world = play(
        step("a", handlers=EVERY, retry=Retry(max=1, delay_s=1.0)),
        step("b", resources={"cpu": 2000}),
        behave={"a": FAILS, "b": Behaviour(lasts=9.0)},
        cpu=2,
        stops={5.0: INT},
    )
    assert world.launches == [("a", 0.0), ("b", 1.0), ("a:on_cancel", 5.0), ("a:finally", 6.0)]
    assert world.states["a"] == "cancelled"


def test_a_step_that_only_stood_in_line_runs_no_handlers():
    world = play(step("a"), step("b", handlers=EVERY), behave={"a": LONG}, cpu=1, stops={5.0: INT})
    assert world.states == {"a": "cancelled", "b": "cancelled"}


# The end of the run


@pytest.mark.parametrize(
    ("behave", "stops", "expected", "finished"),
    [
        ({}, {}, ["a succeeded", ":on_success succeeded", ":finally succeeded"], ("succeeded", 0)),
        (
            {"a": FAILS},
            {},
            ["a failed", ":on_failure succeeded", ":finally succeeded"],
            ("failed", 1),
        ),
        (
            {"a": LONG},
            {5.0: INT},
            ["a cancelled", ":on_cancel succeeded", ":finally succeeded"],
            ("cancelled", 130),
        ),
        ({"a": LONG}, {5.0: NOW}, ["a cancelled"], ("cancelled", 143)),
        (
            {":on_success": FAILS, ":finally": FAILS},
            {},
            ["a succeeded", ":on_success failed", ":finally failed"],
            ("succeeded", 0),
        ),
        (
            {":on_success": LONG},
            {5.0: INT},
            [
                "a succeeded",
                ":on_success cancelled",
                ":on_cancel succeeded",
                ":finally succeeded",
            ],
            ("cancelled", 130),
        ),
        (
            {":finally": LONG},
            {5.0: INT, 6.0: INT},
            ["a succeeded", ":on_success succeeded", ":finally cancelled"],
            ("cancelled", 130),
        ),
    ],
)
def test_the_handlers_of_the_run_come_last_by_its_result(behave, stops, expected, finished):
    handlers = "on_success on_failure on_cancel finally"
    world = play(step("a"), handlers=handlers, behave=behave, stops=stops)
    assert ends(world) == expected
    assert world.events[-1][:2] == finished


def test_the_handlers_of_the_run_take_one_core_of_it():
    world = play(step("a"), handlers="finally", cpu=8)
    added = [event for event in world.events if type(event) is StepsAdded]
    entry = PlannedEntry(":finally", ":finally", (), {"cpu": 1000}, "", "finally")
    assert added == [StepsAdded((entry,))]


def test_a_failing_handler_of_the_run_is_noted():
    world = play(step("a"), handlers="finally", behave={":finally": FAILS})
    assert Noted("", "the run's finally failed: exit code 1") in world.events


def test_the_timeout_of_the_run_bounds_its_handlers():
    world = play(
        step("a"), handlers="on_success finally", behave={":on_success": LONG}, timeout_s=9.0
    )
    assert ends(world) == ["a succeeded", ":on_success failed", ":finally succeeded"]
    assert world.events[-1] == RunFinished("failed", 1, "run timeout")
