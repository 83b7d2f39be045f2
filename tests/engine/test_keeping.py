"""Artifacts in a run: which ends keep them, what waits for them, how they are given up."""

from __future__ import annotations

import pytest

from orchestra.engine.stimuli import StopAsked
from orchestra.model.events import ArtifactsKept, Noted, StepEnded, StepsAdded
from orchestra.model.run import KeptFile
from orchestra.model.workflow import Artifacts, ArtifactsWhen, Retry
from tests.engine.plans import step
from tests.engine.test_driver import Drive
from tests.engine.test_machine import FAILS, play
from tests.engine.world import Behaviour

FILE = KeptFile("artifacts/x", 1, "00")
ALWAYS = Artifacts(("x",), ArtifactsWhen.ALWAYS)


def kept(world):
    return [(event.step, event.number) for event in world.events if type(event) is ArtifactsKept]


@pytest.mark.parametrize(
    ("when", "behaviour", "keys", "is_kept"),
    [
        ("success", Behaviour(), {}, True),
        ("success", FAILS, {}, False),
        ("success", Behaviour(exit_code=100), {"skip_codes": (100,)}, False),
        ("failure", Behaviour(), {}, False),
        ("failure", FAILS, {}, True),
        ("failure", FAILS, {"allow_failure": True}, True),
        ("failure", Behaviour(lasts=9), {"timeout": 1.0}, True),
        ("always", Behaviour(), {}, True),
        ("always", FAILS, {}, True),
        ("always", Behaviour(exit_code=100), {"skip_codes": (100,)}, True),
        ("always", Behaviour(unrenderable="no"), {}, True),
    ],
)
def test_the_end_says_whether_files_are_kept(when, behaviour, keys, is_kept):
    artifacts = Artifacts(("x",), ArtifactsWhen(when))
    world = play(step("a", artifacts=artifacts, **keys), behave={"a": behaviour})
    assert kept(world) == ([("a", 1)] if is_kept else [])


def test_files_are_kept_once_after_the_last_attempt_and_before_the_end_of_the_step():
    world = play(
        step("a", artifacts=ALWAYS, retry=Retry(2)), step("b", "a:done"), behave={"a": FAILS}
    )
    tail = [e for e in world.events if type(e) in (ArtifactsKept, Noted, StepEnded)][:3]
    assert tail == [
        ArtifactsKept("a", 3, (FILE,)),
        Noted("a", "a note"),
        StepEnded("a", "failed", "exit code 1", {}),
    ]
    assert world.record.step_by_id["a"].artifacts == (FILE,)
    assert world.states == {"a": "failed", "b": "succeeded"}


@pytest.mark.parametrize("keys", [{"if_": "false"}, {"require": [("false", "no")]}])
def test_a_step_without_an_attempt_keeps_nothing(keys):
    assert kept(play(step("a", artifacts=ALWAYS, **keys))) == []


def test_what_is_cancelled_keeps_its_files_where_always_is_said():
    stops = {0.5: StopAsked("SIGINT", 130)}
    world = play(step("a", artifacts=ALWAYS), behave={"a": Behaviour(lasts=60)}, stops=stops)
    assert (kept(world), world.states) == ([("a", 1)], {"a": "cancelled"})


def test_a_retry_that_is_given_up_keeps_the_files_of_the_attempt_before():
    stops = {1.5: StopAsked("SIGINT", 130), 1.5001: StopAsked("SIGINT", 130)}
    world = play(
        step("a", artifacts=ALWAYS, retry=Retry(1, 60.0)), behave={"a": FAILS}, stops=stops
    )
    assert (kept(world), world.states) == ([("a", 1)], {"a": "cancelled"})


def test_the_driver_copies_in_slices_and_goes_on_meanwhile():
    drive = Drive(step("a", artifacts=ALWAYS), step("b"), step("c", "a"))
    drive.renderer.slices = 1000
    assert drive.run() == 0
    assert drive.trace[-3:] == [
        "commit ArtifactsKept Noted StepEnded StepReady AttemptStarted",
        "submit c.1",
        "commit AttemptLaunched AttemptEnded StepEnded RunFinished",
    ]
    assert drive.replay.record.step_by_id["a"].artifacts == (FILE,)


def test_files_that_cannot_be_named_are_noted_and_the_step_ends():
    fault = {"artifacts of a": ValueError("`/x` is not below")}
    drive = Drive(step("a", artifacts=ALWAYS), faults=fault)
    assert drive.run() == 0
    assert drive.replay.record.notes == ["a: the artifacts could not be kept: `/x` is not below"]


def test_the_second_signal_gives_copies_up():
    drive = Drive(step("a", artifacts=ALWAYS))
    drive.renderer.slices = 10**9
    drive.renderer.on_slice = lambda: drive.executor.faults_to_tell.append("trouble")
    assert drive.run() == 3
    assert drive.replay.record.notes == ["a: given up"]
    assert drive.states == {"a": "succeeded"}


def test_files_are_kept_before_a_fallback_or_a_handler_can_touch_them():
    world = play(step("a", artifacts=ALWAYS, handlers="fallback finally"), behave={"a": FAILS})
    order = [type(e).__name__ for e in world.events if type(e) in (ArtifactsKept, StepsAdded)]
    assert order == ["ArtifactsKept", "StepsAdded", "StepsAdded"]
    assert world.states["a"] == "recovered"
