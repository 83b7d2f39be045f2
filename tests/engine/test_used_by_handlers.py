"""Handlers that use a workflow: its steps are parts of the handler, with demands of their own."""

from __future__ import annotations

from typing import Any, Dict, Optional

from orchestra.engine.choice import Choice
from orchestra.engine.stimuli import StopAsked
from orchestra.model.events import StepEnded
from orchestra.model.expression import parse_text
from orchestra.model.run import is_handler_id
from orchestra.model.workflow import Command, Foreach, Handler, InnerSteps, OutputType, Uses
from tests.engine.plans import check, messages, step, workflow
from tests.engine.world import Behaviour, ends, play

FAILS = Behaviour(exit_code=1)


def using(*steps: Any, given: Optional[Dict[str, Any]] = None, **fields: Any) -> Handler:
    return Handler(Uses(workflow(*steps, **fields), given or {}))


def test_a_fallback_recovers_with_the_outputs_of_the_workflow() -> None:
    make = step("make", outputs={"n": OutputType.INT})
    fallback = using(
        make, step("send", "make"), outputs={"n": parse_text("${{ steps.make.outputs.n }}")}
    )
    world = play(
        step("a", handlers={"fallback": fallback}, outputs={"n": OutputType.INT}),
        step("b", "a", body=Command(("echo", parse_text("${{ steps.a.outputs.n }}")))),
        behave={"a": FAILS, "a:fallback/make": Behaviour(outputs={"n": 7})},
    )
    assert world.launches == [
        ("a", 0.0),
        ("a:fallback/make", 1.0),
        ("a:fallback/send", 2.0),
        ("b", 3.0),
    ]
    assert ends(world)["a:fallback"] == ("succeeded", "2 steps")
    assert ends(world)["a"] == ("recovered", "by its fallback, after: exit code 1")
    outputs = {e.step: e.outputs for e in world.events if isinstance(e, StepEnded)}
    assert (outputs["a:fallback"], outputs["a"]) == ({"n": 7}, {"n": 7})


def test_a_fallback_that_fails_inside_says_where() -> None:
    world = play(
        step("a", handlers={"fallback": using(step("x"), step("y", "x"))}),
        behave={"a": FAILS, "a:fallback/x": FAILS},
    )
    inside = "1 of 2 steps failed, first `a:fallback/x`: exit code 1"
    assert ends(world) == {
        "a:fallback/x": ("failed", "exit code 1"),
        "a:fallback/y": ("blocked", "`x` failed"),
        "a:fallback": ("failed", inside),
        "a": ("failed", "exit code 1; its fallback failed: " + inside),
    }


def test_the_share_of_the_step_is_free_while_the_workflow_runs_and_taken_again_after_it() -> None:
    greedy = step("x", resources={"db": 2})
    world = play(
        step(
            "a",
            resources={"db": 2},
            handlers={"on_success": using(greedy), "finally": Handler(Command(("t",)))},
        ),
        step("b", resources={"db": 1}),
        budget={"db": 2},
        behave={"b": Behaviour(lasts=5.0)},
    )
    assert world.launches == [
        ("a", 0.0),
        ("a:on_success/x", 1.0),
        ("a:finally", 2.0),
        ("b", 3.0),
    ]


def test_handlers_see_the_failure_and_may_give_it_on() -> None:
    told = step("x", if_="params.why == 'exit code 1 of a'")
    given = {"why": parse_text("${{ failure.reason }} of ${{ failure.step }}")}
    world = play(step("a", handlers={"on_failure": using(told, given=given)}), behave={"a": FAILS})
    assert world.states["a:on_failure/x"] == "succeeded"


def test_the_run_and_a_used_workflow_may_end_with_workflows() -> None:
    used = workflow(step("x"), handlers={"finally": using(step("tidy"))})
    world = play(
        step("u", body=Uses(used)),
        handlers={"finally": using(step("last"), step("least", "last"))},
    )
    assert [id for id, _ in world.launches] == [
        "u/x",
        "u/:finally/tidy",
        ":finally/last",
        ":finally/least",
    ]
    assert world.record.total == 1
    assert all(is_handler_id(id) for id in world.states if ":" in id)


def test_fail_fast_does_not_keep_a_handler_from_its_steps() -> None:
    world = play(
        step("a", handlers={"on_failure": using(step("x"), step("y", "x"))}),
        step("b", "c"),
        step("c"),
        fail_fast=True,
        behave={"a": FAILS},
    )
    assert world.states["a:on_failure"] == "succeeded"
    assert world.states["b"] == "cancelled"


def test_a_stop_ends_what_a_fallback_uses_and_lets_clean_up_go_on() -> None:
    world = play(
        step(
            "a",
            handlers={"fallback": using(step("x")), "on_cancel": using(step("y"), step("z", "y"))},
        ),
        behave={"a": FAILS, "a:fallback/x": Behaviour(lasts=50.0)},
        stops={3.0: StopAsked("SIGINT", 130)},
    )
    assert [id for id, _ in world.launches] == [
        "a",
        "a:fallback/x",
        "a:on_cancel/y",
        "a:on_cancel/z",
    ]
    assert world.states["a"] == "cancelled"


def test_clean_up_that_uses_a_workflow_has_a_minute_in_all() -> None:
    long = step("x", fan_out=Foreach(list(range(9))), max_parallel=1)
    world = play(
        step("a", handlers={"finally": using(long)}),
        behave={"a:finally/x[%d]" % n: Behaviour(lasts=25.0) for n in range(9)},
        stops={0.5: StopAsked("SIGTERM", 143)},
    )
    assert ends(world)["a:finally"] == ("failed", "timed out after 1m00s")
    assert world.now == 60.5


def test_a_second_stop_ends_it_at_once() -> None:
    world = play(
        step("a", handlers={"finally": using(step("x"), step("y", "x"))}),
        behave={"a:finally/x": Behaviour(lasts=50.0)},
        stops={3.0: StopAsked("SIGINT", 130), 4.0: StopAsked("SIGINT", 130)},
    )
    assert (world.states["a:finally/x"], world.states["a:finally/y"]) == ("cancelled", "cancelled")
    assert world.now == 4.0


def test_its_timeout_is_that_of_all_its_steps() -> None:
    handler = using(step("x"), step("y", "x"))._replace(timeout=3.0)
    world = play(
        step("a", handlers={"on_success": handler}), behave={"a:on_success/x": Behaviour(lasts=9.0)}
    )
    assert ends(world)["a:on_success"] == ("failed", "timed out after 3.0s")
    assert world.states["a"] == "succeeded"


def test_the_timeout_of_steps_around_ends_a_handler_that_uses_a_workflow() -> None:
    inner = step("i", handlers={"on_success": using(step("x"), step("y", "x"))})
    chain = step("c", body=InnerSteps({"i": inner}), timeout=3.0)
    world = play(chain, behave={"c/i:on_success/x": Behaviour(lasts=50.0)})
    assert world.states["c/i:on_success/x"] == "cancelled"
    assert world.states["c/i:on_success/y"] == "cancelled"
    assert ends(world)["c"] == ("failed", "timed out after 3.0s")


def test_what_it_is_given_may_be_wrong() -> None:
    handler = using(step("x"), given={"p": parse_text("${{ 1 + failure.reason }}")})
    world = play(step("a", handlers={"fallback": handler}), behave={"a": FAILS})
    assert ends(world)["a:fallback"][0] == "failed"
    assert ends(world)["a:fallback"][1].startswith("with.p: ")
    assert world.states["a"] == "failed"


def test_what_is_wrong_with_it_is_told_at_its_place() -> None:
    steps = (
        step("a", handlers={"fallback": using(step("x", "y"))}),
        step("b", handlers={"finally": using(step("x", resources={"db": 3}), budget={})}),
    )
    assert messages(check(workflow(steps[0]))) == [
        (
            ("steps", "a", "fallback", "uses"),
            "unknown-step",
            "`flow.yaml` cannot be used: `x` needs `y`, which is no step",
        )
    ]
    assert messages(check(workflow(steps[1], budget={"db": 2}))) == [
        (
            ("steps", "b", "finally", "uses"),
            "over-budget",
            "`flow.yaml` cannot be used: `x` asks for 3 of db, the budget has 2",
        )
    ]
    assert messages(check(workflow(step("c"), handlers={"finally": using(step("x", "y"))}))) == [
        (
            ("finally", "uses"),
            "unknown-step",
            "`flow.yaml` cannot be used: `x` needs `y`, which is no step",
        )
    ]


def test_a_strike_starts_no_handler_twice() -> None:
    many = step(
        "m",
        fan_out=Foreach([1, 2]),
        handlers={"on_success": using(step("x")), "finally": using(step("y"))},
    )
    world = play(
        many,
        step("slow", resources={"cpu": 1000}),
        cpu=1,
        fail_fast=True,
        behave={"m[1]": FAILS, "slow": Behaviour(lasts=9.0)},
    )
    started = [id for id, _ in world.launches]
    assert sorted(started) == sorted({*started})
    assert world.states["m[0]"] == "succeeded"
    assert world.states["m[0]:finally"] == "succeeded"


def test_a_stop_leaves_what_succeeded_and_lets_it_tidy_up() -> None:
    world = play(
        step("a", handlers={"on_success": using(step("x")), "finally": using(step("y"))}),
        step("b"),
        step("c"),
        cpu=1,
        behave={"b": Behaviour(lasts=9.0), "c": Behaviour(lasts=9.0)},
        stops={2.5: StopAsked("SIGINT", 130)},
    )
    assert world.states["a"] == "succeeded"
    assert world.states["a:finally"] == "succeeded"


def test_a_choice_of_steps_says_nothing_of_what_a_handler_uses() -> None:
    ends_with = {"fallback": using(step("do")), "finally": using(step("tidy"))}
    world = play(
        step("up"),
        step("m", "up", handlers=ends_with),
        handlers={"finally": using(step("last"))},
        behave={"m": FAILS},
        chosen=Choice(only=("m",)),
    )
    assert [id for id, _ in world.launches] == [
        "m",
        "m:fallback/do",
        "m:finally/tidy",
        ":finally/last",
    ]


def test_clean_up_that_uses_a_workflow_is_not_taken_for_stopped() -> None:
    its_ends = {"on_success": using(step("good")), "on_cancel": using(step("bad"))}
    tidy = using(step("x"), handlers=its_ends)
    world = play(
        step("a", handlers={"finally": tidy}),
        behave={"a": Behaviour(lasts=9.0)},
        stops={2.0: StopAsked("SIGINT", 130)},
    )
    assert [id for id, _ in world.launches] == [
        "a",
        "a:finally/x",
        "a:finally/:on_success/good",
    ]


def test_a_step_that_its_handlers_timeout_ended_says_so() -> None:
    world = play(
        step("a"),
        handlers={"on_cancel": using(step("w"))._replace(timeout=3.0)},
        behave={"a": Behaviour(lasts=9.0), ":on_cancel/w": Behaviour(lasts=50.0)},
        stops={2.0: StopAsked("SIGINT", 130)},
    )
    assert world.reasons[":on_cancel/w"] == "stopped by the timeout of `:on_cancel`"


def test_a_used_workflow_that_had_nothing_to_run_has_its_end() -> None:
    used = workflow(step("x", if_="false"), handlers={"finally": using(step("tidy"))})
    world = play(step("u", body=Uses(used)))
    assert [id for id, _ in world.launches] == ["u/:finally/tidy"]
