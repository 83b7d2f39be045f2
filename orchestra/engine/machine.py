"""The machine that decides: stimuli in, events and orders out. Pure: no clock, process, file.

One turn is one call of `begin` or `handle`. Whatever a stimulus sets off, down the whole graph, is
worked out within the turn by a worklist, never by recursion. Time is a number the caller gives.
"""

from __future__ import annotations

from collections import deque
from typing import Callable, Deque, Dict, List, Mapping, Optional, Sequence, Set

from orchestra.engine.block import Block
from orchestra.engine.budget import Budget, ReadyQueue
from orchestra.engine.conditions import Decision, decide, reads_files
from orchestra.engine.demand import fit_demand, resolve_demand, resolve_timeout_s
from orchestra.engine.fanout import Group, rows_of, why_it_goes, without_own_questions
from orchestra.engine.halt import RUN_TIMEOUT, Halt, struck_why
from orchestra.engine.opening import Origin, run_started
from orchestra.engine.ports import Ended, Launched, Launching, Written
from orchestra.engine.rules import (
    Verdict,
    asks_status,
    explain,
    judge,
    starts_after_failure,
)
from orchestra.engine.scope import Scopes, StepsView
from orchestra.engine.steprun import StepRun
from orchestra.engine.stimuli import (
    AttemptOver,
    CancelTimer,
    Decide,
    Decided,
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
    AttemptLaunched,
    AttemptStarted,
    Event,
    Noted,
    RetryScheduled,
    RunFinished,
    StepEnded,
    StepReady,
    StepsAdded,
    StopRequested,
)
from orchestra.model.expression import ExpressionError, Scope, Value
from orchestra.model.plan import Plan
from orchestra.model.run import AttemptKey, StepState
from orchestra.model.units import format_duration
from orchestra.model.workflow import FanOut, NeedResult, Uses

CLEAN_UP_S = 60.0
"""How long a step without a timeout may run once the run is being stopped."""

_RUN_TIMER = Timer("run", None)


class Machine:
    """Follows one run of a plan. `draw` gives numbers from 0 to 1, for jitter."""

    def __init__(
        self, plan: Plan, scopes: Scopes, origin: Origin, draw: Callable[[], float]
    ) -> None:
        self._plan = plan
        self._origin = origin
        self._draw = draw
        self._now = 0.0
        self.root = Block(plan.steps, scopes, fail_fast=plan.fail_fast)
        self._runs = list(self.root.runs)
        self._run_by_id = {run.step.id: run for run in self._runs}
        self._budget = Budget(plan.budget, plan.max_parallel, plan.devices)
        self._queue = ReadyQueue()
        self._running: Dict[AttemptKey, StepRun] = {}
        self._unsettled: Deque[StepRun] = deque()
        self._asked: Set[str] = set()
        self._group_by_owner: Dict[str, Group] = {}
        self._block_by_owner: Dict[str, Block] = {}
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
            StopAsked: self._stop_asked,
        }
        self.finished = False

    def begin(self, now: float) -> Reaction:
        """The first turn: the run starts, and all that can start at once."""
        self._now = now
        self._events.append(run_started(self._plan, self.root.scopes, self._origin))
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

    def _turn(self) -> Reaction:
        if not self.finished:
            self._settle()
            self._launch_what_fits()
            if not self.root.open:
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
        why_held = self._why_held(run)
        if why_held:
            self._end(run, StepState.CANCELLED, why_held)
            return
        if step.needs and not asks_status(step):
            result = run.block.result
            verdict = judge([(result(need.step), need.when) for need in step.needs])
            if verdict is not Verdict.ASK:
                blocked = verdict is Verdict.BLOCK
                state = StepState.BLOCKED if blocked else StepState.SKIPPED
                self._end(run, state, explain(step.needs, run.block.state, verdict))
                return
        if step.fan_out is not None:
            step = without_own_questions(step)
        if step.condition is None and not step.require:
            self._go(run, why_it_goes(run))
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
            why_held = self._why_held(run)
            if why_held:
                self._end(run, StepState.CANCELLED, why_held)
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
        if run.step.fan_out is not None:
            self._expand(run, run.step.fan_out)
            return
        if run.step.body is None:
            self._end(run, StepState.SUCCEEDED, why)
            return
        if run.planned.inner:
            self._enter(run)
            return
        demand = run.planned.demand
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
        limits = run.block.limits
        run.demand = self._budget.demand({**demand, **limits} if limits else demand)
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
        steps = StepsView(run.block, run.local)
        scopes = run.block.scopes
        try:
            env = scopes.env(step, steps, run.names)
            scope = scopes.scope(step, env, steps, None, run.names)
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
        inherit = scopes.inherit(step)
        self._events.append(AttemptStarted(step.id, run.number, queued_s, run.devices))
        self._orders.append(
            Launch(
                Launching(key, step, scope, env, inherit, run.amounts, run.devices, scopes.folder)
            )
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
        stopped_by = self._halt.stop.cause if self._halt.stop is not None else run.stopped_by
        verdict = judge_end(step, ended, written, run.cause, stopped_by)
        self._events.append(attempt_ended(ended, verdict))
        self._events.extend(Noted(step.id, warning) for warning in written.warnings)
        run.given_up = final_state(step, verdict, ended.exit_code, run.cause, run.timeout_s)
        again = again and wants_retry(step, run.number, ended, verdict.outcome)
        if again and not self._why_held(run):
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
        block = self._block_by_owner.get(key.step)
        if block is not None:
            self._time_out(block, run)
        elif kind == "retry":
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

    def _end(self, run: StepRun, state: StepState, reason: str) -> None:
        run.state = state
        run.ended_at = self._now
        self._events.append(StepEnded(run.step.id, state._value_, reason, run.outputs))
        if run.owner is not None:
            self._instance_ended(run, run.owner, reason)
            return
        block = run.block
        failed = state is StepState.FAILED
        for number in run.planned.dependents:
            below = block.runs[number]
            below.waiting -= 1
            below.failed_above = below.failed_above or failed or run.failed_above
            if not below.waiting:
                self._unsettled.append(below)
        if block.note_end(run, reason):
            self._call_off()
        if not block.open and block.owner is not None:
            self._leave(block, block.owner)

    def _call_off(self) -> None:
        """Cancel what stands in line and may not start any more, give up retries.

        A step that still waits for others is cancelled when the last of them has ended, so that
        nothing below it starts beside something above it.
        """
        for index in self._queue.drain():
            run = self._runs[index]
            why_held = self._why_held(run)
            if why_held:
                self._end(run, StepState.CANCELLED, why_held)
            else:
                self._queue.push(index, run.demand, run.order)
        for run in self._runs:
            if run.state is StepState.WAITING_RETRY:
                why_held = self._why_held(run)
                if why_held:
                    self._give_up_retry(run, why_held)
        for group in list(self._group_by_owner.values()):
            first = group.next_waiting()
            why_held = "" if first is None else self._why_held(first)
            if why_held:
                for run in group.drain():
                    self._end(run, StepState.CANCELLED, why_held)

    def _give_up_retry(self, run: StepRun, why: str) -> None:
        self._orders.append(CancelTimer(Timer("retry", AttemptKey(run.step.id, run.number + 1))))
        assert run.given_up is not None
        self._end(run, *self._halt.retry_given_up(*run.given_up, why))

    # The instances of a step

    def _expand(self, run: StepRun, fan_out: FanOut) -> None:
        """Make the instances of a step that is to run, and let the first of them start."""
        try:
            rows = rows_of(fan_out, self._scope(run))
        except ExpressionError as fault:
            self._fail(run, str(fault))
            return
        step = run.step
        group = Group(run, rows, len(self._runs), run.block.fail_fast)
        self._add(group.members)
        run.items = group.items()
        if not rows:
            run.outputs = group.outputs()
            self._end(run, StepState.SUCCEEDED, run.why + "; an empty list")
            return
        run.state = StepState.RUNNING
        run.first_started_at = self._now
        self._events.append(StepsAdded(group.entries()))
        self._group_by_owner[step.id] = group
        self._unsettled.extend(group.admit())

    def _instance_ended(self, run: StepRun, owner: StepRun, reason: str) -> None:
        group = self._group_by_owner[owner.step.id]
        if group.note_end(run, reason):
            self._call_off()
        if group.open:
            self._unsettled.extend(group.admit())
        elif self._group_by_owner.pop(owner.step.id, None) is not None:
            owner.outputs = group.outputs()
            self._end(owner, *group.result())

    def _add(self, runs: Sequence[StepRun]) -> None:
        self._runs.extend(runs)
        self._run_by_id.update((run.step.id, run) for run in runs)

    # The steps in a step

    def _enter(self, run: StepRun) -> None:
        """Let the steps in a step start."""
        try:
            block = self._block_in(run)
        except ExpressionError as fault:
            self._fail(run, str(fault))
            return
        self._add(block.runs)
        run.state = StepState.RUNNING
        run.first_started_at = self._now
        self._events.append(StepsAdded(block.entries()))
        self._block_by_owner[run.step.id] = block
        if run.timeout_s is not None:
            self._orders.append(SetTimer(Timer("timeout", run.key), run.timeout_s))
        self._unsettled.extend(each for each in block.runs if not each.waiting)

    def _block_in(self, run: StepRun) -> Block:
        outer, scope = run.block, self._scope(run)
        run.timeout_s = resolve_timeout_s(run.step, scope)
        inner, number, body = run.planned.inner, len(self._runs), run.step.body
        if not isinstance(body, Uses):
            return Block(
                inner,
                outer.scopes,
                number,
                outer.fail_fast,
                run,
                outer,
                run.names,
                outer.limits,
            )
        used, limits = body.workflow, outer.limits
        if used.timeout_s is not None:
            run.timeout_s = min(run.timeout_s or used.timeout_s, used.timeout_s)
        if used.max_parallel is not None:
            name = "steps in " + run.step.id
            self._budget.add(name, used.max_parallel)
            limits = {**limits, name: 1}
        scopes = outer.scopes.used(run.step, body, scope)
        return Block(inner, scopes, number, used.fail_fast, run, limits=limits)

    def _leave(self, block: Block, owner: StepRun) -> None:
        """All steps in a step have ended, and so does it."""
        if self._block_by_owner.pop(owner.step.id, None) is None:
            return
        if owner.timeout_s is not None:
            self._orders.append(CancelTimer(Timer("timeout", owner.key)))
        state, reason = block.outcome()
        if state is StepState.SUCCEEDED and isinstance(owner.step.body, Uses):
            try:
                owner.outputs = block.scopes.outputs(StepsView(block, ""))
            except ExpressionError as fault:
                state, reason = StepState.FAILED, str(fault)
        if state is StepState.FAILED:
            self._fail(owner, reason)
        else:
            self._end(owner, state, reason)

    def _time_out(self, block: Block, owner: StepRun) -> None:
        """The time of a step is over in which others run."""
        assert owner.timeout_s is not None
        block.called_off = "timed out after %s" % format_duration(owner.timeout_s)
        for run in list(self._running.values()):
            if run.cause is None and _is_inside(run, block):
                run.stopped_by = "the timeout of `%s`" % owner.step.id
                self._ask_to_end(run, Cause.CANCEL)
        self._call_off()

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
        self._call_off()

    def _finish(self) -> None:
        self.finished = True
        if self._plan.workflow.timeout_s is not None:
            self._orders.append(CancelTimer(_RUN_TIMER))
        state, exit_code, reason = self._halt.end(self.root.has_failed)
        self._events.append(RunFinished(state.value, exit_code, reason))

    # What the rest is made from

    def _why_held(self, run: StepRun) -> str:
        """Why the step may not start, nor another attempt of it; empty where it may."""
        ruled = (run.owner or run).step
        if self._halt.holds(ruled):
            return self._halt.why
        if run.owner is not None:
            struck_by = self._group_by_owner[ruled.id].struck_by
            if struck_by:
                return struck_why(struck_by)
        block: Optional[Block] = run.block
        while block is not None:
            if block.called_off and block.owner is not None:
                return "`%s` %s" % (block.owner.step.id, block.called_off)
            is_struck = block.struck_by and self._halt.stop is None
            if is_struck and not starts_after_failure(ruled):
                return struck_why(block.struck_by)
            block = None if block.owner is None else block.owner.block
        return ""

    def _scope(
        self, run: StepRun, functions: Optional[Mapping[str, Callable[..., Value]]] = None
    ) -> Scope:
        steps = StepsView(run.block, run.local)
        return run.block.scopes.early_scope(run.step, steps, functions, run.names)

    def _status_functions(self, run: StepRun) -> Mapping[str, Callable[..., Value]]:
        ruled = run.owner or run
        return {
            "always": lambda: True,
            "cancelled": lambda: self._halt.stop is not None,
            "failure": lambda: ruled.failed_above,
            "success": lambda: all(
                run.block.result(need.step) is NeedResult.SUCCESS for need in ruled.step.needs
            ),
        }


def _is_inside(run: StepRun, block: Block) -> bool:
    """Whether a step is among these, or in one of them."""
    inner: Optional[StepRun] = run
    while inner is not None and inner.block is not block:
        inner = inner.block.owner
    return inner is not None
