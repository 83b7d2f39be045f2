"""Runs whose orchestrator dies at one moment, which random ones have found to matter."""

from __future__ import annotations

import random
from typing import Any, Dict, Mapping, Optional, Sequence

from orchestra.engine.stimuli import StopAsked
from orchestra.model.events import StepEnded
from orchestra.model.run import AttemptKey
from orchestra.model.workflow import Artifacts, ArtifactsWhen, Foreach, InnerSteps, Step
from tests.engine.crashes import CrashingWorld
from tests.engine.plans import make_plan, step
from tests.engine.world import Behaviour

FAILS = Behaviour(exit_code=1)


class Patient(random.Random):
    """Nothing is late and nothing is lost: what runs goes on until the run does, and is found."""

    def random(self) -> float:
        return 0.99

    def choice(self, values: Sequence[Any]) -> Any:
        return values[0]


class Forgetful(Patient):
    """Nobody can tell how what ran at a death ended."""

    def random(self) -> float:
        return 0.25


def run(
    *steps: Step,
    turn: int,
    then: int = 0,
    goes: Mapping[str, Behaviour] = {},
    stops: Mapping[float, StopAsked] = {},
    rng: Optional[random.Random] = None,
    **fields: Any,
) -> CrashingWorld:
    """Run them and die after that turn, and after another; each attempt of a step goes as told."""
    return CrashingWorld(
        lambda: make_plan(*steps, **fields),
        lambda key: goes.get(key.step, Behaviour()),
        rng or Patient(1),
        [(turn, False), (then, False)],
        stops,
    ).run()


def attempts(world: CrashingWorld) -> Dict[str, int]:
    return {id: len(each.attempts) for id, each in world.record.step_by_id.items()}


def test_an_instance_that_had_ended_counts_though_another_fails_then() -> None:
    many = step("m", fan_out=Foreach([1, 2, 3]), max_parallel=1, fail_fast=True)

    world = run(many, turn=4, goes={"m[1]": FAILS})

    assert world.states == {
        "m": "failed",
        "m[0]": "succeeded",
        "m[1]": "failed",
        "m[2]": "cancelled",
    }
    assert attempts(world)["m[0]"] == 1


def test_a_handler_that_comes_after_one_of_several_steps_stands_in_line() -> None:
    hungry = step("a", handlers="fallback* finally", resources={"cpu": 2000})
    goes = {"a": FAILS, "b": Behaviour(10.0)}

    world = run(hungry, step("b"), turn=4, goes=goes, cpu=2)

    assert world.resumed == 1
    assert (world.states["a"], world.states["a:finally"]) == ("recovered", "succeeded")


def test_devices_are_those_of_the_handler_that_runs() -> None:
    hungry = step("a", handlers="fallback* finally", resources={"gpu": 1})

    world = run(hungry, turn=4, goes={"a": FAILS}, devices=(0, 1))

    assert world.resumed == 1
    assert world.record.step_by_id["a:finally"].attempts[0].devices == (0,)


def test_a_step_whose_fallback_was_stopped_begins_anew() -> None:
    ends = step("a", handlers="fallback* on_failure finally")
    stops = {0.5: StopAsked("SIGINT", 130)}

    world = run(ends, turn=3, goes={"a": Behaviour(0.5, exit_code=1)}, stops=stops)

    assert world.resumed == 1
    assert attempts(world)["a"] == 2


def test_a_handler_that_was_stopped_is_not_begun_beside_the_one_after_it() -> None:
    ends = step("a", handlers="on_failure finally")
    stops = {0.5: StopAsked("SIGINT", 130)}

    world = run(ends, turn=5, goes={"a": Behaviour(0.5, exit_code=1)}, stops=stops)

    assert world.resumed == 1
    assert attempts(world) == {"a": 1, "a:on_failure": 1, "a:finally": 1}


def test_a_step_waits_with_its_fallback_of_several_steps_for_nothing_twice() -> None:
    ends = step("a", handlers="fallback* finally", resources={"gpu": 2})
    stops = {1.5: StopAsked("SIGTERM", 143)}

    world = run(ends, turn=4, goes={"a": FAILS}, stops=stops, devices=(0, 1))

    assert world.resumed == 1
    assert attempts(world)["a:fallback/do"] == 1


def test_what_a_fallback_came_to_counts_though_the_handler_after_it_was_cut_off() -> None:
    recovers = step("a", handlers="fallback finally")

    world = run(recovers, step("b", "a"), turn=6, goes={"a": FAILS})

    assert world.resumed == 1
    assert (world.states["a"], world.states["b"]) == ("recovered", "succeeded")
    assert attempts(world) == {"a": 1, "a:fallback": 1, "a:finally": 1, "b": 1}


def test_steps_in_one_that_has_come_to_its_handlers_are_done_with() -> None:
    inner = InnerSteps({"i": step("i")})
    recovers = step("a", body=inner, handlers="fallback finally")

    world = run(recovers, turn=6, goes={"a/i": FAILS})

    assert world.resumed == 1
    assert world.states["a"] == "recovered"
    assert attempts(world) == {"a": 0, "a/i": 1, "a:fallback": 1, "a:finally": 1}


def test_a_failed_step_is_not_called_off_by_its_own_failure_when_the_run_goes_on() -> None:
    fails = step("a", handlers="finally", artifacts=Artifacts(("x",), ArtifactsWhen.FAILURE))

    world = run(fails, turn=5, goes={"a": FAILS}, fail_fast=True)

    assert world.resumed == 1
    assert world.states == {"a": "failed", "a:finally": "succeeded"}
    assert world.reasons["a"] == "exit code 1"
    assert sum(isinstance(event, StepEnded) and event.step == "a" for event in world.events) == 1


def test_a_share_that_was_given_back_is_not_given_back_again_when_the_run_goes_on() -> None:
    fails = step("a", handlers="finally", artifacts=Artifacts(("x",), ArtifactsWhen.FAILURE))
    others = step("b", if_="always()"), step("c", if_="always()")

    world = run(fails, *others, turn=5, goes={"a": FAILS}, max_parallel=1, fail_fast=True)

    assert world.resumed == 1
    assert attempts(world) == {"a": 1, "b": 1, "c": 1, "a:finally": 1}
    assert world.launch_times[AttemptKey("c", 1)] >= world.launch_times[AttemptKey("b", 1)] + 1.0


def test_a_step_whose_time_was_over_has_failed_though_the_run_went_on_in_its_handler() -> None:
    slow = step("a", body=InnerSteps({"i": step("i")}), handlers="finally", timeout=0.5)

    world = run(slow, turn=4, goes={"a/i": Behaviour(3.0)})

    assert world.resumed == 1
    assert (world.states["a"], world.reasons["a"]) == ("failed", "timed out after 0.50s")
    assert attempts(world) == {"a": 0, "a/i": 1, "a:finally": 1}


def test_a_fallback_goes_on_of_a_step_whose_time_was_over() -> None:
    slow = step("a", body=InnerSteps({"i": step("i")}), handlers="fallback", timeout=0.5)

    world = run(slow, turn=4, goes={"a/i": Behaviour(3.0)})

    assert world.resumed == 1
    assert world.states == {"a": "recovered", "a/i": "cancelled", "a:fallback": "succeeded"}
    assert attempts(world) == {"a": 0, "a/i": 1, "a:fallback": 1}


def test_a_handler_goes_on_of_a_step_in_which_nothing_had_started() -> None:
    waits = step("a", body=InnerSteps({"i": step("i")}), handlers="finally", timeout=0.5)
    others = step("first", priority=1), step("last", priority=-1)

    world = run(*others, waits, turn=5, max_parallel=1)

    assert world.resumed == 1
    assert (world.states["a"], world.reasons["a"]) == ("failed", "timed out after 0.50s")
    assert attempts(world)["a:finally"] == 1


def test_that_the_time_of_a_step_was_over_is_forgotten_where_no_handler_had_begun() -> None:
    slow = step("a", body=InnerSteps({"i": step("i")}), handlers="finally", timeout=0.5)
    goes = {"a/i": Behaviour(0.7)}

    world = run(slow, turn=3, then=6, goes=goes)

    assert world.resumed == 2
    assert world.states == {"a": "succeeded", "a/i": "succeeded", "a:finally": "succeeded"}


def test_a_handler_goes_on_of_a_step_in_which_nobody_saw_anything_end() -> None:
    lasts = step("a", body=InnerSteps({"i": step("i")}), handlers="finally")
    fails = step("b", "z", require=(("false", "not so"),))
    goes = {"a/i": Behaviour(3.0), "z": Behaviour(0.5), "a:finally": Behaviour(10.0)}

    fields = {"rng": Forgetful(1), "fail_fast": True}
    world = run(lasts, step("z"), fails, turn=3, then=6, goes=goes, **fields)

    assert world.resumed == 2
    assert world.states["a"] == "cancelled"
    assert attempts(world)["a/i"] == 1
    assert world.states["a:finally"] == "succeeded"


def test_a_handler_that_nobody_saw_end_is_made_again_though_another_step_had_failed() -> None:
    lasts = step("a", handlers="finally")
    fails = step("b", "z", require=(("false", "not so"),))
    goes = {"z": Behaviour(2.0), "a:finally": Behaviour(10.0)}
    fields = {"rng": Forgetful(1), "fail_fast": True}

    world = run(lasts, step("z"), fails, turn=5, goes=goes, **fields)

    assert world.resumed == 1
    assert world.states["a:finally"] == "succeeded"
    assert attempts(world)["a:finally"] == 2


def test_what_goes_on_beside_a_death_ends_in_its_time() -> None:
    steps = [step(id) for id in "abcdefg"]
    goes = {
        id: Behaviour(lasts) for id, lasts in zip("abcdefg", (1.0, 3.0, 4.0, 2.0, 7.0, 5.0, 6.0))
    }

    world = run(*steps, turn=1, goes=goes, cpu=7)

    ended = [event.step for event in world.events if isinstance(event, StepEnded)]
    assert "".join(ended) == "adbcfge"
