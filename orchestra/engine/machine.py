"""The machine that decides: stimuli in, events and orders out. Pure: no clock, process, file.

One turn is one call of `begin` or `handle`. Whatever a stimulus sets off, down the whole graph, is
worked out within the turn by a worklist, never by recursion. Time is a number the caller gives.
"""

from __future__ import annotations

from collections import deque
from typing import Callable, Deque, Dict, List, Mapping, Optional, Sequence, Set

from orchestra.engine.aftermath import (
    PartRun,
    TailRun,
    fail,
    next_role,
    settle,
    take_in,
    was_stopped,
)
from orchestra.engine.attempts import Attempts
from orchestra.engine.budget import Budget, ReadyQueue
from orchestra.engine.conditions import Decision, decide, reads_files
from orchestra.engine.demand import fit_demand, grown, resolve_demand
from orchestra.engine.halt import RUN_TIMEOUT, Halt
from orchestra.engine.opening import Origin, run_started
from orchestra.engine.ports import Ended, Launched, Question, Written
from orchestra.engine.results import KnownResults
from orchestra.engine.rules import (
    Verdict,
    asks_status,
    explain,
    judge,
)
from orchestra.engine.scope import Scopes, StepsView
from orchestra.engine.steprun import StepRun
from orchestra.engine.stimuli import (
    AttemptOver,
    CacheChecked,
    CancelTimer,
    CheckCache,
    Decide,
    Decided,
    NotRendered,
    Order,
    Reaction,
    Sealed,
    SealSuccess,
    SetTimer,
    Stimulus,
    StopAsked,
    Timer,
    TimerFired,
)
from orchestra.engine.upkeep import Upkeep
from orchestra.engine.verdicts import (
    Failure,
    allowed,
    attempt_ended,
    judge_end,
    retry_delay_s,
    wants_retry,
)
from orchestra.errors import ExitCode
from orchestra.model.events import (
    CacheMissed,
    Event,
    Noted,
    ResultReused,
    RetryScheduled,
    RunFinished,
    StepEnded,
    StepReady,
    StepsAdded,
    StopRequested,
)
from orchestra.model.expression import ExpressionError, Scope, Value
from orchestra.model.plan import LeftOut, Plan
from orchestra.model.run import AttemptKey, Role, StepState

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
        self._unsettled: Deque[StepRun] = deque()
        self._asked: Set[str] = set()
        self._open = len(self._runs)
        self._failures: List[Failure] = []
        self._tail: Optional[TailRun] = None
        self._left_out = plan.left_out
        self._halt = Halt()
        self._upkeep = Upkeep()
        self._events: List[Event] = []
        self._orders: List[Order] = []
        self.results = KnownResults(plan, self._run_by_id, self._halt)
        self._attempts = Attempts(scopes, self.results, self._halt, self._events, self._orders)
        self._handlers: Dict[type, Callable[..., None]] = {
            AttemptOver: self._attempt_over,
            Launched: self._attempts.launched,
            TimerFired: self._timer_fired,
            NotRendered: self._not_rendered,
            Decided: self._decided,
            CacheChecked: self._cache_checked,
            Sealed: self._sealed,
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

    def _turn(self) -> Reaction:
        if not self.finished:
            self._settle()
            self._launch_what_fits()
            if not self._open and self._is_wound_up():
                self._finish()
        reaction = Reaction(self._events[:], self._orders[:])
        self._events.clear()
        self._orders.clear()
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
            verdict = judge([(self.results.result(need.step), need.when) for need in step.needs])
            if step.id in self._left_out and verdict is Verdict.SKIP:
                verdict = Verdict.ASK
            if verdict is not Verdict.ASK:
                blocked = verdict is Verdict.BLOCK
                state = StepState.BLOCKED if blocked else StepState.SKIPPED
                reason = explain(step.needs, self.results.state, verdict, self._left_out)
                self._end(run, state, reason)
                return
        if step.id in self._left_out:
            self._leave_out(run, self._left_out[step.id])
            return
        if step.condition is None and not step.require:
            self._go(run, "its needs were met" if step.needs else "it needs nothing")
            return
        scope = self._scope(run, self.results.status_functions(run))
        if reads_files(step):
            self._asked.add(step.id)
            self._orders.append(Decide(step, scope))
        else:
            self._take(run, decide(step, scope))

    def _leave_out(self, run: StepRun, left: LeftOut) -> None:
        """It counts as a success once what is above it has ended, so that the order is kept."""
        run.outputs = left.outputs
        self._events.append(ResultReused(run.step.id, left.run_id, True))
        self._end(run, StepState.SKIPPED, left.reason)

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
        self._end(run, *allowed(run.step, reason))

    def _go(self, run: StepRun, why: str) -> None:
        """The step is to run: a gate has done so, the others stand in line for the budget."""
        run.why = why
        if run.step.body is None:
            self._end(run, StepState.SUCCEEDED, why)
            return
        if run.step.cache is not None and not self._upkeep.was_asked(run.step.id):
            self._check_cache(run)
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

    def _check_cache(self, run: StepRun) -> None:
        question = Question(run.step, self._scope(run), self._plan.force)
        self._upkeep.ask(run, question)
        self._orders.append(CheckCache(question))

    def _cache_checked(self, checked: CacheChecked) -> None:
        run = self._upkeep.answer(checked)
        if run is None:
            return
        step, finding = checked
        self._events.extend(Noted(step, note) for note in finding.notes)
        if self._halt.holds(run.step):
            self._end(run, StepState.CANCELLED, self._halt.why)
        elif finding.fault:
            self._fail(run, finding.fault)
        elif finding.success is not None:
            run.outputs = finding.success.outputs
            self._events.append(ResultReused(step, finding.success.run_id, False))
            self._end(run, StepState.CACHED, finding.reason)
        else:
            self._events.append(CacheMissed(step, finding.fingerprint, finding.reason))
            self._go(run, finding.reason)

    def _stand_in_line(self, run: StepRun) -> None:
        run.state = StepState.READY
        run.ready_at = self._now
        self._events.append(StepReady(run.step.id, run.amounts))
        self._queue.push(run.index, run.demand, run.order)

    # Attempts, and the parts that come after the last one

    def _launch_what_fits(self) -> None:
        index = self._queue.pop(self._budget)
        while index is not None:
            run = self._runs[index]
            run.devices = self._budget.take(run.demand, run.amounts.get("gpu", 0))
            run.state = StepState.RUNNING
            if run.next_role is not None:
                self._start(PartRun(run, run.next_role))
            else:
                fault = self._attempts.launch(run, self._now)
                if fault:
                    fail(run, fault)
                    self._conclude(run)
            self._settle()
            index = self._queue.pop(self._budget)

    def _start(self, part: PartRun) -> None:
        part.ready_at = self._now
        self._events.append(StepsAdded((part.entry(),)))
        fault = self._attempts.launch(part, self._now)
        if fault:
            self._part_over(part, StepState.FAILED, fault)

    def _not_rendered(self, refused: NotRendered) -> None:
        self._close(Ended(refused.key, refusal=refused.reason), Written({}), again=False)

    def _attempt_over(self, over: AttemptOver) -> None:
        if not self._upkeep.is_used or not self._keep_back(over):
            self._close(over.ended, over.written, again=True)

    def _keep_back(self, over: AttemptOver) -> bool:
        """Whether the end of an attempt has to wait until what it left has been looked at."""
        key = over.ended.key
        run = self._attempts.running(key)
        finding = self._upkeep.finding(key.step)
        if run is None or finding is None:
            return False
        if self._upkeep.is_held(key):
            return True  # a second exit of the same attempt
        is_good = over.ended.exit_code in run.step.success_codes and not over.written.problems
        if run.cause is not None or not is_good:
            return False
        self._upkeep.hold(over)
        if run.timeout_s is not None:
            self._orders.append(CancelTimer(Timer("timeout", key)))
        self._orders.append(SealSuccess(key, self._upkeep.question(key.step), finding))
        return True

    def _sealed(self, sealed: Sealed) -> None:
        over = self._upkeep.release(sealed.key, sealed.seal)
        if over is not None:
            run = self._attempts.running(sealed.key)
            if run is not None and run.cause is not None:  # asked to end when it had ended
                run.cause = None
                self._orders.append(CancelTimer(Timer("grace", sealed.key)))
            self._close(over.ended, over.written, again=True)

    def _close(self, ended: Ended, written: Written, again: bool) -> None:
        """An attempt is over: what it comes to, and another one if `again` allows."""
        run = self._attempts.over(ended.key)
        if run is None:
            return  # a second exit of the same attempt
        step = run.step
        stopped_by = "" if self._halt.stop is None else self._halt.stop.cause
        verdict = judge_end(step, ended, written, run.cause, stopped_by)
        self._events.append(attempt_ended(ended, verdict))
        self._events.extend(Noted(step.id, warning) for warning in written.warnings)
        state, reason = settle(run, ended, written, verdict)
        if type(run) is PartRun:
            self._part_over(run, state, reason)
            return
        again = again and not self._halt.holds(step)
        if not again or not wants_retry(step, run.number, ended, written, verdict.outcome):
            self._conclude(run)
            return
        delay_s = retry_delay_s(step.retry, run.number, self._draw)
        if run.has_time(step.retry.max_time_s, self._now + delay_s):
            self._wait_for_retry(run, delay_s)
        else:
            run.given_up = state, reason + ", no time left for another attempt"
            self._conclude(run)

    def _wait_for_retry(self, run: StepRun, delay_s: float) -> None:
        self._budget.give(run.demand, run.devices)
        run.state = StepState.WAITING_RETRY
        key = AttemptKey(run.step.id, run.number + 1)
        self._events.append(RetryScheduled(*key, delay_s))
        self._orders.append(SetTimer(Timer("retry", key), delay_s))

    def _conclude(self, run: StepRun, last: Optional[Role] = None) -> None:
        """What comes after the last attempt, or after the part `last`: another part, or the end.

        All parts run while the step holds its share; one that holds none stands in line first.
        """
        assert run.given_up is not None
        if run.step.handlers:
            role = next_role(run, last, self._halt)
            if role is not None and run.state is StepState.RUNNING:
                self._start(PartRun(run, role))
                if role is not Role.FALLBACK and run is not self._tail:
                    self._strike(run, run.given_up[0])
                return
            if role is not None:
                run.next_role = role
                run.state = StepState.READY
                self._queue.push(run.index, run.demand, run.order)
                return
        if run.state is StepState.RUNNING:
            self._budget.give(run.demand, run.devices)
        if run is self._tail:
            run.state = run.given_up[0]
        else:
            self._end(run, *run.given_up)

    def _part_over(self, part: PartRun, state: StepState, reason: str) -> None:
        """A fallback or a handler has ended: on with what comes after it."""
        self._events.append(StepEnded(part.step.id, state._value_, reason, part.outputs))
        note = take_in(part, state, reason)
        if note is not None:
            self._events.append(Noted(part.owner.step.id, note))
        if self._tail is not None:
            self._tail.settle(self._halt, self._failures)
        self._conclude(part.owner, part.role)

    def _timer_fired(self, fired: TimerFired) -> None:
        kind, key = fired.timer
        if key is None:
            if self._halt.stop is None:
                self._stop_asked(StopAsked(RUN_TIMEOUT, ExitCode.FAILED))
            return
        if kind != "retry":
            self._attempts.time_is_up(kind, key)
            return
        run = self._run_by_id[key.step]
        if run.state is StepState.WAITING_RETRY and key.number == run.number + 1:
            factors = run.step.retry.resources
            if factors:
                run.amounts, notes = grown(key, run.amounts, factors, self._plan.room)
                run.demand = self._budget.demand(run.amounts)
                self._events.extend(Noted(key.step, note) for note in notes)
            self._stand_in_line(run)

    # The end of a step

    def _end(self, run: StepRun, state: StepState, reason: str) -> None:
        run.state = state
        run.ended_at = self._now
        self._open -= 1
        if state is StepState.SUCCEEDED and self._upkeep.is_used:
            self._events.extend(self._upkeep.kept(run.step.id))
        self._events.append(StepEnded(run.step.id, state._value_, reason, run.outputs))
        failed = state is StepState.FAILED
        for number in self._plan.steps[run.index].dependents:
            below = self._runs[number]
            below.waiting -= 1
            below.failed_above = below.failed_above or failed or run.failed_above
            if not below.waiting:
                self._unsettled.append(below)
        if failed:
            self._failures.append(run.failure or Failure(run.step.id, None, reason, None))
            self._strike(run, state)

    def _strike(self, run: StepRun, state: StepState) -> None:
        """Let `fail_fast` hold for a step that is failed, whatever its handlers still do."""
        if state is StepState.FAILED and self._plan.fail_fast and not self._halt.is_on:
            self._halt.struck_by = run.step.id
            self._call_off()

    def _call_off(self) -> None:
        """Cancel what stands in line and may not start any more, give up retries.

        A step that still waits for others is cancelled when the last of them has ended, so that
        nothing below it starts beside something above it.
        """
        for index in self._queue.drain():
            run = self._runs[index]
            if not self._halt.holds(run.step) and run.next_role is None:
                self._queue.push(index, run.demand, run.order)
            elif run.given_up is None:
                self._end(run, StepState.CANCELLED, self._halt.why)
            else:
                self._give_up(run)
        for run in self._upkeep.waiting():
            if self._halt.holds(run.step):
                self._upkeep.give_up(run.step.id)
                self._end(run, StepState.CANCELLED, self._halt.why)
        for run in self._runs:
            if run.state is StepState.WAITING_RETRY and self._halt.holds(run.step):
                timer = Timer("retry", AttemptKey(run.step.id, run.number + 1))
                self._orders.append(CancelTimer(timer))
                self._give_up(run)

    def _give_up(self, run: StepRun) -> None:
        """No further attempt is made of a step, and what it waits to do is thought over."""
        assert run.given_up is not None
        run.next_role = None
        if not was_stopped(run):
            run.given_up = self._halt.retry_given_up(*run.given_up)
            if self._halt.stop is not None:
                run.cause = self._halt.cause
        self._conclude(run)

    # The end of the run

    def _stop_asked(self, asked: StopAsked) -> None:
        """The first request ends the run in order; a second one, or one that says so, at once."""
        at_once = self._halt.ask(asked)
        self._events.append(StopRequested(asked.cause, at_once))
        self._attempts.stop(at_once)
        if at_once:
            for over in self._upkeep.release_all():
                self._close(over.ended, over.written, again=False)
        self._call_off()

    def _is_wound_up(self) -> bool:
        """Whether what the workflow has for the end of its run is over, once all steps are."""
        if self._tail is None and self._plan.workflow.handlers:
            tail = self._tail = TailRun(self._plan.workflow, self._plan.budget)
            tail.settle(self._halt, self._failures)
            tail.demand = self._budget.demand(tail.amounts)
            self._budget.take(tail.demand)
            self._conclude(tail)
        return self._tail is None or self._tail.state is not StepState.RUNNING

    def _finish(self) -> None:
        self.finished = True
        if self._plan.workflow.timeout_s is not None:
            self._orders.append(CancelTimer(_RUN_TIMER))
        state, exit_code, reason = self._halt.end(bool(self._failures))
        self._events.append(RunFinished(state.value, exit_code, reason))

    def _scope(
        self, run: StepRun, functions: Optional[Mapping[str, Callable[..., Value]]] = None
    ) -> Scope:
        view = StepsView(self.results, run.step.id)
        return self._scopes.early_scope(run.step, view, functions)
