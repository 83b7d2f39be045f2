"""Steps with a cache in a run: asked about before they stand in line, sealed before they end."""

from __future__ import annotations

from orchestra.engine.caching import Finding, KeptSuccess, Seal
from orchestra.engine.stimuli import StopAsked
from orchestra.model.events import (
    AttemptStarted,
    CacheMissed,
    Noted,
    ResultReused,
    StepEnded,
    SuccessKept,
)
from orchestra.model.expression import parse_text
from orchestra.model.run import AttemptKey
from orchestra.model.workflow import Cache, OutputType, Retry
from tests.engine.plans import make_plan, step
from tests.engine.world import Behaviour, World, play

CACHE = Cache(("in.csv",), ("out.csv",))
MISS = Finding("f1", {"file in.csv": "d1"}, reason="`in.csv` changed since run r0")
HIT = Finding("f1", {}, KeptSuccess("r0", {}, {}, {"n": 3}), "up to date since run r0")
INT = StopAsked("SIGINT", 130)


def news(world, step):
    """What happened to one step, but for its attempts."""
    kinds = (CacheMissed, ResultReused, SuccessKept, StepEnded, Noted)
    return [e for e in world.events if isinstance(e, kinds) and e.step == step]


def test_a_step_that_is_up_to_date_is_cached_with_the_outputs_of_its_success():
    below = step("b", "a", if_="steps.a.outputs.n == 3 and steps.a.state == 'cached'")
    a = step("a", cache=CACHE, outputs={"n": OutputType.INT})
    world = play(a, below, findings={"a": HIT})
    assert world.states == {"a": "cached", "b": "succeeded"}
    assert news(world, "a") == [
        ResultReused("a", "r0", False),
        StepEnded("a", "cached", "up to date since run r0", {"n": 3}),
    ]
    assert world.record.step_by_id["a"].reused_from == "r0"


def test_a_step_that_is_not_runs_and_its_success_is_kept():
    world = play(step("a", cache=CACHE), findings={"a": MISS}, seals={"a": Seal({"out.csv": "d2"})})
    assert news(world, "a") == [
        CacheMissed("a", "f1", "`in.csv` changed since run r0"),
        SuccessKept("a", "f1", {"file in.csv": "d1"}, {"out.csv": "d2"}),
        StepEnded("a", "succeeded", "`in.csv` changed since run r0", {}),
    ]


def test_a_success_that_must_not_be_kept_is_a_success_all_the_same():
    seal = Seal(None, notes=("this success is not kept: `in.csv` changed while it ran",))
    world = play(step("a", cache=CACHE), findings={"a": MISS}, seals={"a": seal})
    assert news(world, "a")[1:] == [
        Noted("a", "this success is not kept: `in.csv` changed while it ran"),
        StepEnded("a", "succeeded", "`in.csv` changed since run r0", {}),
    ]


def test_outputs_that_are_missing_fail_the_attempt_which_may_be_tried_again():
    seal = Seal(None, ("cache.outputs: there is no `out.csv`",))
    world = play(
        step("a", cache=CACHE, retry=Retry(max=1)), findings={"a": MISS}, seals={"a": seal}
    )
    assert (world.states, world.reasons) == (
        {"a": "failed"},
        {"a": "cache.outputs: there is no `out.csv`"},
    )
    assert len(world.record.step_by_id["a"].attempts) == 2


def test_a_failed_attempt_is_not_sealed():
    world = play(
        step("a", cache=CACHE), findings={"a": MISS}, behave=lambda key: Behaviour(exit_code=1)
    )
    assert [type(e) for e in news(world, "a")] == [CacheMissed, StepEnded]
    assert world.states == {"a": "failed"}


def test_the_cache_is_asked_after_if_and_require_and_not_of_steps_that_do_not_run():
    world = play(
        step("a", cache=CACHE, if_="false"),
        step("b", cache=CACHE, require=[("false", "no")]),
        step("c", "b", cache=CACHE),
        findings=dict.fromkeys("abc", HIT),
    )
    assert world.states == {"a": "skipped", "b": "failed", "c": "blocked"}


def test_the_cache_is_asked_before_the_step_stands_in_line():
    world = play(
        step("big", resources={"cpu": 4000}),
        step("a", cache=CACHE, resources={"cpu": 4000}),
        findings={"a": HIT},
    )
    assert [e.step for e in world.events if isinstance(e, StepEnded)] == ["a", "big"]


def test_a_cache_that_cannot_be_asked_fails_the_step():
    a = step("a", cache=CACHE, env={"X": parse_text("${{ params.x }}")})
    assert play(a, params={"x": None}).states == {"a": "failed"}
    world = play(step("a", cache=CACHE, allow_failure=True), findings={"a": Finding(fault="null")})
    assert (world.states, world.reasons) == ({"a": "allowed_failure"}, {"a": "allowed: null"})


def test_the_budget_is_held_until_the_outputs_have_been_looked_at():
    cpu = {"cpu": 4000}
    steps = (step("a", cache=CACHE, resources=cpu), step("b", "a"), step("c", resources=cpu))
    world = play(*steps, findings={"a": MISS}, seal_s=10.0)
    assert world.launches == [("c", 0.0), ("a", 1.0), ("b", 12.0)]


def test_a_timeout_does_not_count_while_the_outputs_are_looked_at():
    world = play(step("a", cache=CACHE, timeout=5.0), findings={"a": MISS}, seal_s=10.0)
    assert world.states == {"a": "succeeded"}


def test_a_stop_while_the_outputs_are_looked_at_lets_the_success_stand():
    world = play(
        step("a", cache=CACHE), step("b", "a"), findings={"a": MISS}, seal_s=10.0, stops={5.0: INT}
    )
    assert world.states == {"a": "succeeded", "b": "cancelled"}
    assert [type(e) for e in news(world, "a")] == [CacheMissed, SuccessKept, StepEnded]


def test_a_second_stop_ends_the_look_at_once_and_keeps_nothing():
    world = play(
        step("a", cache=CACHE), findings={"a": MISS}, seal_s=1e6, stops={5.0: INT, 6.0: INT}
    )
    assert world.states == {"a": "cancelled"}
    assert [type(e) for e in news(world, "a")] == [CacheMissed, StepEnded]
    assert world.now < 10


def test_a_stop_does_not_wait_for_answers():
    class Slow(World):
        def _late(self):
            return 1e6

    plan, scopes = make_plan(step("a", cache=CACHE), step("b", "a"))
    world = Slow(plan, scopes, stops={1.0: INT}).run()
    assert world.states == {"a": "cancelled", "b": "cancelled"}
    assert world.now == 1.0


def test_a_step_without_a_cache_is_never_asked_about():
    world = play(step("a"), step("b", "a"))
    assert [e.step for e in world.events if isinstance(e, AttemptStarted)] == ["a", "b"]
    assert world.launch_times == {AttemptKey("a", 1): 0.0, AttemptKey("b", 1): 1.0}
