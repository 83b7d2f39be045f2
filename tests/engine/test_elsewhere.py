"""Steps that another engine runs: its queue, its losses, its own word on an end, and a resume."""

from __future__ import annotations

from typing import Any, List, Optional, Tuple

import pytest

from orchestra.engine.caching import Finding, Seal
from orchestra.engine.machine import LEAVE_S, Machine
from orchestra.engine.opening import run_resumed
from orchestra.engine.past import Past
from orchestra.engine.ports import Ended, Launched, Lost, Queued, Reattached, Written
from orchestra.engine.reopening import results_to_drop
from orchestra.engine.replay import fold
from orchestra.engine.stimuli import (
    AttemptOver,
    CacheChecked,
    Launch,
    LeaveOff,
    LookAround,
    Looked,
    Order,
    Reattach,
    Sealed,
    SetTimer,
    Stop,
    StopAsked,
    Timer,
    TimerFired,
)
from orchestra.model.events import (
    AttemptEnded,
    AttemptLaunched,
    AttemptQueued,
    AttemptStarted,
    Envelope,
    Event,
    Noted,
    RunFinished,
    StepEnded,
    decode_turn,
    encode_turn,
    to_data,
)
from orchestra.model.expression import parse_text
from orchestra.model.record import Attempt, RunRecord
from orchestra.model.run import AttemptKey, Outcome, RunState, StepState
from orchestra.model.workflow import Cache, Retry, RetryWhen, Step
from tests.engine.elsewhere import Queue
from tests.engine.plans import make_plan, step
from tests.engine.world import ORIGIN, Behaviour, ends, play

A1 = AttemptKey("a", 1)
LOST = Queue(lost="node n1 failed")


def far(**fields: Any) -> Step:
    """A step `a` that Slurm runs."""
    return step("a", executor="slurm", **fields)


class Told:
    """A machine for steps, and what it said so far; `resume` lets another one take its place."""

    def __init__(self, *steps: Step) -> None:
        self._steps = steps
        plan, scopes = make_plan(*steps)
        self.machine = Machine(plan, scopes, ORIGIN, lambda: 0.5)
        self.events: List[Event] = []
        self.orders: List[Order] = []
        self._take(self.machine.begin(0.0))

    def tell(self, *stimuli: Any, at: float = 1.0) -> Tuple[List[Event], List[Order]]:
        """What it answers."""
        events, orders = len(self.events), len(self.orders)
        self._take(self.machine.handle(stimuli, at))
        return self.events[events:], self.orders[orders:]

    def resume(self, *steps: Step) -> List[Order]:
        """What the next machine orders in its first turn, where the file has these steps by now."""
        plan, scopes = make_plan(*(steps or self._steps))
        resumed = run_resumed(plan, scopes, ORIGIN, results_to_drop(self.record, ()))
        envelopes = [Envelope(n, 0.0, event) for n, event in enumerate([*self.events, resumed], 1)]
        record = fold(envelopes)
        assert record is not None
        past = Past(record, resumed, 0.0)
        self.machine = Machine(plan, scopes, ORIGIN, lambda: 0.5, past)
        orders = len(self.orders)
        self._take(self.machine.begin(0.0))
        return self.orders[orders:]

    @property
    def record(self) -> RunRecord:
        """What the events come to; each happens a second after the one before."""
        record = fold(Envelope(n, float(n), event) for n, event in enumerate(self.events, 1))
        assert record is not None
        return record

    @property
    def attempt(self) -> Attempt:
        """The last one of step `a`."""
        return self.record.step_by_id["a"].attempts[-1]

    def _take(self, reaction: Any) -> None:
        self.events += reaction.events
        self.orders += reaction.orders


def test_a_job_in_the_queue_is_recorded_and_again_when_its_reason_changes():
    told = Told(far())
    assert told.tell(Queued(A1, "7", "Priority"))[0] == [
        AttemptQueued("a", 1, "slurm", "7", "Priority")
    ]
    assert told.tell(Queued(A1, "7", "Priority"))[0] == []
    assert told.tell(Queued(A1, "7", "Resources"))[0] == [
        AttemptQueued("a", 1, "slurm", "7", "Resources")
    ]
    assert told.tell(Launched(A1, 0, 0.0, "n1"))[0] == [AttemptLaunched("a", 1, 0, 0.0, "n1")]
    assert told.tell(Queued(A1, "7", "Priority"))[0] == [], "it was told late"


def test_a_job_that_is_told_of_after_its_end_is_none():
    told = Told(far())
    told.tell(AttemptOver(Ended(A1, exit_code=0), Written({})))
    assert told.tell(Queued(A1, "7", "Priority"), Launched(A1, 0, 0.0, "n1")) == ([], [])


def test_the_timeout_runs_from_the_launch_and_not_in_the_queue():
    told = Told(far(timeout=5.0))
    assert told.tell(Queued(A1, "7", "Priority"))[1] == []
    assert told.tell(Launched(A1, 0, 0.0, "n1"))[1] == [SetTimer(Timer("timeout", A1), 5.0)]


def test_what_had_run_for_a_while_when_it_was_seen_has_less_time_left():
    told = Told(far(timeout=5.0))
    events, orders = told.tell(Launched(A1, 0, 0.0, "n1", ago_s=2.0))
    assert events == [AttemptLaunched("a", 1, 0, 0.0, "n1", 2.0)]
    assert orders == [SetTimer(Timer("timeout", A1), 3.0)]


def test_a_step_that_waits_longer_than_its_timeout_is_not_timed_out():
    waits = Behaviour(lasts=3.0, queue=Queue(waits=100.0))
    world = play(far(timeout=5.0), behave={"a": waits})
    assert world.states == {"a": "succeeded"}


def test_a_step_that_runs_longer_than_its_timeout_is_timed_out_from_its_launch():
    waits = Behaviour(lasts=30.0, queue=Queue(waits=100.0))
    world = play(far(timeout=5.0), behave={"a": waits})
    assert ends(world) == {"a": ("failed", "timed out after 5.0s")}
    assert world.now == 105.0


def test_three_attempts_may_be_lost_at_no_cost_and_then_it_fails():
    world = play(far(retry=Retry(max=2)), behave={"a": Behaviour(queue=LOST)})
    assert ends(world) == {"a": ("failed", "node n1 failed, 4 attempts were lost")}
    outcomes = [(e.outcome, e.reason) for e in world.events if type(e) is AttemptEnded]
    assert outcomes == [("interrupted", "node n1 failed")] * 4


def test_losses_leave_all_retries_to_the_failures():
    fails = Behaviour(exit_code=1)
    goes = {"a": fails, "a.1": Behaviour(queue=LOST), "a.3": Behaviour(queue=LOST)}
    world = play(far(retry=Retry(max=1)), behave=goes)
    outcomes = [e.outcome for e in world.events if type(e) is AttemptEnded]
    assert outcomes == ["interrupted", "failed", "interrupted", "failed"]
    assert ends(world) == {"a": ("failed", "exit code 1")}


def test_a_lost_attempt_is_started_again_in_the_same_turn():
    told = Told(far())
    events, orders = told.tell(Lost(A1, 3, "n1 was preempted"))
    log = "logs/a.1.log"
    why = "n1 was preempted"
    assert events == [
        AttemptEnded("a", 1, "interrupted", None, None, why, None, None, log, 3),
        AttemptStarted("a", 2, 0.0, ()),
    ]
    assert [type(order) for order in orders] == [Launch]


def test_a_step_that_must_not_rerun_fails_with_its_node():
    world = play(far(may_rerun=False), behave={"a": Behaviour(queue=LOST)})
    assert ends(world) == {"a": ("failed", "node n1 failed, and may not run again")}


def test_a_lost_attempt_does_not_start_again_once_the_run_is_stopped():
    goes = {"a": Behaviour(lasts=3.0, stubborn=True, queue=LOST)}
    world = play(far(), behave=goes, stops={1.0: StopAsked("SIGINT", 130)})
    assert world.states == {"a": "cancelled"}
    assert len(world.launch_times) == 1


def test_a_step_that_is_lost_too_often_goes_to_its_fallback():
    world = play(far(handlers="fallback"), behave={"a": Behaviour(queue=LOST)})
    assert world.states["a"] == "recovered"


def test_a_fallback_runs_where_its_step_does():
    world = play(far(handlers="fallback"), behave={"a": Behaviour(exit_code=1)})
    fallback = world.record.step_by_id["a:fallback"]
    assert (fallback.executor, fallback.attempts[0].node) == ("slurm", "n1")


@pytest.mark.parametrize(
    ("when", "attempts"), [(None, 2), (RetryWhen(timeout=True), 2), (RetryWhen((3,)), 1)]
)
def test_the_time_limit_of_an_engine_is_a_timeout(when: Optional[RetryWhen], attempts: int):
    over = Behaviour(queue=Queue(ends=Outcome.TIMED_OUT))
    world = play(far(timeout=90.0, retry=Retry(max=1, when=when)), behave={"a": over})
    assert ends(world) == {"a": ("failed", "by the engine")}
    assert len(world.launch_times) == attempts


def test_a_job_that_somebody_cancelled_has_failed_for_that_reason():
    over = Behaviour(queue=Queue(ends=Outcome.FAILED))
    world = play(far(), step("b", "a"), behave={"a": over})
    assert ends(world)["a"] == ("failed", "by the engine")
    assert world.states["b"] == "blocked"


def test_a_job_that_waits_when_the_run_is_stopped_is_cancelled():
    waits = Behaviour(queue=Queue(waits=50.0), stubborn=True)
    world = play(far(), behave={"a": waits}, stops={1.0: StopAsked("SIGINT", 130)})
    assert ends(world) == {"a": ("cancelled", "stopped by SIGINT")}
    assert world.now == 1.0


LEAVE = Timer("leave", None)
INT = StopAsked("SIGINT", 130)


def leaving(*steps: Step) -> Told:
    """A run that is to end at once, and looks around by now."""
    told = Told(*steps)
    told.tell(INT)
    assert told.tell(INT)[1] == [Stop(A1, "SIGKILL"), SetTimer(LEAVE, LEAVE_S)]
    assert told.tell(TimerFired(LEAVE)) == ([], [LookAround()])
    return told


def test_a_run_that_is_to_end_at_once_is_left_where_no_engine_answers():
    told = leaving(far())
    assert told.tell(Looked((A1,))) == ([], [LeaveOff(130)])
    assert told.machine.finished
    assert (told.record.state, told.attempt.outcome) == (RunState.RUNNING, None)


def test_a_job_whose_engine_answers_is_waited_for_though_it_takes_its_time():
    told = leaving(far())
    assert told.tell(Looked(())) == ([], [SetTimer(LEAVE, 1.0)])
    over = AttemptOver(Ended(A1, signal="SIGKILL"), Written({}))
    assert told.tell(over)[0][-1] == RunFinished("cancelled", 130, "stopped by SIGINT")


def test_a_run_is_not_left_as_long_as_an_end_is_to_come():
    here = AttemptKey("here", 1)
    told = Told(far(), step("here"))
    told.tell(INT)
    told.tell(INT)
    told.tell(TimerFired(LEAVE))
    assert told.tell(Looked((A1,))) == ([], [SetTimer(LEAVE, 1.0)])
    told.tell(AttemptOver(Ended(here, signal="SIGKILL"), Written({})), TimerFired(LEAVE))
    assert told.tell(Looked((A1,))) == ([], [LeaveOff(130)])


def test_a_run_of_this_machine_is_never_left():
    told = Told(step("a"))
    told.tell(INT)
    assert told.tell(INT)[1] == [Stop(A1, "SIGKILL")]


def test_a_run_that_was_left_begins_its_steps_anew_when_it_goes_on():
    told = leaving(far())
    told.tell(Looked((A1,)))
    assert [type(order) for order in told.resume()] == [Launch]


def test_what_came_of_an_earlier_attempt_is_not_what_came_of_a_lost_one():
    goes = {"a": Behaviour(queue=LOST), "a.1": Behaviour(exit_code=3)}
    below = step("b", "a", if_="always() and steps.a.exit_code == null")
    world = play(far(retry=Retry(max=1)), below, behave=goes)
    assert world.states == {"a": "failed", "b": "succeeded"}


def sealing() -> Told:
    """A step that is asked about, and may be kept."""
    told = Told(far(cache=Cache(("in.csv",), ("out.csv",))))
    told.tell(CacheChecked("a", Finding("f1", {}, reason="it is new")))
    return told


def test_an_end_by_the_engines_word_is_no_success_whatever_the_exit_code():
    told = sealing()
    failed = Ended(A1, exit_code=0, outcome=Outcome.FAILED, reason="cancelled by bob")
    told.tell(AttemptOver(failed, Written({})))
    assert StepEnded("a", "failed", "cancelled by bob", {}) in told.events


def test_a_node_that_is_lost_once_the_end_is_known_loses_nothing():
    told = sealing()
    told.tell(AttemptOver(Ended(A1, exit_code=0), Written({})))
    assert told.tell(Lost(A1, 0, "node n1 failed")) == ([], [])
    told.tell(Sealed(A1, Seal({})))
    assert told.record.step_by_id["a"].state is StepState.SUCCEEDED


def test_the_record_knows_where_an_attempt_waits_and_runs():
    told = Told(far(), step("b"))
    told.tell(Queued(A1, "7", "Priority"))
    assert told.record.step_by_id["a"].state is StepState.QUEUED
    assert (told.record.counts[StepState.QUEUED], told.record.counts[StepState.RUNNING]) == (1, 1)
    told.tell(Queued(A1, "7", "Resources"))
    told.tell(Launched(A1, 0, 0.0, "n1"))
    assert told.record.step_by_id["a"].state is StepState.RUNNING
    assert (told.record.counts[StepState.QUEUED], told.record.counts[StepState.RUNNING]) == (0, 2)
    found = told.attempt
    assert (found.executor, found.job, found.node) == ("slurm", "7", "n1")
    assert (found.queue_reason, found.launched_at) == ("Resources", float(len(told.events)))
    here = told.record.step_by_id["b"].attempts[-1]
    assert (here.executor, here.node, here.launched_at) == ("local", "", None)


def test_a_job_that_ends_in_the_queue_leaves_no_step_in_it():
    told = Told(far(handlers="on_failure"))
    told.tell(Queued(A1, "7", "Priority"))
    told.tell(AttemptOver(Ended(A1, refusal="no such account"), Written({})))
    assert told.record.counts[StepState.QUEUED] == 0
    assert told.record.step_by_id["a"].state is StepState.RUNNING, "its handler runs"


# When the run goes on


def settings() -> Any:
    return {"partition": parse_text("p-${{ 1 + 1 }}"), "extra": ["--exclusive"]}


def test_what_is_known_of_a_job_is_handed_on():
    told = Told(far(executor_settings=settings()))
    told.tell(Queued(A1, "7", "Priority"))
    (order,) = told.resume()
    filled = {"partition": "p-2", "extra": ["--exclusive"]}
    assert isinstance(order, Reattach)
    assert order[2:] == (None, 0.0, "slurm", "7", filled)


def test_a_job_of_another_executor_than_the_step_names_by_now_keeps_its_own():
    told = Told(far(executor_settings=settings()))
    told.tell(Queued(A1, "7", "Priority"))
    (order,) = told.resume(step("a", executor="dask", executor_settings=settings()))
    assert isinstance(order, Reattach)
    assert order[4:] == ("slurm", "7", {})
    assert told.tell(Queued(A1, "7", "Resources"))[0] == [
        AttemptQueued("a", 1, "slurm", "7", "Resources"),
        Noted("a", "taken over, still queued"),
    ]


def test_a_job_whose_name_was_not_journaled_is_looked_for_without_it():
    told = Told(far())
    (order,) = told.resume()
    assert isinstance(order, Reattach)
    assert (order.executor, order.job) == ("slurm", "")
    assert told.tell(Queued(A1, "7", ""))[0] == [
        AttemptQueued("a", 1, "slurm", "7", ""),
        Noted("a", "taken over, still queued"),
    ]


def test_a_job_that_waits_still_has_all_its_time():
    told = Told(far(timeout=5.0))
    told.tell(Queued(A1, "7", "Priority"))
    told.resume()
    same = Queued(A1, "7", "Priority")
    assert told.tell(same, same) == ([Noted("a", "taken over, still queued")], [])
    assert told.tell(Launched(A1, 0, 0.0, "n1"))[1] == [SetTimer(Timer("timeout", A1), 5.0)]


def test_a_job_that_began_meanwhile_has_what_is_left_of_its_time():
    told = Told(far(timeout=5.0))
    told.tell(Queued(A1, "7", "Priority"))
    told.resume()
    events, orders = told.tell(Reattached(A1, 2.0, "n1"))
    assert events == [
        AttemptLaunched("a", 1, 0, 0.0, "n1", 2.0),
        Noted("a", "taken over, still running"),
    ]
    assert orders == [SetTimer(Timer("timeout", A1), 3.0)]
    at = float(len(told.events) - 1)
    assert told.attempt.launched_at == at - 2.0


def test_a_job_that_had_begun_is_not_launched_again():
    told = Told(far())
    told.tell(Queued(A1, "7", "Priority"))
    told.tell(Launched(A1, 0, 0.0, "n1"))
    told.resume()
    assert told.tell(Reattached(A1, 2.0, "n1"), Queued(A1, "7", "Priority"))[0] == [
        Noted("a", "taken over, still running")
    ]
    assert told.attempt.node == "n1"


def test_the_losses_are_counted_anew_when_the_run_goes_on():
    told = Told(far())
    for number in (1, 2, 3, 4):
        told.tell(Lost(AttemptKey("a", number), 0, "node n1 failed"))
    assert told.events[-2] == StepEnded("a", "failed", "node n1 failed, 4 attempts were lost", {})
    told.resume()
    assert told.tell(Lost(AttemptKey("a", 5), 0, "node n2 failed"))[0][1:] == [
        AttemptStarted("a", 6, 0.0, ())
    ]


def test_a_step_that_must_not_rerun_and_was_lost_does_not_begin_when_the_run_goes_on():
    told = Told(far(may_rerun=False))
    told.tell(Lost(A1, 0, "node n1 failed"))
    assert [type(order) for order in told.resume()] == []
    assert told.record.step_by_id["a"].reason == "node n1 failed, and may not run again"


# What is written


def test_events_of_before_are_read_as_ever():
    text = (
        '[1,5.0,["StepsAdded",[["a[0]","a[0]",[],{"cpu":1000},"a","instance","d",null]]],'
        '["AttemptLaunched","a",1,77,1.5]]'
    )
    added, launched = decode_turn(text)
    assert (added.event.steps[0].executor, launched.event.node) == ("local", "")  # type: ignore[union-attr]  # of these kinds


def test_what_is_recorded_is_read_again():
    told = Told(far())
    told.tell(Queued(A1, "7", "Priority"), Launched(A1, 0, 0.0, "n1"))
    envelopes = [Envelope(n, 1.0, event) for n, event in enumerate(told.events, 1)]
    assert decode_turn(encode_turn(envelopes)) == envelopes


def test_only_what_runs_elsewhere_is_said_to():
    here, there = AttemptLaunched("a", 1, 7, 0.5), AttemptLaunched("a", 1, 0, 0.0, "n1", 0.5)
    assert set(to_data(Envelope(1, 0.0, here))) & {"node", "ago_s"} == set()
    assert set(to_data(Envelope(1, 0.0, there))) & {"node", "ago_s"} == {"node", "ago_s"}
    told = Told(far(), step("b"))
    entries = to_data(Envelope(1, 0.0, told.events[0]))["steps"]
    assert [entry.get("executor") for entry in entries] == ["slurm", None]
