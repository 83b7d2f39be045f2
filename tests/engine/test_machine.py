"""The machine in a gentle world: what each key of a step means for states, reasons and order."""

from __future__ import annotations

import pytest

from orchestra.engine.conditions import Decision
from orchestra.engine.stimuli import Decided, StopAsked
from orchestra.model.events import (
    AttemptStarted,
    Noted,
    PlannedEntry,
    RunFinished,
    RunStarted,
    StepEnded,
    StepReady,
    StopRequested,
)
from orchestra.model.expression import parse_text
from orchestra.model.workflow import OutputType, Retry, RetryWhen, Stop
from tests.engine.plans import make_plan, step
from tests.engine.world import Behaviour, World, play

INT = StopAsked("SIGINT", 130)


FAILS = Behaviour(exit_code=1)


def test_steps_run_when_their_needs_have_ended():
    world = play(step("a"), step("b", "a"), step("c", "a", "b"))
    assert world.launches == [("a", 0.0), ("b", 1.0), ("c", 2.0)]
    assert world.events[-1] == RunFinished("succeeded", 0, "")


def test_the_first_event_tells_the_whole_plan():
    world = play(step("a"), step("b", "a", resources={"memory": 5}), labels={"team": "x"})
    started = world.events[0]
    assert isinstance(started, RunStarted)
    assert started.steps == (
        PlannedEntry("a", "a", (), {"cpu": 1000}),
        PlannedEntry("b", "b", ("a",), {"cpu": 1000, "memory": 5}),
    )
    assert started.labels == {"team": "x"}


def test_a_failure_blocks_all_below_and_nothing_else():
    world = play(step("a"), step("b", "a"), step("c", "b"), step("d"), behave={"a": FAILS})
    assert world.states == {"a": "failed", "b": "blocked", "c": "blocked", "d": "succeeded"}
    assert world.reasons["b"] == "`a` failed"
    assert world.reasons["c"] == "`b` blocked"
    assert world.events[-1] == RunFinished("failed", 1, "")


def test_the_budget_holds_steps_back():
    world = play(step("a"), step("b"), step("c"), cpu=2)
    assert world.launches == [("a", 0.0), ("b", 0.0), ("c", 1.0)]
    assert [e.queued_s for e in world.events if type(e) is AttemptStarted] == [0.0, 0.0, 1.0]


def test_at_most_max_parallel_steps_run_at_once():
    world = play(step("a"), step("b"), step("c"), max_parallel=1)
    assert [at for _, at in world.launches] == [0.0, 1.0, 2.0]


def test_the_longest_remaining_path_goes_first():
    world = play(
        step("short"),
        step("long", duration_s=5.0),
        step("below", "middle", duration_s=9.0),
        step("middle"),
        cpu=1,
    )
    assert [id for id, _ in world.launches] == ["middle", "below", "long", "short"]


def test_a_higher_priority_goes_before_a_longer_path():
    world = play(step("long", duration_s=9.0), step("urgent", priority=1), cpu=1)
    assert [id for id, _ in world.launches] == ["urgent", "long"]


def test_a_step_that_does_not_fit_lets_smaller_ones_pass():
    world = play(
        step("first", duration_s=9.0, resources={"cpu": 1000}),
        step("wide", duration_s=8.0, resources={"cpu": 2000}),
        step("small", resources={"cpu": 1000}),
        cpu=2,
        behave={"first": Behaviour(lasts=9.0)},
    )
    assert world.launches == [("first", 0.0), ("small", 0.0), ("wide", 9.0)]


def test_a_mutex_lets_one_step_at_a_time_through():
    world = play(step("a", mutex=("db",)), step("b", mutex=("db",)), step("c"))
    assert world.launches == [("a", 0.0), ("c", 0.0), ("b", 1.0)]


def test_gpus_are_handed_out_one_by_one():
    gpu = {"gpu": 1}
    world = play(
        step("a", resources=gpu), step("b", resources=gpu), step("c", resources=gpu), devices=(3, 5)
    )
    held = {e.step: e.devices for e in world.events if type(e) is AttemptStarted}
    assert held == {"a": (3,), "b": (5,), "c": (3,)}


def test_a_step_with_no_cpu_runs_beside_a_full_budget():
    world = play(step("a"), step("b", resources={"cpu": 0}), cpu=1)
    assert world.launches == [("a", 0.0), ("b", 0.0)]


def test_a_gate_succeeds_without_an_attempt():
    world = play(
        step("a"),
        step("gate", "a", body=None, mutex=("m",), resources={"gpu": 9}),
        step("b", "gate"),
    )
    assert world.states["gate"] == "succeeded"
    assert world.launches == [("a", 0.0), ("b", 1.0)]


# Retries and timeouts


def test_retry_waits_its_delay_then_launches_again():
    world = play(
        step("a", retry=Retry(max=2, delay_s=60.0, backoff=2.0)),
        behave={"a.1": FAILS, "a.2": FAILS},
    )
    assert list(world.launch_times.items()) == [
        (("a", 1), 0.0),
        (("a", 2), 61.0),
        (("a", 3), 182.0),
    ]
    assert world.reasons["a"] == "it needs nothing; attempt 3 succeeded"


def test_retries_end_with_the_last_attempts_reason():
    world = play(
        step("a", retry=Retry(max=1)), behave={"a.1": FAILS, "a.2": Behaviour(exit_code=7)}
    )
    assert world.states == {"a": "failed"}
    assert world.reasons == {"a": "exit code 7"}


def test_max_delay_bounds_the_backoff():
    retry = Retry(max=3, delay_s=10.0, backoff=10.0, max_delay_s=20.0)
    world = play(step("a", retry=retry), behave={"a": FAILS})
    assert list(world.launch_times.values()) == [0.0, 11.0, 32.0, 53.0]


def test_a_huge_backoff_stays_within_bounds():
    retry = Retry(max=3, delay_s=1e8, backoff=1e300)
    world = play(step("a", retry=retry), behave={"a": FAILS})
    longest = 10 * 365 * 86400.0
    expected = [0.0, 1e8 + 1, 1e8 + 2 + longest, 1e8 + 3 + 2 * longest]
    assert list(world.launch_times.values()) == expected


def test_no_attempt_starts_after_max_time():
    retry = Retry(max=9, delay_s=4.0, max_time_s=10.0)
    world = play(step("a", retry=retry), behave={"a": FAILS})
    assert list(world.launch_times.values()) == [0.0, 5.0, 10.0]
    assert world.reasons == {"a": "exit code 1, no time left for another attempt"}


@pytest.mark.parametrize(
    ("when", "behaviour", "attempts"),
    [
        (RetryWhen(exit_codes=(75,)), Behaviour(exit_code=75), 2),
        (RetryWhen(exit_codes=(75,)), FAILS, 1),
        (RetryWhen(signals=("SIGSEGV",)), Behaviour(signal="SIGSEGV"), 2),
        (RetryWhen(signals=("SIGSEGV",)), Behaviour(signal="SIGKILL"), 1),
        (RetryWhen(timeout=True), Behaviour(lasts=99.0), 2),
        (RetryWhen(exit_codes=(75,)), Behaviour(lasts=99.0), 1),
        (RetryWhen(timeout=True), FAILS, 1),
        (RetryWhen(exit_codes=(127,)), Behaviour(refusal="no such program"), 1),
        (RetryWhen(output="x"), Behaviour(exit_code=1, matched=True), 2),
        (RetryWhen(output="x"), Behaviour(signal="SIGKILL", matched=True), 2),
        (RetryWhen(output="x"), Behaviour(lasts=99.0, matched=True), 2),
        (RetryWhen(output="x"), FAILS, 1),
        (RetryWhen(output="x", exit_codes=(1,)), FAILS, 2),
        (RetryWhen(oom=True), FAILS, 1),
        (None, Behaviour(refusal="no such program"), 2),
        (None, Behaviour(unrenderable="x is null"), 1),
    ],
)
def test_only_the_named_causes_are_retried(when, behaviour, attempts):
    world = play(step("a", retry=Retry(max=1, when=when), timeout=10.0), behave={"a": behaviour})
    assert len(world.launch_times) == attempts
    assert world.states == {"a": "failed"}


def test_a_success_is_not_retried_whatever_it_said():
    retry = Retry(max=1, when=RetryWhen(output="x"))
    world = play(step("a", retry=retry), behave={"a": Behaviour(matched=True)})
    assert (world.states, len(world.launch_times)) == ({"a": "succeeded"}, 1)


def test_a_retried_attempt_waits_for_the_budget_again():
    world = play(
        step("a", retry=Retry(max=1, delay_s=0.5)),
        step("b"),
        cpu=1,
        behave={"a.1": FAILS, "b": Behaviour(lasts=5.0)},
    )
    assert list(world.launch_times.items()) == [(("a", 1), 0.0), (("b", 1), 1.0), (("a", 2), 6.0)]


def test_a_timeout_ends_the_attempt_whatever_its_exit_code():
    world = play(step("a", timeout=600.0), behave={"a": Behaviour(lasts=1e6)})
    assert world.states == {"a": "failed"}
    assert world.reasons == {"a": "timed out after 10m00s"}
    assert world.now == 600.0


def test_a_stubborn_step_is_killed_after_its_grace():
    world = play(
        step("a", timeout=10.0, stop=Stop("SIGINT", 5.0)),
        behave={"a": Behaviour(lasts=1e6, stubborn=True)},
    )
    assert world.now == 15.0
    assert world.reasons == {"a": "timed out after 10.0s"}


def test_a_retry_chain_with_long_waits_runs_in_virtual_time():
    world = play(
        step("a", retry=Retry(max=2, delay_s=60.0), timeout=3600.0),
        behave={"a": Behaviour(lasts=1e9)},
    )
    assert world.now == 3 * 3600.0 + 120.0


# How an attempt ends


@pytest.mark.parametrize(
    ("fields", "behaviour", "state", "reason"),
    [
        ({}, Behaviour(exit_code=3), "failed", "exit code 3"),
        ({"success_codes": (0, 3)}, Behaviour(exit_code=3), "succeeded", "it needs nothing"),
        ({"success_codes": (3,)}, Behaviour(exit_code=0), "failed", "exit code 0"),
        ({"skip_codes": (100,)}, Behaviour(exit_code=100), "skipped", "exit code 100"),
        (
            {"allow_failure": True},
            Behaviour(exit_code=3),
            "allowed_failure",
            "allowed: exit code 3",
        ),
        (
            {"allow_failure": (3,)},
            Behaviour(exit_code=3),
            "allowed_failure",
            "allowed: exit code 3",
        ),
        ({"allow_failure": (3,)}, Behaviour(exit_code=4), "failed", "exit code 4"),
        ({"allow_failure": (3,)}, Behaviour(signal="SIGSEGV"), "failed", "killed by SIGSEGV"),
        (
            {"allow_failure": True},
            Behaviour(signal="SIGSEGV"),
            "allowed_failure",
            "allowed: killed by SIGSEGV",
        ),
        (
            {},
            Behaviour(signal="SIGKILL"),
            "failed",
            "killed by SIGKILL that orchestra did not send (perhaps out of memory)",
        ),
        ({}, Behaviour(refusal="no x"), "failed", "could not be started: no x"),
        ({}, Behaviour(unrenderable="null"), "failed", "could not be started: null"),
        (
            {"outputs": {"n": OutputType.INT}},
            Behaviour(problems=("output `n` was not written",)),
            "failed",
            "output `n` was not written",
        ),
        ({}, Behaviour(exit_code=2, problems=("output `n`",)), "failed", "exit code 2"),
    ],
)
def test_how_an_attempt_ends_decides_the_state(fields, behaviour, state, reason):
    world = play(step("a", **fields), behave={"a": behaviour})
    assert (world.states["a"], world.reasons["a"]) == (state, reason)


def test_outputs_reach_the_steps_below():
    world = play(
        step("a"),
        step("b", "a", if_="steps.a.outputs.n > 2"),
        step("c", "a", if_="steps.a.outputs.n > 3"),
        behave={"a": Behaviour(outputs={"n": 3})},
    )
    assert world.states == {"a": "succeeded", "b": "succeeded", "c": "skipped"}
    assert world.reasons["c"] == "if: steps.a.outputs.n > 3 (steps.a.outputs.n is 3)"


@pytest.mark.parametrize(
    ("fields", "state", "reason"),
    [
        (
            {"if_": "steps.a.state != 'skipped'"},
            "skipped",
            "if: steps.a.state != 'skipped' (steps.a.state is 'skipped')",
        ),
        ({"require": [("steps.a.state != 'skipped'", "a is needed")]}, "failed", "a is needed"),
        (
            {"if_": "env.V == ''"},
            "failed",
            "if: env.V: null has no text (use default(x, ''))",
        ),
        ({}, "failed", "env.V: null has no text (use default(x, ''))"),
    ],
)
def test_an_environment_that_cannot_be_made_matters_only_to_who_uses_it(fields, state, reason):
    env = {"V": parse_text("${{ steps.a.outputs.v }}")}
    outputs = {"v": OutputType.STRING}
    world = play(step("a", if_="false", outputs=outputs), step("b", "a:skipped", env=env, **fields))
    assert (world.states["b"], world.reasons["b"]) == (state, reason)


def test_what_is_known_of_a_step_above_can_be_asked():
    world = play(
        step("a", allow_failure=True),
        step(
            "b",
            "a",
            if_="steps.a.result == 'success' and steps.a.state == 'allowed_failure'"
            " and steps.a.exit_code == 9 and steps.a.duration == 1",
        ),
        behave={"a": Behaviour(exit_code=9)},
    )
    assert world.states["b"] == "succeeded"


def test_demands_may_come_from_outputs():
    world = play(
        step("a"),
        step("b", "a", resources={"memory": parse_text("${{ steps.a.outputs.need }}")}),
        step("c", "a", resources={"memory": parse_text("${{ steps.a.outputs.bad }}")}),
        step("d", "a", resources={"memory": parse_text("${{ steps.a.outputs.huge }}")}),
        behave={"a": Behaviour(outputs={"need": "2GiB", "bad": 2, "huge": "99GiB"})},
    )
    ready = {e.step: e.resources for e in world.events if type(e) is StepReady}
    assert ready["b"] == {"cpu": 1000, "memory": 2 * 2**30}
    assert world.reasons["c"] == "resources.memory: '2' is no amount of it"
    assert world.reasons["d"] == "`d` asks for 99 GiB of memory, this run has 8 GiB"


NULL = "null has no text (use default(x, ''))"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"env": {"X": parse_text("<${{ params.x }}>")}}, "env.X: " + NULL),
        ({"env": {"X": parse_text("${{ params.x }}")}, "if_": "env.X == ''"}, "if: env.X: "),
        ({"timeout": parse_text("${{ params.x }}")}, "timeout: " + NULL),
        ({"timeout": parse_text("${{ params.n }}")}, "timeout: '5' is no duration"),
        ({"resources": {"memory": parse_text("${{ steps.a.x }}")}}, "resources.memory: " + NULL),
        ({"if_": "params.n / 0 == 1"}, "if: division by zero"),
        ({"require": [("params.n", "never")]}, "require: "),
    ],
)
def test_a_value_that_cannot_be_had_fails_the_step_and_says_which(fields, reason):
    world = play(step("a"), step("b", "a", **fields), params={"x": None, "n": 5})
    assert world.states["b"] == "failed"
    assert world.reasons["b"].startswith(reason)
    assert world.launches == [("a", 0.0)]


def test_a_timeout_may_come_from_a_value():
    world = play(
        step("a", timeout=parse_text("${{ params.n }}s")),
        behave={"a": Behaviour(lasts=99.0)},
        params={"n": 5},
    )
    assert (world.reasons["a"], world.now) == ("timed out after 5.0s", 5.0)


def test_a_demand_over_the_machine_that_comes_from_outputs_is_lowered_with_a_note():
    world = play(
        step("a"),
        step("b", "a", resources={"cpu": parse_text("${{ steps.a.outputs.n }}")}),
        behave={"a": Behaviour(outputs={"n": 64})},
    )
    ready = {e.step: e.resources for e in world.events if type(e) is StepReady}
    assert ready["b"] == {"cpu": 4000}
    notes = [e for e in world.events if type(e) is Noted]
    assert notes == [Noted("b", "`b` asks for 64 cpu, this run has 4: lowered to it")]


def test_a_name_that_can_be_told_before_the_run_is_and_others_stand_as_written():
    world = play(
        step("a", name=parse_text("load ${{ params.n }}")),
        step("b", name=parse_text("load ${{ run.id }}")),
        params={"n": 5},
    )
    assert [entry.name for entry in world.events[0].steps] == ["load 5", "load ${{ run.id }}"]


def test_the_steps_that_a_step_can_walk_are_those_above_nearest_first():
    world = play(
        step("top"),
        step("left", "top"),
        step("right", "top"),
        step("beside"),
        step("end", "left", "right", if_="len(steps) == 3"),
    )
    assert world.states["end"] == "succeeded"
    assert world.machine.root.above("end") == ["left", "right", "top"]


# Conditions and requirements


def test_a_condition_that_is_no_bool_fails_the_step():
    world = play(step("a", if_="1 + 1"))
    assert world.states == {"a": "failed"}
    assert world.reasons["a"].startswith("if: ")


def test_a_requirement_that_does_not_hold_fails_the_step_with_its_message():
    world = play(
        step("a", require=[("params.n > 1", "n is too small"), ("true", "never")]),
        step("b", require=[("params.n > 1", "small")], allow_failure=True),
        params={"n": 1},
    )
    assert world.reasons == {"a": "n is too small", "b": "allowed: small"}
    assert world.states == {"a": "failed", "b": "allowed_failure"}
    assert world.launches == []


def test_a_condition_that_reads_files_is_decided_outside():
    world = play(
        step("a", if_="len(glob('*.csv')) > 0"), step("b", "a"), files={"glob": lambda pattern: []}
    )
    assert world.states == {"a": "skipped", "b": "skipped"}


# fail_fast


def test_fail_fast_lets_running_steps_finish_and_cancels_the_rest():
    world = play(
        step("bad"),
        step("slow"),
        step("later", "slow"),
        step("waits"),
        step("report", "later", if_="always()"),
        step("alarm", "slow", if_="failure()"),
        step("alarm2", "bad", if_="failure()"),
        cpu=2,
        fail_fast=True,
        behave={"bad": FAILS, "slow": Behaviour(lasts=5.0)},
    )
    assert world.states == {
        "bad": "failed",
        "slow": "succeeded",
        "later": "cancelled",
        "waits": "cancelled",
        "report": "succeeded",
        "alarm": "skipped",
        "alarm2": "succeeded",
    }
    assert world.reasons["later"] == "fail_fast: `bad` failed"
    assert world.events[-1] == RunFinished("failed", 1, "")


def test_fail_fast_gives_up_a_waiting_retry():
    world = play(
        step("flaky", retry=Retry(max=3, delay_s=100.0)),
        step("bad"),
        fail_fast=True,
        behave={"flaky": FAILS, "bad": Behaviour(lasts=2.0, exit_code=1)},
    )
    assert world.states == {"flaky": "failed", "bad": "failed"}
    assert world.reasons["flaky"] == "exit code 1, retry given up (fail_fast: `bad` failed)"
    assert world.now == 2.0


def test_fail_fast_lets_no_running_step_try_again():
    world = play(
        step("flaky", retry=Retry(max=3)),
        step("bad"),
        fail_fast=True,
        behave={"flaky": Behaviour(lasts=5.0, exit_code=1), "bad": FAILS},
    )
    assert world.launches == [("flaky", 0.0), ("bad", 0.0)]
    assert world.reasons["flaky"] == "exit code 1"


def test_fail_fast_leaves_retries_to_steps_that_follow_a_failure():
    world = play(
        step("bad"),
        step("alarm", "bad", if_="failure()", retry=Retry(max=1)),
        fail_fast=True,
        behave={"bad": FAILS, "alarm.1": FAILS},
    )
    assert world.states == {"bad": "failed", "alarm": "succeeded"}


def test_an_allowed_failure_never_strikes():
    world = play(
        step("soft", allow_failure=True), step("b", "soft"), fail_fast=True, behave={"soft": FAILS}
    )
    assert world.states == {"soft": "allowed_failure", "b": "succeeded"}


# The end of a run


def test_a_signal_cancels_and_only_clean_up_starts():
    world = play(
        step("a"),
        step("b", "a"),
        step("clean", "b", if_="always()"),
        step("told", "b", if_="cancelled()"),
        step("alarm", "b", if_="failure()"),
        stops={0.5: INT},
    )
    assert world.states == {
        "a": "cancelled",
        "b": "cancelled",
        "clean": "succeeded",
        "told": "succeeded",
        "alarm": "cancelled",
    }
    assert world.reasons["a"] == "stopped by SIGINT"
    assert world.events[-1] == RunFinished("cancelled", 130, "stopped by SIGINT")


def test_clean_up_never_starts_beside_something_above_it():
    world = play(
        step("a", stop=Stop("SIGTERM", 10.0)),
        step("b", "a"),
        step("clean", "b", if_="always()"),
        behave={"a": Behaviour(lasts=99.0, stubborn=True)},
        stops={0.5: INT},
    )
    assert dict(world.launches)["clean"] == 10.5


def test_clean_up_is_ended_after_a_minute():
    world = play(
        step("a"),
        step("clean", "a", if_="always()"),
        behave={"clean": Behaviour(lasts=1e6)},
        stops={0.5: INT},
    )
    assert world.states["clean"] == "failed"
    assert world.now == 60.5


def test_a_second_signal_kills_at_once_and_starts_nothing():
    world = play(
        step("a"),
        step("clean", "a", if_="always()"),
        behave={"a": Behaviour(lasts=99.0, stubborn=True)},
        stops={0.5: INT, 1.0: INT},
    )
    assert world.states == {"a": "cancelled", "clean": "cancelled"}
    assert world.now == 1.0


def test_a_signal_cancels_a_waiting_retry():
    world = play(
        step("a", retry=Retry(max=3, delay_s=100.0)), behave={"a": FAILS}, stops={5.0: INT}
    )
    assert world.states == {"a": "cancelled"}
    assert world.reasons == {"a": "stopped by SIGINT, after exit code 1"}
    assert world.now == 5.0


def test_a_run_stopped_by_a_signal_is_cancelled_even_after_a_failure():
    world = play(
        step("bad"), step("slow"), behave={"bad": FAILS, "slow": Behaviour(9.0)}, stops={2.0: INT}
    )
    assert world.events[-1] == RunFinished("cancelled", 130, "stopped by SIGINT")


def test_a_signal_does_not_lengthen_the_grace_of_a_step_that_timed_out():
    world = play(
        step("a", timeout=10.0),
        behave={"a": Behaviour(lasts=99.0, stubborn=True)},
        stops={15.0: INT},
    )
    assert world.now == 20.0
    assert world.reasons == {"a": "timed out after 10.0s"}


def test_a_run_that_is_stopped_tries_nothing_again_but_clean_up():
    world = play(
        step("a", timeout=10.0, retry=Retry(max=3)),
        step("clean", "a", if_="always()", retry=Retry(max=1)),
        behave={"a": Behaviour(lasts=99.0, stubborn=True), "clean.1": FAILS},
        stops={15.0: INT},
    )
    assert [id for id, _ in world.launches] == ["a", "clean", "clean"]
    assert world.states == {"a": "failed", "clean": "succeeded"}


def test_the_runs_timeout_gives_up_a_waiting_retry():
    world = play(step("a", retry=Retry(max=1, delay_s=60.0)), timeout_s=10.0, behave={"a": FAILS})
    assert world.reasons == {"a": "run timeout, after exit code 1"}
    assert world.states == {"a": "failed"}
    assert world.now == 10.0


def test_a_question_about_files_that_is_answered_after_a_stop_starts_nothing():
    plan, scopes = make_plan(step("a", if_="len(glob('*.csv')) == 0"))
    world = World(plan, scopes)
    world.machine.begin(0.0)
    answer = Decided("a", Decision(None, "if: no files"))
    reaction = world.machine.handle([INT, answer], 1.0)
    assert reaction.events == [
        StopRequested("SIGINT", False),
        StepEnded("a", "cancelled", "stopped by SIGINT", {}),
        RunFinished("cancelled", 130, "stopped by SIGINT"),
    ]


def test_the_runs_timeout_is_no_second_signal():
    world = play(
        step("a"),
        timeout_s=10.0,
        behave={"a": Behaviour(lasts=99.0, stubborn=True)},
        stops={9.0: INT},
    )
    assert world.now == 19.0
    assert world.events[-1] == RunFinished("cancelled", 130, "stopped by SIGINT")


def test_the_runs_timeout_fails_what_runs():
    world = play(
        step("a"),
        step("b", "a"),
        step("soft", allow_failure=True),
        timeout_s=10.0,
        behave={"a": Behaviour(lasts=99.0), "soft": Behaviour(lasts=99.0)},
    )
    assert world.states == {"a": "failed", "b": "cancelled", "soft": "failed"}
    assert world.reasons == {"a": "run timeout", "b": "run timeout", "soft": "run timeout"}
    assert world.events[-1] == RunFinished("failed", 1, "run timeout")


def test_what_breaks_the_run_ends_it_with_3():
    world = play(step("a"), step("b", "a"), stops={0.5: StopAsked("disk full", 3)})
    assert world.states == {"a": "cancelled", "b": "cancelled"}
    assert world.events[-1] == RunFinished("failed", 3, "stopped by disk full")


def test_an_empty_workflow_succeeds():
    assert play().events[-1] == RunFinished("succeeded", 0, "")


def test_notes_of_the_plan_are_recorded():
    world = play(step("a", resources={"cpu": 64000}), cpu=2)
    note = "`a` asks for 64 cpu, this run has 2: lowered to it"
    assert [e for e in world.events if type(e) is Noted] == [Noted("", note)]
    assert world.states == {"a": "succeeded"}


def test_a_chain_of_20000_gates_needs_no_recursion():
    steps = [step("s0", body=None)]
    steps += [step("s%d" % n, "s%d" % (n - 1), body=None) for n in range(1, 20000)]
    world = play(*steps)
    assert world.events[-1] == RunFinished("succeeded", 0, "")


def grown(demands, world):
    return [
        tuple(event.resources.get(name) for name in demands)
        for event in world.events
        if type(event) is StepReady
    ]


def test_each_further_attempt_asks_for_more_up_to_what_the_run_has():
    world = play(
        step(
            "a",
            resources={"cpu": 1000, "memory": 3 * 2**30},
            retry=Retry(max=3, resources={"memory": 2.0, "cpu": 1.5}),
        ),
        behave={"a": FAILS},
    )
    gib = 2**30
    assert grown(("cpu", "memory"), world) == [
        (1000, 3 * gib),
        (1500, 6 * gib),
        (2250, 8 * gib),
        (3375, 8 * gib),
    ]
    assert [event for event in world.events if type(event) is Noted] == [
        Noted("a", "attempt 3 would ask for 12 GiB of memory, this run has 8 GiB: lowered to it")
    ]


def test_an_attempt_that_asks_for_more_waits_until_it_is_free():
    world = play(
        step("a", resources={"cpu": 2000}, retry=Retry(max=1, resources={"cpu": 2.0})),
        step("b", resources={"cpu": 2000}),
        behave={"a": FAILS, "b": Behaviour(lasts=5.0)},
    )
    assert world.launches == [("a", 0.0), ("b", 0.0), ("a", 5.0)]


def test_the_message_of_a_requirement_may_hold_values():
    message = parse_text("${{ params.n }} is too few")
    world = play(step("a", require=[("params.n > 3", message)]), params={"n": 2})
    assert world.reasons["a"] == "2 is too few"


def test_a_message_that_cannot_be_made_says_so():
    message = parse_text("only ${{ params.n }}")
    world = play(step("a", require=[("false", message)]), params={"n": None})
    assert (world.states["a"], world.reasons["a"][:9]) == ("failed", "require: ")


def test_a_message_that_reads_files_is_made_off_the_machine():
    message = parse_text("there are ${{ len(glob('*')) }}")
    files = {"glob": lambda pattern: ["x", "y"]}
    world = play(step("a", require=[("false", message)]), files=files)
    assert world.reasons["a"] == "there are 2"
