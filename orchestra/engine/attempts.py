"""The attempts under way: launched, bounded in time, asked to end. Pure; decides no state."""

from __future__ import annotations

from contextlib import suppress
from typing import Dict, List, Optional

from orchestra.engine.aftermath import cleans_up, sight
from orchestra.engine.block import Block
from orchestra.engine.demand import resolve_timeout_s
from orchestra.engine.halt import Halt
from orchestra.engine.lending import Lending
from orchestra.engine.ports import Launched, Launching, Reattached
from orchestra.engine.reopening import INTERRUPTED
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
from orchestra.engine.whereabouts import errand_of
from orchestra.model.errand import LOCAL
from orchestra.model.events import AttemptLaunched, AttemptStarted, Event, Noted
from orchestra.model.expression import ExpressionError
from orchestra.model.run import AttemptKey

CLEAN_UP_S = 60.0
"""How long what has no timeout may run once the run, or the steps around, are being stopped."""


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

    def launch(self, run: StepRun, now: float) -> str:
        """Start an attempt of what holds its share of the budget; else why it cannot start."""
        if not run.may_begin:
            return "%s, and may not run again" % INTERRUPTED
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

    def take_over(self, run: StepRun, pid: Optional[int], began_s: float) -> None:
        """Follow an attempt that another orchestrator started."""
        scopes, view = sight(run)
        with suppress(ExpressionError):  # it could be evaluated when the attempt was launched
            env = scopes.env(run.step, view, run.names)
            scope = scopes.scope(run.step, env, view, None, run.names)
            run.timeout_s = resolve_timeout_s(run.step, scope)
        self._run_by_key[run.key] = run
        self._orders.append(Reattach(run.key, run.step, pid, began_s))
        if run.step.jobserver:
            self._lending.take_over(run.key, run.step, run.amounts)

    def reattached(self, reattached: Reattached) -> None:
        """The process of an attempt still runs: what is left of its time goes on."""
        run = self._run_by_key.get(reattached.key)
        if run is not None:
            self._events.append(Noted(run.step.id, "taken over, still running"))
            if run.timeout_s is not None:
                rest_s = max(0.0, run.timeout_s - reattached.elapsed_s)
                self._orders.append(SetTimer(Timer("timeout", run.key), rest_s))

    def launched(self, launched: Launched) -> None:
        """A process exists: its time begins."""
        run = self._run_by_key.get(launched.key)
        if run is not None:
            key, pid, began_s, _ = launched
            self._events.append(AttemptLaunched(key.step, key.number, pid, began_s))
            if run.timeout_s is not None:
                self._orders.append(SetTimer(Timer("timeout", launched.key), run.timeout_s))

    def running(self, key: AttemptKey) -> Optional[StepRun]:
        """Whose attempt it is, None where its end was told before."""
        return self._run_by_key.get(key)

    def over(self, key: AttemptKey) -> Optional[StepRun]:
        """Forget an attempt that has ended; whose it was, None where its end was told before."""
        run = self._run_by_key.pop(key, None)
        self._lending.close(key)
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
