"""What is made of an engine's words, and of its silence; the engine here is a script of them."""

from __future__ import annotations

import os
import select
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any, List, Tuple

import pytest

from orchestra.engine.ports import (
    Ended,
    ExecutorStimulus,
    Handle,
    Launched,
    Lost,
    Queued,
    Unreached,
)
from orchestra.executors.errands import errands_of, make_errand, task_name
from orchestra.executors.hosted import HostedExecutor
from orchestra.executors.known import Opening
from orchestra.model.errand import Errand
from orchestra.model.run import AttemptKey, Invocation, Outcome

LIMIT_S = 180.0
SHORT_S = 0.1  # where it is waited for what does not come
A = AttemptKey("a", 1)
QUEUED = [["queued", "7", "Priority"]]
RUNNING = [["running", "7", "n7"]]


class Stage:
    """An executor whose engine says what it is given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run_id = uuid.uuid4().hex
        self.notes: List[str] = []
        self.errand = str(Path(errands_of(str(folder)), task_name(self.run_id, A)))
        self.invocation = Invocation(
            (b"true",), {}, "/", str(folder / "a.log"), errand=Errand("grid", memory_bytes=1000)
        )

    def play(
        self, act: str = "submit", grace_s: float = LIMIT_S, **answers: Any
    ) -> List[ExecutorStimulus]:
        """What is told of one attempt until it is over."""
        executor = HostedExecutor(
            Opening("grid", "tests.executors.scripted_place"),
            answers,
            self.run_id,
            str(self.folder),
            environ=dict(os.environb),
            on_note=self.notes.append,
            grace_s=grace_s,
        )
        try:
            if act == "submit":
                executor.submit([(A, self.invocation)])
            elif act == "stop":
                executor.submit([(A, self.invocation)])
                executor.stop(A, "SIGTERM")
            else:
                executor.reattach([Handle(A, None, 0.0, self.invocation.log_path)])
            return self.until_over(executor)
        finally:
            executor.close()

    def until_over(self, executor: HostedExecutor) -> List[ExecutorStimulus]:
        told: List[ExecutorStimulus] = []
        deadline = time.monotonic() + LIMIT_S
        while not any(isinstance(each, (Ended, Lost)) for each in told):
            assert time.monotonic() < deadline, told
            due = executor.due_in()
            select.select([executor.fileno()], [], [], 1.0 if due is None else min(due, 1.0))
            told.extend(executor.collect())
        return told


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        (("cancelled", "cancelled by uid 5"), (Outcome.FAILED, "cancelled by uid 5")),
        (("cancelled",), (Outcome.FAILED, "cancelled in grid")),
        (("time_limit", "limit of 1 h"), (Outcome.TIMED_OUT, "limit of 1 h")),
        (("time_limit",), (Outcome.TIMED_OUT, "the time limit of grid")),
    ],
)
def test_an_engine_that_ends_an_attempt_says_why(
    stage: Stage, gone: Tuple[str, ...], told: Tuple[Outcome, str]
) -> None:
    ended = stage.play(submit=[QUEUED], poll=[RUNNING, [["gone", *gone]]])[-1]

    outcome, reason = told
    assert ended == Ended(A, outcome=outcome, reason=reason)


def test_a_memory_kill_is_told_as_one_with_what_was_measured(stage: Stage) -> None:
    told = stage.play(submit=[QUEUED], poll=[RUNNING, [["gone", "out_of_memory", "", 1200, 3.5]]])

    assert told[-1] == Ended(
        A, signal="SIGKILL", memory_limit_bytes=1000, max_rss_bytes=1200, cpu_s=3.5
    )


def test_an_attempt_that_the_engine_does_not_start_is_refused(stage: Stage) -> None:
    assert stage.play(submit=[[["gone", "not_launched", "no such partition"]]]) == [
        Ended(A, refusal="no such partition")
    ]


@pytest.mark.parametrize("fate", ["node_failed", "preempted"])
def test_an_attempt_whose_node_goes_is_lost(stage: Stage, fate: str) -> None:
    told = stage.play(submit=[QUEUED], poll=[RUNNING, [["gone", fate, "node n7"]]])

    assert told == [Queued(A, "7", "Priority"), Launched(A, 0, 0.0, "n7"), Lost(A, 0, "node n7")]


def test_a_record_of_success_is_stronger_than_what_the_engine_says(stage: Stage) -> None:
    told = stage.play(submit=[QUEUED], poll=[[["record", "exit 0"]], [["gone", "node_failed"]]])

    assert told[-1] == Ended(A, exit_code=0, cpu_s=2.0)


def test_one_that_was_not_seen_to_run_is_told_to_have_run_as_long_as_it_says(stage: Stage) -> None:
    record = [["record", "exit 0", "unseen"]]
    told = stage.play(submit=[QUEUED], poll=[record, [["gone", "ended"]]])

    launched = told[-2]
    assert isinstance(launched, Launched)
    assert (launched.node, round(launched.ago_s, 3)) == ("n7", 2.0)


@pytest.mark.parametrize(
    ("how", "fate", "told"),
    [
        ("exit 1", "ended", Ended(A, exit_code=1, cpu_s=2.0)),
        (
            "signal 9",
            "out_of_memory",
            Ended(A, signal="SIGKILL", cpu_s=2.0, memory_limit_bytes=1000),
        ),
        (
            "exit 137",
            "out_of_memory",
            Ended(A, signal="SIGKILL", cpu_s=2.0, memory_limit_bytes=1000),
        ),
        (
            "signal 15",
            "time_limit",
            Ended(A, None, "SIGTERM", "", 2.0, None, 0, None, None, Outcome.TIMED_OUT, "late"),
        ),
    ],
)
def test_for_a_failure_the_engine_is_heard_as_well(
    stage: Stage, how: str, fate: str, told: Ended
) -> None:
    reason = "late" if fate == "time_limit" else ""

    ended = stage.play(submit=[QUEUED], poll=[[["record", how]], [], [], [["gone", fate, reason]]])

    assert ended[-1] == told


def test_a_failure_of_which_the_engine_says_nothing_is_told_after_a_while(stage: Stage) -> None:
    told = stage.play(grace_s=SHORT_S, submit=[QUEUED], poll=[[["record", "exit 6"]], []])

    assert told[-1] == Ended(A, exit_code=6, cpu_s=2.0)


def test_an_end_without_a_record_is_lost_only_while_the_engine_answers(stage: Stage) -> None:
    silence = [[["silent", "timed out"]]] * 30
    told = stage.play(
        grace_s=SHORT_S, submit=[QUEUED], poll=[RUNNING, [["gone", "ended"]], *silence, []]
    )

    assert told[-1] == Lost(A, 0, "it ended without a record")
    assert stage.notes == [
        "grid does not answer, the run waits for it: timed out",
        "grid answers again",
    ]


def test_what_the_engine_has_forgotten_and_never_ran_is_lost_at_once(stage: Stage) -> None:
    told = stage.play(submit=[QUEUED], poll=[[["gone", "unknown"]]])

    assert told == [Queued(A, "7", "Priority"), Lost(A)]


def test_silence_at_submission_is_waited_out_and_said_once(stage: Stage) -> None:
    silence = [[["silent", "down"]]] * 5
    told = stage.play(
        submit=[*silence, QUEUED],
        poll=[*silence, RUNNING, [["gone", "preempted"]]],
    )

    assert [type(each) for each in told] == [Queued, Launched, Lost]
    assert stage.notes[0] == "grid does not answer, the run waits for it: down"
    assert sorted(set(stage.notes)) == sorted(stage.notes[:2])


def test_a_reason_to_wait_that_changes_is_told_again(stage: Stage) -> None:
    told = stage.play(
        submit=[QUEUED], poll=[QUEUED, [["queued", "7", "Resources"]], [["gone", "unknown"]]]
    )

    assert told == [Queued(A, "7", "Priority"), Queued(A, "7", "Resources"), Lost(A)]


def test_what_waits_at_the_next_orchestrator_waits_on(stage: Stage) -> None:
    make_errand(stage.errand, stage.invocation, 0o022)

    told = stage.play(
        "reattach",
        find=[[["silent", "down"]], QUEUED],
        poll=[[["silent", "down"]], RUNNING, [["gone", "preempted", "by another"]]],
    )

    assert told == [Queued(A, "7", "Priority"), Launched(A, 0, 0.0, "n7"), Lost(A, 0, "by another")]


def test_a_stop_that_the_engine_confirms_is_an_end_by_its_signal(stage: Stage) -> None:
    told = stage.play("stop", submit=[QUEUED], poll=[[], [["gone", "cancelled", "by you"]]])

    assert told == [Queued(A, "7", "Priority"), Ended(A, signal="SIGTERM")]


def test_what_may_still_run_when_a_silent_engine_is_left_is_named(stage: Stage) -> None:
    left: List[Tuple[str, List[str]]] = []
    executor = HostedExecutor(
        Opening("grid", "tests.executors.scripted_place"),
        {"submit": [QUEUED], "poll": [RUNNING, [["silent", "down"]]]},
        stage.run_id,
        str(stage.folder),
        environ=dict(os.environb),
        on_note=stage.notes.append,
        on_left=lambda name, jobs: left.append((name, list(jobs))),
        close_s=0.3,
    )
    executor.submit([(A, stage.invocation)])
    told: List[ExecutorStimulus] = []
    while not any(isinstance(each, Launched) for each in told):
        select.select([executor.fileno()], [], [], executor.due_in())
        told.extend(executor.collect())
    os.mkdir(stage.errand + "/claim")

    executor.close()

    assert left == [("grid", ["7"])]
    assert os.path.exists(stage.errand)


def test_what_a_silent_engine_has_not_begun_is_left_and_never_begins(stage: Stage) -> None:
    left: List[str] = []
    executor = HostedExecutor(
        Opening("grid", "tests.executors.scripted_place"),
        {"submit": [QUEUED], "poll": [[["silent", "down"]]]},
        stage.run_id,
        str(stage.folder),
        environ=dict(os.environb),
        on_left=lambda name, jobs: left.extend(jobs),
        close_s=LIMIT_S,  # which nobody waits for
        deaf_s=3.0,
    )
    executor.submit([(A, stage.invocation)])
    while not executor.unreached():
        select.select([executor.fileno()], [], [], executor.due_in())
        executor.collect()

    assert executor.unreached() == [Unreached(A, "grid")]
    executor.close()

    assert left == []
    assert subprocess.call(["sh", stage.errand + "/start"]) == 75
