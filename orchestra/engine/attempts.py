"""The attempts under way: launched, bounded in time, asked to end. Pure; decides no state."""

from __future__ import annotations

from contextlib import suppress
from typing import AbstractSet, Dict, List, Mapping, NamedTuple, Optional

from orchestra.engine.aftermath import cleans_up, sight
from orchestra.engine.block import Block
from orchestra.engine.demand import resolve_timeout_s
from orchestra.engine.halt import Halt
from orchestra.engine.lending import Lending
from orchestra.engine.ports import Launched, Launching, Queued, Reattached
from orchestra.engine.steprun import StepRun
from orchestra.engine.stimuli import (
    CancelTimer,
    Launch,
    Order,
    Reattach,
    SetTimer,
    Stop,
    Timer,
)
from orchestra.engine.verdicts import Cause
from orchestra.engine.whereabouts import errand_of, settings_of
from orchestra.model.errand import LOCAL
from orchestra.model.events import AttemptLaunched, AttemptQueued, AttemptStarted, Event, Noted
from orchestra.model.expression import ExpressionError, Value
from orchestra.model.record import Attempt
from orchestra.model.run import AttemptKey

CLEAN_UP_S = 60.0
"""How long what has no timeout may run once the run, or the steps around, are being stopped."""


class _Whereabouts(NamedTuple):
    """What is recorded of an attempt elsewhere; one taken over is told of once it `is_found`."""

    executor: str
    job: Optional[str] = None
    reason: str = ""
    has_begun: bool = False
    is_found: bool = True


class Attempts:
    """Follows what runs; says it by appending to the `events` and `orders` of the turn."""

    def __init__(
        self, halt: Halt, lending: Lending, events: List[Event], orders: List[Order]
    ) -> None:
        self._halt = halt
        self._lending = lending
        self._events = events
        self._orders = orders
        self._run_by_key: Dict[AttemptKey, StepRun] = {}
        self._elsewhere: Dict[AttemptKey, _Whereabouts] = {}

    def launch(self, run: StepRun, now: float) -> str:
        """Start an attempt of what holds its share of the budget; else why it cannot start."""
        if run.barred:
            return "%s, and may not run again" % run.barred
        step = run.step
        scopes, view = sight(run)
        try:
            env = scopes.env(step, view, run.names)
            scope = scopes.scope(step, env, view, None, run.names)
            run.timeout_s = resolve_timeout_s(step, scope)
            script = None
            if scopes.has_secrets:
                script = scopes.script_scope(step, env, view, run.names)
            is_late = self._halt.stop is not None or run.block.is_stopped
            if is_late and run.timeout_s is None:
                run.timeout_s = CLEAN_UP_S
            errand = None
            if step.executor != LOCAL:
                above = scopes.settings_above(step.executor)
                errand = errand_of(step, scope, run.amounts, run.tries, run.timeout_s, above)
        except ExpressionError as fault:
            return str(fault)
        key = run.next_attempt()
        run.cause = None
        if run.first_started_at is None:
            run.first_started_at = now
        self._run_by_key[key] = run
        self._events.append(AttemptStarted(step.id, run.number, now - run.ready_at, run.devices))
        inherit = scopes.inherit(step)
        self._orders.append(
            Launch(
                Launching(
                    key,
                    step,
                    scope,
                    env,
                    inherit,
                    run.amounts,
                    run.devices,
                    self._lending.jobs,
                    scopes.folder,
                    script,
                    errand,
                )
            )
        )
        if step.jobserver:
            self._lending.open(key, step, run.amounts)
        return ""

    def take_over(self, run: StepRun, last: Attempt) -> None:
        """Follow an attempt that another orchestrator started."""
        scopes, view = sight(run)
        settings: Mapping[str, Value] = {}
        with suppress(ExpressionError):  # it could be evaluated when the attempt was launched
            env = scopes.env(run.step, view, run.names)
            scope = scopes.scope(run.step, env, view, None, run.names)
            run.timeout_s = resolve_timeout_s(run.step, scope)
            if last.executor == run.step.executor:  # else they are those of another one
                settings = settings_of(run.step, scope, scopes.settings_above(last.executor))
        key, job = run.key, last.job
        self._run_by_key[key] = run
        if last.executor != LOCAL:
            has_begun = last.launched_at is not None
            told = (job or None, last.queue_reason)
            self._elsewhere[key] = _Whereabouts(last.executor, *told, has_begun, False)
        where = (last.executor, job, settings)
        self._orders.append(Reattach(key, run.step, last.pid, last.began_s, *where))
        if run.step.jobserver:
            self._lending.take_over(key, run.step, run.amounts)

    def reattached(self, reattached: Reattached) -> None:
        """The process of an attempt still runs: what is left of its time goes on."""
        key, elapsed_s, node = reattached
        run = self._run_by_key.get(key)
        if run is None:
            return
        known = self._elsewhere.get(key)
        if known is not None:
            self._elsewhere[key] = known._replace(has_begun=True, is_found=True)
            if not known.has_begun:
                self._events.append(AttemptLaunched(*key, 0, 0.0, node, elapsed_s))
        self._events.append(Noted(run.step.id, "taken over, still running"))
        if run.timeout_s is not None:
            rest_s = max(0.0, run.timeout_s - elapsed_s)
            self._orders.append(SetTimer(Timer("timeout", key), rest_s))

    def queued(self, queued: Queued) -> None:
        """An engine has taken an attempt in, or has it still: its time has yet to begin."""
        key, job, reason = queued
        run = self._run_by_key.get(key)
        if run is None:
            return
        known = self._elsewhere.get(key) or _Whereabouts(run.step.executor)
        if known.has_begun:
            return  # it was told late
        self._elsewhere[key] = known._replace(job=job, reason=reason, is_found=True)
        if (known.job, known.reason) != (job, reason):
            self._events.append(AttemptQueued(*key, known.executor, job, reason))
        if not known.is_found:
            self._events.append(Noted(run.step.id, "taken over, still queued"))

    def launched(self, launched: Launched) -> None:
        """A process exists: its time begins."""
        run = self._run_by_key.get(launched.key)
        if run is not None:
            key, pid, began_s, node, ago_s = launched
            self._events.append(AttemptLaunched(key.step, key.number, pid, began_s, node, ago_s))
            if node or self._elsewhere:
                self._has_begun(run)
            if run.timeout_s is not None:
                left_s = max(0.0, run.timeout_s - ago_s)
                self._orders.append(SetTimer(Timer("timeout", key), left_s))

    def _has_begun(self, run: StepRun) -> None:
        """What is told of a queue from now on is late."""
        if run.step.executor != LOCAL or run.key in self._elsewhere:
            known = self._elsewhere.get(run.key) or _Whereabouts(run.step.executor)
            self._elsewhere[run.key] = known._replace(has_begun=True)

    @property
    def keys(self) -> AbstractSet[AttemptKey]:
        """Those under way."""
        return self._run_by_key.keys()

    @property
    def are_elsewhere(self) -> bool:
        """Whether an engine has one of them."""
        return bool(self._elsewhere) or any(
            run.step.executor != LOCAL for run in self._run_by_key.values()
        )

    def running(self, key: AttemptKey) -> Optional[StepRun]:
        """Whose attempt it is, None where its end was told before."""
        return self._run_by_key.get(key)

    def over(self, key: AttemptKey) -> Optional[StepRun]:
        """Forget an attempt that has ended; whose it was, None where its end was told before."""
        run = self._run_by_key.pop(key, None)
        self._lending.close(key)
        if self._elsewhere:
            self._elsewhere.pop(key, None)
        if run is not None and (run.timeout_s is not None or run.cause is not None):
            self._orders.append(CancelTimer(Timer("timeout", key)))
            self._orders.append(CancelTimer(Timer("grace", key)))
        return run

    def time_is_up(self, kind: str, key: AttemptKey) -> None:
        """The `timeout` of an attempt, or the `grace` of one that was asked to end, is over."""
        run = self._run_by_key.get(key)
        if run is None:
            return
        if kind == "grace":
            self._orders.append(Stop(key, "SIGKILL"))
        elif run.cause is None:
            self._ask_to_end(run, Cause.TIMEOUT)

    def stop(self, at_once: bool) -> None:
        """Ask all to end; what cleans up has its timeout or 60 s left, unless it is `at_once`."""
        cause = self._halt.cause
        for key, run in self._run_by_key.items():
            if at_once:
                run.cause = run.cause or cause
                self._orders.append(Stop(key, "SIGKILL"))
            elif cleans_up(run):
                if run.timeout_s is None:
                    run.timeout_s = CLEAN_UP_S
                    self._orders.append(SetTimer(Timer("timeout", key), CLEAN_UP_S))
            elif run.cause is None:
                self._ask_to_end(run, cause)

    def call_off(self, block: Block, why: str) -> None:
        """Ask all to end that are among these steps, or in one of them, on behalf of `why`."""
        for run in self._run_by_key.values():
            if run.cause is None and block.holds(run) and not cleans_up(run, block):
                run.stopped_by = why
                self._ask_to_end(run, Cause.CANCEL)

    def _ask_to_end(self, run: StepRun, cause: Cause) -> None:
        run.cause = cause
        stop = run.step.stop
        self._orders.append(Stop(run.key, stop.signal))
        self._orders.append(SetTimer(Timer("grace", run.key), stop.grace_s))
