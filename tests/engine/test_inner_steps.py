"""Steps in a step: they run among themselves, and together they are one step to all others."""

from __future__ import annotations

from typing import Any, Tuple

from orchestra.engine.simulate import predict
from orchestra.engine.stimuli import StopAsked
from orchestra.model.events import StepsAdded
from orchestra.model.expression import parse_text
from orchestra.model.workflow import Artifacts, Command, Foreach, InnerSteps, OutputType, Uses
from tests.engine.plans import check, handlers, make_plan, messages, step, workflow
from tests.engine.world import Behaviour, ends, play

FAILS = Behaviour(exit_code=1)


def inside(id: str, *steps: Any, needs: Tuple[str, ...] = (), **fields: Any) -> Any:
    inner = {each.id: each._replace(place=place) for place, each in enumerate(steps)}
    return step(id, *needs, body=InnerSteps(inner), **fields)


def test_they_run_in_their_order_and_others_wait_for_all_of_them() -> None:
    world = play(
        step("first"),
        inside("pack", step("lint"), step("build", "lint"), needs=("first",)),
        step("last", "pack"),
    )
    assert world.launches == [
        ("first", 0.0),
        ("pack/lint", 1.0),
        ("pack/build", 2.0),
        ("last", 3.0),
    ]
    assert ends(world)["pack"] == ("succeeded", "its needs were met; 2 steps")


def test_they_are_recorded_with_the_step_that_they_are_in() -> None:
    world = play(inside("pack", step("lint"), step("build", "lint")))
    added = [tuple(entry) for e in world.events if isinstance(e, StepsAdded) for entry in e.steps]
    assert added == [
        ("pack/lint", "pack/lint", (), {"cpu": 1000}, "pack", "inner", "", None, "local"),
        (
            "pack/build",
            "pack/build",
            ("pack/lint",),
            {"cpu": 1000},
            "pack",
            "inner",
            "",
            None,
            "local",
        ),
    ]


def test_one_that_fails_fails_the_step_when_all_have_ended() -> None:
    world = play(
        inside("pack", step("a"), step("b", "a"), step("c")),
        step("last", "pack"),
        behave={"pack/a": FAILS, "pack/c": Behaviour(lasts=5)},
    )
    assert ends(world) == {
        "pack/a": ("failed", "exit code 1"),
        "pack/b": ("blocked", "`a` failed"),
        "pack/c": ("succeeded", "it needs nothing"),
        "pack": ("failed", "1 of 3 steps failed, first `pack/a`: exit code 1"),
        "last": ("blocked", "`pack` failed"),
    }


def test_a_failure_inside_can_be_allowed_at_the_step() -> None:
    world = play(inside("pack", step("a"), allow_failure=True), behave={"pack/a": FAILS})
    assert ends(world)["pack"][0] == "allowed_failure"
    assert world.states["pack/a"] == "failed"
    assert world.record.exit_code == 0


def test_each_instance_is_a_chain_of_its_own() -> None:
    world = play(
        inside("pack", step("a"), step("b", "a"), fan_out=Foreach(["x", "y"]), max_parallel=1),
    )
    assert world.launches == [
        ("pack[0]/a", 0.0),
        ("pack[0]/b", 1.0),
        ("pack[1]/a", 2.0),
        ("pack[1]/b", 3.0),
    ]


def test_they_see_the_item_their_siblings_and_what_is_above_the_step() -> None:
    argv = Command((parse_text("${{ item }} ${{ steps.a.outputs.n }} ${{ steps.top.outputs.m }}"),))
    world = play(
        step("top", outputs={"m": OutputType.INT}),
        inside(
            "pack",
            step("a", outputs={"n": OutputType.STRING}),
            step("b", "a", if_="item == 'x' and steps.a.outputs.n == 'n'"),
            step("c", "b", body=argv),
            needs=("top",),
            fan_out=Foreach(["x", "y"]),
        ),
        behave={
            "top": Behaviour(outputs={"m": 2}),
            "pack[0]/a": Behaviour(outputs={"n": "n"}),
            "pack[1]/a": Behaviour(outputs={"n": "n"}),
        },
    )
    assert world.states["pack[0]/b"] == "succeeded"
    assert world.states["pack[1]/b"] == "skipped"


def test_a_fan_out_among_them_has_its_lists() -> None:
    world = play(
        inside(
            "pack",
            step("a", fan_out=Foreach([1, 2]), outputs={"n": OutputType.INT}),
            step("b", "a", if_="sum(steps.a.outputs.n) == 7"),
        ),
        behave={
            "pack/a[0]": Behaviour(outputs={"n": 3}),
            "pack/a[1]": Behaviour(outputs={"n": 4}),
        },
    )
    assert world.states["pack/b"] == "succeeded"


def test_the_time_of_the_step_is_that_of_all_in_it() -> None:
    world = play(
        inside("pack", step("a"), step("b", "a"), timeout=5.0),
        step("c"),
        behave={"pack/a": Behaviour(lasts=60), "c": Behaviour(lasts=20)},
    )
    assert ends(world) == {
        "pack/a": ("cancelled", "stopped by the timeout of `pack`"),
        "pack/b": ("cancelled", "`pack` timed out after 5.0s"),
        "pack": ("failed", "timed out after 5.0s"),
        "c": ("succeeded", "it needs nothing"),
    }


def test_fail_fast_looks_at_the_steps_inside_as_well() -> None:
    world = play(
        inside("pack", step("a"), step("b"), step("c", "b")),
        step("last"),
        cpu=2,
        behave={"pack/a": FAILS, "pack/b": Behaviour(lasts=3)},
        fail_fast=True,
    )
    assert ends(world)["pack/c"] == ("cancelled", "fail_fast: `pack/a` failed")
    assert world.states["pack"] == "failed"


def test_a_stop_ends_them_in_order() -> None:
    world = play(
        inside("pack", step("a"), step("b", "a"), step("tidy", "a", if_="always()")),
        behave={"pack/a": Behaviour(lasts=60)},
        stops={2.0: StopAsked("SIGINT", 130)},
    )
    assert world.states == {
        "pack": "cancelled",
        "pack/a": "cancelled",
        "pack/b": "cancelled",
        "pack/tidy": "succeeded",
    }


def test_a_condition_keeps_all_of_them_from_running() -> None:
    world = play(inside("pack", step("a"), if_="false"))
    assert world.states == {"pack": "skipped"}


def test_faults_among_them_are_told_where_they_stand() -> None:
    flow = workflow(
        inside("pack", step("a", "b"), step("b", "a"), step("c", "nope")),
        inside("other", step("x", resources={"memory": 9})),
        budget={"memory": 5},
    )
    assert [(path, code) for path, code, _ in messages(check(flow))] == [
        (("steps", "pack", "steps", "c", "needs", 0), "unknown-step"),
        (("steps", "pack", "steps", "a", "needs"), "cycle"),
        (("steps", "other", "steps", "x", "resources", "memory"), "over-budget"),
    ]


def test_what_they_refer_to_must_be_above_them_or_the_step() -> None:
    late = Command((parse_text("${{ steps.late.state }} ${{ steps.b.state }}"),))
    flow = workflow(inside("pack", step("a", body=late), step("b")), step("late"))
    assert [path for path, _, _ in messages(check(flow))] == [
        ("steps", "pack", "steps", "a", "command", 0),
        ("steps", "pack", "steps", "a", "command", 0),
    ]


def test_what_a_step_with_others_in_it_has_for_its_end_stands_in_line_for_a_core() -> None:
    world = play(
        inside("pack", step("a"), handlers="on_failure finally"),
        step("b"),
        cpu=1,
        behave={"pack/a": FAILS, "b": Behaviour(lasts=5)},
    )
    assert world.launches == [
        ("pack/a", 0.0),
        ("pack:on_failure", 1.0),
        ("pack:finally", 2.0),
        ("b", 3.0),
    ]
    assert world.states["pack"] == "failed"


def test_a_fallback_can_save_a_step_with_others_in_it() -> None:
    world = play(
        inside("pack", step("a"), step("b"), handlers="fallback on_success"),
        step("c", "pack"),
        behave={"pack/b": FAILS},
    )
    assert ends(world)["pack"] == ("recovered", "by its fallback, after: exit code 1")
    assert world.states["pack:on_success"] == "succeeded"
    assert world.states["c"] == "succeeded"


def test_each_instance_has_its_own_handlers() -> None:
    world = play(
        step("a", fan_out=Foreach([1, 2]), handlers="on_failure"),
        behave={"a[1]": FAILS},
    )
    assert [id for id, _ in world.launches] == ["a[0]", "a[1]", "a[1]:on_failure"]


def test_a_used_workflow_has_its_own_end_before_that_of_the_step() -> None:
    used = workflow(step("x"), handlers=handlers("on_failure finally"))
    world = play(
        step("u", body=Uses(used), handlers="on_failure"),
        behave={"u/x": FAILS},
    )
    assert [id for id, _ in world.launches] == [
        "u/x",
        "u/:on_failure",
        "u/:finally",
        "u:on_failure",
    ]
    assert world.record.step_by_id["u/:finally"].owner == "u"
    assert world.states["u"] == "failed"


def test_a_stop_lets_only_what_cleans_up_run_at_the_end_of_a_step_with_others_in_it() -> None:
    world = play(
        inside("pack", step("a"), handlers="on_failure on_cancel finally"),
        behave={"pack/a": Behaviour(lasts=60)},
        stops={2.0: StopAsked("SIGINT", 130)},
    )
    assert [id for id, _ in world.launches] == ["pack/a", "pack:on_cancel", "pack:finally"]
    assert world.states["pack"] == "cancelled"


def test_what_cleans_up_already_outlives_the_time_of_the_step_around_it() -> None:
    world = play(
        inside("pack", step("a", handlers="finally"), timeout=2.0),
        behave={"pack/a:finally": Behaviour(lasts=5)},
    )
    assert world.states["pack/a:finally"] == "succeeded"
    assert world.states["pack"] == "failed"


def test_a_used_workflow_of_which_nothing_started_has_no_end_of_its_own() -> None:
    used = workflow(step("x", resources={"cpu": 2000}), handlers=handlers("on_cancel finally"))
    world = play(
        step("first", resources={"cpu": 2000}),
        step("u", body=Uses(used), handlers="on_cancel"),
        cpu=2,
        behave={"first": Behaviour(lasts=50)},
        stops={1.0: StopAsked("SIGTERM", 143)},
    )
    assert [id for id, _ in world.launches] == ["first"]
    assert world.states["u"] == "cancelled"


def test_a_used_workflow_that_runs_out_of_time_says_so_to_its_handlers() -> None:
    used = workflow(step("x"), handlers=handlers("on_failure"), timeout_s=2.0)
    world = play(step("u", body=Uses(used)), behave={"u/x": Behaviour(lasts=50)})
    assert world.states["u/:on_failure"] == "succeeded"
    assert ends(world)["u"] == ("failed", "timed out after 2.0s")


def test_a_plan_foretells_steps_that_keep_files() -> None:
    keeping = step("a", artifacts=Artifacts(("x",)), fan_out=Foreach([1, 2]))
    plan, _ = make_plan(keeping, cpu=1)
    assert predict(plan).predicted_s == 2.0


def test_its_timeout_lets_what_cleans_up_start_for_a_while() -> None:
    world = play(
        inside(
            "pack",
            step("a"),
            step("b", "a"),
            step("tidy", "a", if_="always()", duration_s=5.0),
            step("late", "b", if_="cancelled()"),
            timeout=5.0,
        ),
        behave={"pack/a": Behaviour(lasts=9.0), "pack/late": Behaviour(lasts=99.0)},
    )
    assert world.launches == [("pack/a", 0.0), ("pack/tidy", 5.0), ("pack/late", 5.0)]
    assert ends(world) == {
        "pack/a": ("cancelled", "stopped by the timeout of `pack`"),
        "pack/b": ("cancelled", "`pack` timed out after 5.0s"),
        "pack/tidy": ("succeeded", "if: always()"),
        "pack/late": ("failed", "timed out after 1m00s"),
        "pack": ("failed", "timed out after 5.0s"),
    }
    assert world.now == 65.0


def test_what_fails_only_together_is_the_root_of_its_failure() -> None:
    world = play(
        inside("slow", step("a"), timeout=5.0),
        inside("bad", step("a")),
        behave={"slow/a": Behaviour(lasts=9.0), "bad/a": FAILS},
    )
    steps = world.record.step_by_id
    roots = {id for id, found in steps.items() if found.is_root_of_failure}
    assert roots == {"slow", "bad/a"}
