"""The one loop: records before it acts, tells after, and never hangs."""

from __future__ import annotations

import os
import signal

import pytest

from orchestra.engine.audience import Audience
from orchestra.engine.driver import Driver
from orchestra.engine.machine import Machine
from orchestra.engine.opening import run_resumed
from orchestra.engine.past import Past
from orchestra.engine.ports import Handle, Queued, Written
from orchestra.engine.replay import Replay, fold
from orchestra.engine.signals import SignalInbox
from orchestra.model.events import AlertSent, Envelope, RunFinished
from orchestra.model.run import AttemptKey, StepState
from orchestra.model.workflow import Cache, OutputType, Retry
from tests.engine.fakes import (
    NULL_INSIDE,
    FakeCache,
    FakeClock,
    FakeExecutor,
    FakeRenderer,
    FakeStore,
    Listener,
)
from tests.engine.plans import make_plan, step
from tests.engine.world import ORIGIN


class Drive:
    """A driver over fakes; `run` drives it to its end."""

    def __init__(
        self,
        *steps,
        words=None,
        fails_at=10**9,
        faults=None,
        listeners=(),
        ticker=None,
        past=None,
        **fields,
    ):
        self.trace = []
        plan, scopes = make_plan(*steps, **fields)
        self.executor = FakeExecutor(self.trace)
        self.renderer = FakeRenderer(words or {}, faults or {})
        self.store = FakeStore(self.trace, fails_at)
        self.cache = FakeCache()
        self.replay = Replay()
        self.audience = Audience(self.replay, listeners, ticker)
        self.machine = Machine(plan, scopes, ORIGIN, lambda: 0.5, past)
        self.driver = None

    def run(self):
        with SignalInbox() as signals:
            self.driver = Driver(
                self.machine,
                self.executor,
                self.renderer,
                self.store,
                self.audience,
                FakeClock(),
                signals,
                self.cache,
            )
            try:
                return self.driver.run()
            finally:
                self.executor.close()

    @property
    def states(self):
        return {id: s.state.value for id, s in self.replay.record.step_by_id.items()}


def test_an_attempt_is_recorded_before_its_process_and_an_end_before_what_follows():
    drive = Drive(step("a"), step("b", "a"))
    assert drive.run() == 0
    assert drive.trace == [
        "commit RunStarted StepReady AttemptStarted",
        "submit a.1",
        "commit AttemptLaunched AttemptEnded StepEnded StepReady AttemptStarted",
        "submit b.1",
        "commit AttemptLaunched AttemptEnded StepEnded RunFinished",
    ]


def test_news_of_a_process_waits_for_the_next_commit_but_not_for_long():
    listener = Listener()
    drive = Drive(step("a", timeout=0.2), words={"a": "last"}, listeners=[listener])
    assert drive.run() == 1
    assert drive.trace == [
        "commit RunStarted StepReady AttemptStarted",
        "submit a.1",
        "commit AttemptLaunched",
        "SIGTERM a.1",
        "commit AttemptEnded StepEnded RunFinished",
    ]
    assert [e.seq for e in listener.heard] == list(range(1, len(listener.heard) + 1))


def test_nothing_is_submitted_elsewhere_before_its_record_lasts():
    drive = Drive(step("a"), step("b", "a", executor="slurm"))
    assert drive.run() == 0
    assert drive.trace[2:4] == [
        "commit AttemptLaunched AttemptEnded StepEnded StepReady AttemptStarted",
        "submit b.1",
    ]
    assert drive.store.lasting == [False, True, False]


def test_a_job_is_taken_over_by_all_that_is_known_of_it():
    there = step("a", executor="slurm", executor_settings={"partition": "long"})
    key = AttemptKey("a", 1)
    plan, scopes = make_plan(there)
    before = Machine(plan, scopes, ORIGIN, lambda: 0.5)
    events = [*before.begin(0.0).events]
    events += before.handle([Queued(key, "7", "Priority")], 1.0).events
    resumed = run_resumed(plan, scopes, ORIGIN, ())
    record = fold(Envelope(n, 1.0, event) for n, event in enumerate([*events, resumed], 1))
    drive = Drive(there, past=Past(record, resumed, 1.0))
    drive.replay.apply([Envelope(n, 1.0, event) for n, event in enumerate(events, 1)])
    drive.run()
    log, settings = "/run/logs/a.1.log", {"partition": "long"}
    assert drive.executor.handles == [Handle(key, None, 0.0, log, None, "slurm", "7", settings)]


def test_times_are_wall_time_carried_on_by_the_monotonic_clock():
    drive = Drive(step("a"))
    drive.run()
    times = [e.at for turn in drive.store.turns for e in turn]
    assert times == sorted(times)
    assert 1000.0 <= times[0] <= times[-1] < 1060.0


def test_what_happened_beside_the_run_is_recorded_and_told_after_its_end():
    listener = Listener()
    drive = Drive(step("a"), listeners=[listener])
    assert drive.run() == 0
    drive.driver.note([AlertSent("notify[0]", "success", "page", True, "")])
    assert drive.trace[-1] == "commit AlertSent"
    assert [e.seq for e in listener.heard] == list(range(1, len(listener.heard) + 1))
    assert [alert.target for alert in drive.replay.record.alerts] == ["page"]


def test_a_store_that_was_lost_takes_nothing_more():
    drive = Drive(step("a"), fails_at=1)
    drive.run()
    drive.driver.note([AlertSent("notify[0]", "success", "page", True, "")])
    assert drive.trace == []


def test_a_store_that_is_lost_launches_nothing_more_and_ends_with_3():
    drive = Drive(step("a"), step("b", "a"), fails_at=2)
    assert drive.run() == 3
    assert drive.driver.lost.message == "the disk is full"
    assert drive.trace == ["commit RunStarted StepReady AttemptStarted", "submit a.1"]


def test_a_store_that_fails_at_once_starts_nothing():
    drive = Drive(step("a"), fails_at=1)
    assert drive.run() == 3
    assert drive.trace == []


def test_a_step_that_cannot_be_rendered_fails_without_a_process():
    drive = Drive(
        step("a", retry=Retry(max=3)),
        step("b"),
        faults={"a": NULL_INSIDE, "b": OSError(28, "No space left", "/x")},
    )
    assert drive.run() == 1
    reasons = {id: s.reason for id, s in drive.replay.record.step_by_id.items()}
    assert reasons == {
        "a": "could not be started: params.x is null (use default(params.x, ''))",
        "b": "could not be started: /x: No space left",
    }
    assert [line for line in drive.trace if line.startswith("submit")] == []


def test_outputs_are_read_when_an_attempt_has_ended():
    drive = Drive(step("a", outputs={"n": OutputType.INT}), step("b", "a"))
    drive.renderer.written = {"a": Written({"n": 1}, (), ("undeclared: m",))}
    drive.run()
    assert drive.replay.record.step_by_id["a"].outputs == {"n": 1}
    assert drive.replay.record.notes == ["a: undeclared: m"]


def test_a_listener_that_raises_is_dropped_and_named_once():
    good, bad = Listener(), Listener(RuntimeError("boom"))
    drive = Drive(step("a"), step("b", "a"), listeners=[bad, good])
    assert drive.run() == 0
    drive.audience.close()
    assert drive.audience.dropped == ["Listener failed and was dropped: RuntimeError: boom"]
    assert type(good.heard[-1].event) is RunFinished
    assert good.closed


def test_a_listener_that_cannot_be_closed_is_named():
    listener = Listener()
    listener.close = lambda: 1 / 0
    drive = Drive(step("a"), listeners=[listener])
    drive.run()
    drive.audience.close()
    dropped = ["Listener failed and was dropped: ZeroDivisionError: division by zero"]
    assert drive.audience.dropped == dropped


def test_a_ticker_that_raises_is_dropped():
    def tick(at):
        raise ValueError("no terminal")

    drive = Drive(step("a", timeout=0.15), words={"a": "last"}, ticker=tick)
    assert drive.run() == 1
    dropped = ["the live view failed and was dropped: ValueError: no terminal"]
    assert drive.audience.dropped == dropped


def test_the_ticker_gets_the_time_of_the_events():
    times = []

    def tick(at):
        times.append(at)
        if len(times) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    drive = Drive(step("a"), words={"a": "last"}, ticker=tick)
    assert drive.run() == 130
    ended_at = drive.store.turns[-1][-1].at
    assert 1000.0 <= times[0] < times[1] <= ended_at


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_signal_ends_the_run_in_order(number, code):
    drive = Drive(step("a"), step("b", "a"), words={"a": "last"})
    drive.executor.on_submit = lambda: os.kill(os.getpid(), number)
    assert drive.run() == code
    assert drive.states == {"a": "cancelled", "b": "cancelled"}
    assert "SIGTERM a.1" in drive.trace


def test_signals_are_as_before_when_the_run_is_over():
    before = signal.getsignal(signal.SIGINT)
    Drive(step("a")).run()
    assert signal.getsignal(signal.SIGINT) is before


def test_an_ignored_interrupt_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with SignalInbox() as signals:
            os.kill(os.getpid(), signal.SIGINT)
            assert signals.drain() == []
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_the_executor_cannot_go_on_with_ends_the_run_with_3():
    drive = Drive(step("a"), step("b", "a"), words={"a": "last"})
    drive.executor.faults_to_tell = ["the log of 'a' could not be written: disk full"]
    assert drive.run() == 3
    assert drive.replay.record.counts[StepState.CANCELLED] == 2


def test_a_run_that_is_stuck_says_so_instead_of_hanging():
    drive = Drive(step("a"), words={"a": "last"})
    drive.executor.running = lambda: 0
    with pytest.raises(AssertionError, match="nothing runs"):
        drive.run()


def test_a_condition_that_reads_files_is_answered_in_the_next_turn():
    drive = Drive(step("a", if_="len(glob('x')) == 0"), files={"glob": lambda pattern: []})
    assert drive.run() == 0
    assert drive.states == {"a": "succeeded"}


def test_what_reads_files_does_so_in_slices_between_which_the_run_goes_on():
    drive = Drive(step("a", cache=Cache(("x",))), step("b", cache=Cache(("x",))))
    drive.cache = FakeCache(drive.trace, slices=2)
    assert drive.run() == 0
    assert drive.trace == [
        "commit RunStarted",
        *["check a", "check b"] * 2,
        "commit CacheMissed StepReady CacheMissed StepReady AttemptStarted AttemptStarted",
        "submit a.1",
        "submit b.1",
        "commit AttemptLaunched AttemptLaunched",
        *["seal a", "seal b"] * 2,
        "commit AttemptEnded SuccessKept StepEnded AttemptEnded SuccessKept StepEnded RunFinished",
    ]


def test_a_signal_is_answered_while_files_are_read():
    drive = Drive(step("a", cache=Cache(("x",))), step("b", "a"))
    drive.cache = FakeCache(slices=10**9)
    signals = [lambda: os.kill(os.getpid(), signal.SIGINT)]
    drive.cache.on_slice = lambda: signals.pop()() if signals else None
    assert drive.run() == 130
    assert drive.states == {"a": "cancelled", "b": "cancelled"}


def test_the_ticker_is_called_while_files_are_read():
    times = []
    drive = Drive(step("a", cache=Cache(("x",))), ticker=times.append)
    drive.cache = FakeCache(slices=10**9)
    drive.cache.on_slice = lambda: len(times) > 1 and os.kill(os.getpid(), signal.SIGINT)
    assert drive.run() == 130
    assert len(times) > 1
