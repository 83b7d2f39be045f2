"""The machine that decides: stimuli in, events and orders out. Pure: no clock, process, file.

One turn is one call of `begin` or `handle`. Whatever a stimulus sets off, down the whole graph, is
worked out within the turn by a worklist, never by recursion. Time is a number the caller gives.
"""

from __future__ import annotations

from collections import deque
from typing import Callable, Deque, Dict, List, Mapping, Optional, Sequence, Set, Tuple

from orchestra.engine.budget import Budget, ReadyQueue
from orchestra.engine.conditions import Decision, decide, reads_files
from orchestra.engine.demand import fit_demand, resolve_demand, resolve_timeout_s
from orchestra.engine.halt import RUN_TIMEOUT, Halt
from orchestra.engine.opening import Origin, run_started
from orchestra.engine.ports import Ended, Launched, Launching, Written
from orchestra.engine.rules import (
    Verdict,
    asks_status,
    explain,
    judge,
    keeps_artifacts,
)
from orchestra.engine.scope import Scopes, StepsView
from orchestra.engine.steprun import StepRun
from orchestra.engine.stimuli import (
    ArtifactsCopied,
    AttemptOver,
    CancelTimer,
    Decide,
    Decided,
    DropArtifacts,
    KeepArtifacts,
    Launch,
    NotRendered,
    Order,
    Reaction,
    SetTimer,
    Stimulus,
    Stop,
    StopAsked,
    Timer,
    TimerFired,
)
from orchestra.engine.verdicts import (
    Cause,
    attempt_ended,
    final_state,
    judge_end,
    retry_delay_s,
    wants_retry,
)
from orchestra.errors import ExitCode
from orchestra.model.events import (
    ArtifactsKept,
    AttemptLaunched,
    AttemptStarted,
    Event,
    Noted,
    RetryScheduled,
    RunFinished,
    StepEnded,
    StepReady,
    StopRequested,
    SummaryWritten,
)
from orchestra.model.expression import ExpressionError, Scope, Value
from orchestra.model.plan import Plan
from orchestra.model.run import RESULT_BY_STATE, AttemptKey, StepState
from orchestra.model.workflow import NeedResult

CLEAN_UP_S = 60.0
"""How long a step without a timeout may run once the run is being stopped."""

_RUN_TIMER = Timer("run", None)


class Machine:
    """Follows one run of a plan. `draw` gives numbers from 0 to 1, for jitter."""

    def __init__(
        self, plan: Plan, scopes: Scopes, origin: Origin, draw: Callable[[], float]
    ) -> None:
        self._plan = plan
        self._scopes = scopes
        self._origin = origin
        self._draw = draw
        self._now = 0.0
        self._runs = [StepRun(index, planned) for index, planned in enumerate(plan.steps)]
        self._run_by_id = {run.step.id: run for run in self._runs}
        self._budget = Budget(plan.budget, plan.max_parallel, plan.devices)
        self._queue = ReadyQueue()
        self._running: Dict[AttemptKey, StepRun] = {}
        self._unsettled: Deque[StepRun] = deque()
        self._asked: Set[str] = set()
        self._keeping: Dict[AttemptKey, Tuple[StepRun, StepState, str]] = {}
        self._open = len(self._runs)
        self._any_failed = False
        self._halt = Halt()
        self._events: List[Event] = []
        self._orders: List[Order] = []
        self._handlers: Dict[type, Callable[..., None]] = {
            AttemptOver: self._attempt_over,
            Launched: self._launched,
            TimerFired: self._timer_fired,
            NotRendered: self._not_rendered,
            Decided: self._decided,
            ArtifactsCopied: self._artifacts_copied,
            StopAsked: self._stop_asked,
        }
        self.finished = False

    def begin(self, now: float) -> Reaction:
        """The first turn: the run starts, and all that can start at once."""
        self._now = now
        self._events.append(run_started(self._plan, self._scopes, self._origin))
        self._events.extend(Noted("", note) for note in self._plan.notes)
        if self._plan.workflow.timeout_s is not None:
            self._orders.append(SetTimer(_RUN_TIMER, self._plan.workflow.timeout_s))
        self._unsettled.extend(run for run in self._runs if not run.waiting)
        return self._turn()

    def handle(self, stimuli: Sequence[Stimulus], now: float) -> Reaction:
        """One turn over what has happened, in the order given; what comes late changes nothing."""
        self._now = now
        if not self.finished:
            for stimulus in stimuli:
                self._handlers[type(stimulus)](stimulus)
        return self._turn()

    def facts(self, step: str) -> Mapping[str, Value]:
        """What `steps.ID` shows of a step."""
        return self._run_by_id[step].facts()

    def above(self, step: str) -> List[str]:
        """The ids of all steps above one, nearest first."""
        steps = self._plan.steps
        order = list(steps[self._run_by_id[step].index].needs)
        seen = set(order)
        for number in order:
            fresh = [need for need in steps[number].needs if need not in seen]
            seen.update(fresh)
            order.extend(fresh)
        return [steps[number].step.id for number in order]

    def _turn(self) -> Reaction:
        if not self.finished:
            self._settle()
            self._launch_what_fits()
            if not self._open:
                self._finish()
        reaction = Reaction(self._events, self._orders)
        self._events, self._orders = [], []
        return reaction

    # A step whose needs have all ended

    def _settle(self) -> None:
        while self._unsettled:
            run = self._unsettled.popleft()
            if run.state is StepState.PENDING:
                self._consider(run)

    def _consider(self, run: StepRun) -> None:
        step = run.step
        if self._halt.holds(run.step):
            self._end(run, StepState.CANCELLED, self._halt.why)
            return
        if step.needs and not asks_status(step):
            verdict = judge([(self._result(need.step), need.when) for need in step.needs])
            if verdict is not Verdict.ASK:
                blocked = verdict is Verdict.BLOCK
                state = StepState.BLOCKED if blocked else StepState.SKIPPED
                self._end(run, state, explain(step.needs, self._state, verdict))
                return
        if step.condition is None and not step.require:
            self._go(run, "its needs were met" if step.needs else "it needs nothing")
            return
        scope = self._scope(run, self._status_functions(run))
        if reads_files(step):
            self._asked.add(step.id)
            self._orders.append(Decide(step, scope))
        else:
            self._take(run, decide(step, scope))

    def _decided(self, answer: Decided) -> None:
        if answer.step in self._asked:
            self._asked.remove(answer.step)
            run = self._run_by_id[answer.step]
            if self._halt.holds(run.step):
                self._end(run, StepState.CANCELLED, self._halt.why)
            else:
                self._take(run, answer.decision)

    def _take(self, run: StepRun, decision: Decision) -> None:
        if decision.state is None:
            self._go(run, decision.reason)
        elif decision.state is StepState.FAILED:
            self._fail(run, decision.reason)
        else:
            self._end(run, decision.state, decision.reason)

    def _fail(self, run: StepRun, reason: str) -> None:
        """End a step that cannot have an attempt."""
        if run.step.allow_failure is True:
            self._end(run, StepState.ALLOWED_FAILURE, "allowed: %s" % reason)
        else:
            self._end(run, StepState.FAILED, reason)

    def _go(self, run: StepRun, why: str) -> None:
        """The step is to run: a gate has done so, the others stand in line for the budget."""
        run.why = why
        if run.step.body is None:
            self._end(run, StepState.SUCCEEDED, why)
            return
        demand = self._plan.steps[run.index].demand
        if demand is None:
            try:
                demand = resolve_demand(run.step, self._scope(run))
            except ExpressionError as fault:
                self._fail(run, str(fault))
                return
            refusal, note = fit_demand(run.step.id, demand, self._plan.room)
            if refusal is not None:
                self._fail(run, refusal.message)
                return
            if note is not None:
                self._events.append(Noted(run.step.id, note))
        run.amounts = demand
        run.demand = self._budget.demand(demand)
        self._stand_in_line(run)

    def _stand_in_line(self, run: StepRun) -> None:
        run.state = StepState.READY
        run.ready_at = self._now
        self._events.append(StepReady(run.step.id, run.amounts))
        self._queue.push(run.index, run.demand, run.order)

    # Attempts

    def _launch_what_fits(self) -> None:
        index = self._queue.pop(self._budget)
        while index is not None:
            self._launch(self._runs[index])
            self._settle()
            index = self._queue.pop(self._budget)

    def _launch(self, run: StepRun) -> None:
        step = run.step
        steps = StepsView(self, step.id)
        try:
            env = self._scopes.env(step, steps)
            scope = self._scopes.scope(step, env, steps)
            run.timeout_s = resolve_timeout_s(step, scope)
        except ExpressionError as fault:
            self._fail(run, str(fault))
            return
        if self._halt.stop is not None and run.timeout_s is None:
            run.timeout_s = CLEAN_UP_S
        key = run.next_attempt()
        run.state = StepState.RUNNING
        run.cause = None
        run.devices = self._budget.take(run.demand, run.amounts.get("gpu", 0))
        if run.first_started_at is None:
            run.first_started_at = self._now
        self._running[key] = run
        queued_s = self._now - run.ready_at
        inherit = self._scopes.inherit(step)
        self._events.append(AttemptStarted(step.id, run.number, queued_s, run.devices))
        self._orders.append(
            Launch(Launching(key, step, scope, env, inherit, run.amounts, run.devices))
        )

    def _launched(self, launched: Launched) -> None:
        run = self._running.get(launched.key)
        if run is not None:
            self._events.append(AttemptLaunched(*launched.key, launched.pid))
            if run.timeout_s is not None:
                self._orders.append(SetTimer(Timer("timeout", launched.key), run.timeout_s))

    def _not_rendered(self, refused: NotRendered) -> None:
        self._close(Ended(refused.key, refusal=refused.reason), Written({}), again=False)

    def _attempt_over(self, over: AttemptOver) -> None:
        self._close(over.ended, over.written, again=True)

    def _close(self, ended: Ended, written: Written, again: bool) -> None:
        """An attempt is over: what it comes to, and another one if `again` allows."""
        run = self._running.pop(ended.key, None)
        if run is None:
            return  # a second exit of the same attempt
        if run.timeout_s is not None or run.cause is not None:
            self._orders.append(CancelTimer(Timer("timeout", ended.key)))
            self._orders.append(CancelTimer(Timer("grace", ended.key)))
        self._budget.give(run.demand, run.devices)
        run.exit_code = ended.exit_code
        run.outputs = written.outputs
        step = run.step
        stopped_by = "" if self._halt.stop is None else self._halt.stop.cause
        verdict = judge_end(step, ended, written, run.cause, stopped_by)
        self._events.append(attempt_ended(ended, verdict))
        if written.summary_bytes:
            path, size = ended.key.summary, written.summary_bytes
            self._events.append(SummaryWritten(*ended.key, path, size))
        self._events.extend(Noted(step.id, warning) for warning in written.warnings)
        run.given_up = final_state(step, verdict, ended.exit_code, run.cause, run.timeout_s)
        again = again and not self._halt.holds(step)
        if again and wants_retry(step, run.number, ended, verdict.outcome):
            self._wait_for_retry(run)
        elif run.given_up[0] is StepState.SUCCEEDED:
            tries = "" if run.number == 1 else "; attempt %d succeeded" % run.number
            self._end(run, StepState.SUCCEEDED, run.why + tries)
        else:
            self._end(run, *run.given_up)

    def _wait_for_retry(self, run: StepRun) -> None:
        retry = run.step.retry
        delay_s = retry_delay_s(retry, run.number, self._draw)
        assert run.first_started_at is not None
        assert run.given_up is not None
        spent_s = self._now + delay_s - run.first_started_at
        if retry.max_time_s is not None and spent_s > retry.max_time_s:
            state, reason = run.given_up
            self._end(run, state, reason + ", no time left for another attempt")
            return
        run.state = StepState.WAITING_RETRY
        key = AttemptKey(run.step.id, run.number + 1)
        self._events.append(RetryScheduled(*key, delay_s))
        self._orders.append(SetTimer(Timer("retry", key), delay_s))

    def _timer_fired(self, fired: TimerFired) -> None:
        kind, key = fired.timer
        if key is None:
            if self._halt.stop is None:
                self._stop_asked(StopAsked(RUN_TIMEOUT, ExitCode.FAILED))
            return
        run = self._run_by_id[key.step]
        if kind == "retry":
            if run.state is StepState.WAITING_RETRY and key.number == run.number + 1:
                self._stand_in_line(run)
        elif key in self._running:
            if kind == "grace":
                self._orders.append(Stop(key, "SIGKILL"))
            elif run.cause is None:
                self._ask_to_end(run, Cause.TIMEOUT)

    def _ask_to_end(self, run: StepRun, cause: Cause) -> None:
        run.cause = cause
        stop = run.step.stop
        self._orders.append(Stop(run.key, stop.signal))
        self._orders.append(SetTimer(Timer("grace", run.key), stop.grace_s))

    # The end of a step

    def _keep(self, run: StepRun, state: StepState, reason: str) -> bool:
        """Whether the files of a step that had its last attempt are to be kept before it ends."""
        if not run.number or not keeps_artifacts(run.step, state):
            return False
        run.state = StepState.RUNNING
        self._keeping[run.key] = run, state, reason
        self._orders.append(KeepArtifacts(run.key, run.step, self._scope(run)))
        return True

    def _artifacts_copied(self, copied: ArtifactsCopied) -> None:
        run, state, reason = self._keeping.pop(copied.key, (None, StepState.FAILED, ""))
        if run is None:
            return  # the answer of a copy that was given up
        if copied.kept.files:
            self._events.append(ArtifactsKept(*copied.key, copied.kept.files))
        self._events.extend(Noted(run.step.id, note) for note in copied.kept.notes)
        self._end(run, state, reason, is_kept=True)

    def _end(self, run: StepRun, state: StepState, reason: str, is_kept: bool = False) -> None:
        if run.step.artifacts is not None and not is_kept and self._keep(run, state, reason):
            return
        run.state = state
        run.ended_at = self._now
        self._open -= 1
        self._events.append(StepEnded(run.step.id, state._value_, reason, run.outputs))
        failed = state is StepState.FAILED
        for number in self._plan.steps[run.index].dependents:
            below = self._runs[number]
            below.waiting -= 1
            below.failed_above = below.failed_above or failed or run.failed_above
            if not below.waiting:
                self._unsettled.append(below)
        if failed:
            self._any_failed = True
            if self._plan.fail_fast and not self._halt.is_on:
                self._halt.struck_by = run.step.id
                self._call_off()

    def _call_off(self) -> None:
        """Cancel what stands in line and may not start any more, give up retries.

        A step that still waits for others is cancelled when the last of them has ended, so that
        nothing below it starts beside something above it.
        """
        for index in self._queue.drain():
            run = self._runs[index]
            if self._halt.holds(run.step):
                self._end(run, StepState.CANCELLED, self._halt.why)
            else:
                self._queue.push(index, run.demand, run.order)
        for run in self._runs:
            if run.state is StepState.WAITING_RETRY and self._halt.holds(run.step):
                self._give_up_retry(run)

    def _give_up_retry(self, run: StepRun) -> None:
        self._orders.append(CancelTimer(Timer("retry", AttemptKey(run.step.id, run.number + 1))))
        assert run.given_up is not None
        self._end(run, *self._halt.retry_given_up(*run.given_up))

    # The end of the run

    def _stop_asked(self, asked: StopAsked) -> None:
        """The first request ends the run in order; a second one, or one that says so, at once."""
        at_once = self._halt.ask(asked)
        self._events.append(StopRequested(asked.cause, at_once))
        cause = Cause.RUN_TIMEOUT if self._halt.timed_out else Cause.CANCEL
        for key, run in self._running.items():
            if at_once:
                run.cause = run.cause or cause
                self._orders.append(Stop(key, "SIGKILL"))
            elif run.cause is None:
                self._ask_to_end(run, cause)
        if at_once and self._keeping:
            self._orders.append(DropArtifacts())
        self._call_off()

    def _finish(self) -> None:
        self.finished = True
        if self._plan.workflow.timeout_s is not None:
            self._orders.append(CancelTimer(_RUN_TIMER))
        state, exit_code, reason = self._halt.end(self._any_failed)
        self._events.append(RunFinished(state.value, exit_code, reason))

    # What the rest is made from

    def _state(self, step: str) -> StepState:
        return self._run_by_id[step].state

    def _result(self, step: str) -> NeedResult:
        return RESULT_BY_STATE[self._run_by_id[step].state]

    def _scope(
        self, run: StepRun, functions: Optional[Mapping[str, Callable[..., Value]]] = None
    ) -> Scope:
        return self._scopes.early_scope(run.step, StepsView(self, run.step.id), functions)

    def _status_functions(self, run: StepRun) -> Mapping[str, Callable[..., Value]]:
        return {
            "always": lambda: True,
            "cancelled": lambda: self._halt.stop is not None,
            "failure": lambda: run.failed_above,
            "success": lambda: all(
                self._result(need.step) is NeedResult.SUCCESS for need in run.step.needs
            ),
        }
