"""The one loop of a run: gather stimuli, ask the machine, record, then act. Decides nothing."""

from __future__ import annotations

import math
import select
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from orchestra.engine.audience import Audience
from orchestra.engine.caching import Cache
from orchestra.engine.conditions import decide
from orchestra.engine.machine import Machine
from orchestra.engine.ports import (
    Clock,
    Ended,
    Executor,
    Handle,
    Kept,
    Launching,
    Renderer,
    Store,
    Written,
)
from orchestra.engine.signals import SignalInbox
from orchestra.engine.stimuli import (
    ArtifactsCopied,
    AttemptOver,
    CancelTimer,
    CheckCache,
    Decide,
    Decided,
    DropWork,
    KeepArtifacts,
    Launch,
    LeaveOff,
    Lend,
    LookAround,
    Looked,
    NotRendered,
    Order,
    Reaction,
    Reattach,
    SealSuccess,
    SetTimer,
    Stimulus,
    Stop,
    StopAsked,
    TimerFired,
)
from orchestra.engine.timers import Timers
from orchestra.engine.work import Copying, Workbench, checking, sealing
from orchestra.errors import ExitCode, RunBroken, StoreError
from orchestra.model.errand import LOCAL
from orchestra.model.events import Envelope, Event, RunFinished
from orchestra.model.expression import ExpressionError
from orchestra.model.run import AttemptKey, Invocation
from orchestra.model.workflow import Step

KEEPER_DIED = "the death of its keeper"
"""The cause of a stop when nobody would see to the steps if this process died."""

_NOTHING_WRITTEN = Written({})


class Driver:
    """Drives one run to its end; `lost` is why its record was lost on the way, if it was.

    One that was to end at once while engines do not answer `is_left` as it stands, without an end.
    A run that goes on has a last event that was `recorded`. Where there is a `lifeline` and its
    other end is closed, nothing more is launched: nobody would see to it if this process died.
    """

    def __init__(
        self,
        machine: Machine,
        executor: Executor,
        renderer: Renderer,
        store: Store,
        audience: Audience,
        clock: Clock,
        signals: SignalInbox,
        cache: Cache,
        recorded: Optional[Envelope] = None,
        lifeline: Optional[int] = None,
    ) -> None:
        self._lifeline = lifeline
        self._machine = machine
        self._executor = executor
        self._renderer = renderer
        self._store = store
        self._audience = audience
        self._clock = clock
        self._signals = signals
        self._cache = cache
        self._work = Workbench(clock.monotonic)
        self._timers = Timers()
        self._inbox: List[Stimulus] = []
        self._step_by_key: Dict[AttemptKey, Step] = {}
        self._hurries = False
        self._lasting = False
        self._seq = 0 if recorded is None else recorded.seq
        self._not_before = 0.0 if recorded is None else recorded.at
        self._epoch = 0.0
        self._exit_code: int = ExitCode.BROKEN
        self.lost: Optional[StoreError] = None
        self.is_left = False
        self._act: Dict[type, Callable[..., None]] = {
            Stop: self._stop,
            Lend: self._lend,
            Reattach: self._reattach,
            SetTimer: self._set_timer,
            CancelTimer: self._cancel_timer,
            Decide: self._decide,
            KeepArtifacts: self._keep_artifacts,
            CheckCache: self._check_cache,
            SealSuccess: self._seal_success,
            DropWork: self._drop_work,
            LookAround: self._look_around,
            LeaveOff: self._leave_off,
        }

    def run(self) -> int:
        """Run to the end; the exit code. A store that is lost ends it with 3.

        Raises:
            RunBroken: the lifeline has ended already: nothing was recorded or started.
            AssertionError: nothing runs, nothing is due, and the run is not over (a bug).
        """
        now = self._clock.monotonic()
        self._epoch = max(self._clock.time(), self._not_before) - now
        poller = select.poll()
        poller.register(self._executor.fileno(), select.POLLIN)
        poller.register(self._signals.fileno(), select.POLLIN)
        if self._lifeline is not None:
            poller.register(self._lifeline, select.POLLIN)
            if any(fd == self._lifeline for fd, _ in poller.poll(0)):
                raise RunBroken("the process that was started was killed before the run began")
        self._carry_out(self._machine.begin(now), now)
        while not self._is_over():
            self._rest(poller, self._clock.monotonic())
            now = self._clock.monotonic()
            stimuli = self._gather(now)
            if stimuli:
                self._carry_out(self._machine.handle(stimuli, now), now)
        self._audience.catch_up()
        return self._exit_code

    def note(self, events: Sequence[Event]) -> None:
        """Record what happened beside the run, as a turn of its own, and tell it; also after it."""
        self._audience.tell(self._record(self._number(events, self._clock.monotonic())))
        self._audience.catch_up()

    def _is_over(self) -> bool:
        if self.lost is not None:
            return not self._executor.running()
        return self._machine.finished

    def _gather(self, now: float) -> List[Stimulus]:
        """What has happened, in one order: ends before timers, so that no end is late by a nap."""
        stimuli, self._inbox = self._inbox, []
        stimuli.extend(self._signals.drain())
        for news in self._executor.collect():
            stimuli.append(self._over(news) if isinstance(news, Ended) else news)
        for fault in self._executor.faults():
            stimuli.append(StopAsked(fault, ExitCode.BROKEN))
        for timer in self._timers.due(now):
            stimuli.append(TimerFired(timer))
        if self._work:
            stimuli.extend(self._work.advance())
        return stimuli

    def _over(self, ended: Ended) -> AttemptOver:
        step = self._step_by_key.pop(ended.key, None)
        self._lasting = self._lasting or (step is not None and not step.may_rerun)
        if step is None or ended.refusal:
            return AttemptOver(ended, _NOTHING_WRITTEN)
        return AttemptOver(ended, self._renderer.outputs(step, ended.key))

    def _rest(self, poller: select.poll, now: float) -> None:
        """Sleep until something happens or is due; not at all where something waits already."""
        if self._inbox or self._hurries:
            self._hurries = False
            return
        wait = 0.0 if self._work else self._executor.due_in()
        due = self._timers.next_due()
        if due is not None:
            wait = min(wait, due - now) if wait is not None else due - now
        assert wait is not None or self._executor.running(), "nothing runs, is due, and no end"
        for patience in (self._audience.attend(self._epoch + now), self._sync(self._epoch + now)):
            if patience is not None:
                wait = min(wait, patience) if wait is not None else patience
        ready = poller.poll(None if wait is None else max(0, math.ceil(wait * 1000)))
        for fd, _ in ready:
            if fd == self._lifeline:
                poller.unregister(fd)
                self._lifeline = None
                self._inbox.append(StopAsked(KEEPER_DIED, ExitCode.BROKEN, True, drains=True))

    def _carry_out(self, reaction: Reaction, now: float) -> None:
        """Record the events of a turn, then do what it orders, then tell the audience."""
        launches: List[Launching] = []
        others: List[Order] = []
        for order in reaction.orders:
            if type(order) is Launch:
                launches.append(order.launching)
                step = order.launching.step
                self._lasting = self._lasting or not step.may_rerun or step.executor != LOCAL
            else:
                others.append(order)
        lasting, self._lasting = self._lasting, False
        recorded = self._record(self._number(reaction.events, now), lasting)
        for order in others:
            self._act[type(order)](order)
        if launches and self.lost is None:
            self._launch(launches)
        self._audience.tell(recorded)

    def _number(self, events: Sequence[Event], now: float) -> List[Envelope]:
        at = self._epoch + now
        first = self._seq + 1
        self._seq += len(events)
        return [Envelope(first + n, at, event) for n, event in enumerate(events)]

    def _record(self, envelopes: Sequence[Envelope], lasting: bool = False) -> Sequence[Envelope]:
        """Commit a turn; gives what may now be told, nothing where it was not recorded."""
        if not envelopes or self.lost is not None:
            return ()
        try:
            self._store.append(envelopes, lasting)
        except StoreError as fault:
            self.lost = fault
            return ()
        last = envelopes[-1].event
        if type(last) is RunFinished:
            self._exit_code = last.exit_code
        return envelopes

    def _sync(self, at: float) -> Optional[float]:
        """Let the store see to what is due; in how many seconds something will be."""
        if self.lost is not None:
            return None
        try:
            return self._store.attend(at)
        except StoreError as fault:
            self.lost = fault
            return 0.0

    # Orders

    def _launch(self, launches: Sequence[Launching]) -> None:
        batch: List[Tuple[AttemptKey, Invocation]] = []
        for launching in launches:
            try:
                batch.append((launching.key, self._renderer.render(launching)))
            except (ExpressionError, ValueError, OSError) as fault:
                self._inbox.append(NotRendered(launching.key, _said(fault)))
            else:
                self._step_by_key[launching.key] = launching.step
                # its time runs from the moment at which the machine hears that it was launched
                self._hurries = self._hurries or launching.step.timeout is not None
        self._executor.submit(batch)

    def _reattach(self, order: Reattach) -> None:
        key = order.key
        self._step_by_key[key] = order.step
        log_path = self._renderer.log_path(key)
        job_server = self._renderer.job_server(order.step, key)
        where = (order.executor, order.job, order.settings)
        handle = Handle(key, order.pid, order.began_s, log_path, job_server, *where)
        self._executor.reattach([handle])

    def _stop(self, stop: Stop) -> None:
        self._executor.stop(stop.key, stop.signal)

    def _lend(self, order: Lend) -> None:
        self._executor.lend(order.key, order.tokens)

    def _set_timer(self, order: SetTimer) -> None:
        self._timers.set(order.timer, self._clock.monotonic() + order.delay_s)

    def _cancel_timer(self, order: CancelTimer) -> None:
        self._timers.cancel(order.timer)

    def _decide(self, order: Decide) -> None:
        self._inbox.append(Decided(order.step.id, decide(order.step, order.scope)))

    def _check_cache(self, order: CheckCache) -> None:
        self._work.add(checking(self._cache, order))

    def _seal_success(self, order: SealSuccess) -> None:
        self._work.add(sealing(self._cache, order))

    def _keep_artifacts(self, order: KeepArtifacts) -> None:
        try:
            copy = self._renderer.artifacts(order.step, order.scope, order.folder)
        except (ExpressionError, ValueError, OSError) as fault:
            note = "the artifacts could not be kept: %s" % _said(fault)
            self._inbox.append(ArtifactsCopied(order.key, Kept((), (note,))))
        else:
            self._work.add(Copying(order.key, copy))

    def _drop_work(self, order: DropWork) -> None:
        self._inbox.extend(self._work.give_up())

    def _look_around(self, order: LookAround) -> None:
        self._inbox.append(Looked(tuple(each.key for each in self._executor.unreached())))

    def _leave_off(self, order: LeaveOff) -> None:
        self.is_left, self._exit_code = True, order.exit_code


def _said(fault: Exception) -> str:
    if isinstance(fault, OSError) and fault.filename is not None:
        return "%s: %s" % (fault.filename, fault.strerror)
    return str(fault)
