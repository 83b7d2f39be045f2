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
    clean_up_share,
    cleans_up,
    fail,
    next_role,
    part_id,
    role_before,
    settle,
    take_in,
    was_stopped,
)
from orchestra.engine.attempts import CLEAN_UP_S, Attempts
from orchestra.engine.block import Block
from orchestra.engine.conditions import Decision, decide, reads_files
from orchestra.engine.group import why_it_goes, without_own_questions
from orchestra.engine.halt import RUN_TIMEOUT, Halt
from orchestra.engine.lending import Lending
from orchestra.engine.line import Line
from orchestra.engine.opening import Origin, run_started
from orchestra.engine.past import Past, has_ended
from orchestra.engine.ports import (
    Ended,
    Launched,
    Lost,
    Queued,
    Reattached,
    TokensSeen,
    Written,
)
from orchestra.engine.reopening import INTERRUPTED
from orchestra.engine.rules import (
    Verdict,
    asks_status,
    explain,
    judge,
)
from orchestra.engine.scope import Scopes
from orchestra.engine.steprun import StepRun
from orchestra.engine.stimuli import (
    ArtifactsCopied,
    AttemptOver,
    CacheChecked,
    CancelTimer,
    Decide,
    Decided,
    LeaveOff,
    LookAround,
    Looked,
    NotRendered,
    Order,
    Reaction,
    Sealed,
    SetTimer,
    Stimulus,
    StopAsked,
    Timer,
    TimerFired,
)
from orchestra.engine.tree import StepTree
from orchestra.engine.upkeep import Upkeep
from orchestra.engine.verdicts import (
    allowed,
    attempt_ended,
    attempt_interrupted,
    judge_end,
    retry_delay_s,
    wants_retry,
)
from orchestra.engine.views import StepsView
from orchestra.errors import ExitCode
from orchestra.model.events import (
    Event,
    Noted,
    OutputsTaken,
    PlannedEntry,
    ResultReused,
    ResultsDropped,
    RetryScheduled,
    RunFinished,
    StepEnded,
    StepsAdded,
    StepTimedOut,
    StopRequested,
    SummaryWritten,
)
from orchestra.model.expression import ExpressionError, Value
from orchestra.model.plan import Plan, PlannedUse
from orchestra.model.run import AttemptKey, Role, StepState
from orchestra.model.selection import LeftOut
from orchestra.model.units import format_duration
from orchestra.model.workflow import FanOut, Uses, Workflow

LEAVE_S = 8.0
"""How long engines have to answer when a run is to end at once; those that do are waited for."""

_LOOK_AGAIN_S = 1.0
_RUN_TIMER = Timer("run", None)
_LEAVE_TIMER = Timer("leave", None)
_UNDER_WAY = frozenset([StepState.RUNNING, StepState.READY])

MOST_LOSSES = 3
"""How many attempts of a step may be lost with their nodes, at no cost of its retries."""


class Machine:
    """Follows one run of a plan. `draw` gives numbers from 0 to 1, for jitter.

    With a `past` the run goes on where it was cut off, or where it ended.
    """

    def __init__(
        self,
        plan: Plan,
        scopes: Scopes,
        origin: Origin,
        draw: Callable[[], float],
        past: Optional[Past] = None,
    ) -> None:
        self._plan = plan
        self._origin = origin
        self._past = past
        self._draw = draw
        self._now = 0.0
        self._unsettled: Deque[StepRun] = deque()
        self._asked: Set[str] = set()
        self._tail: Optional[TailRun] = None
        self._halt = Halt()
        self._tree = StepTree(plan, scopes, self._halt)
        self.root = self._tree.root
        self._events: List[Event] = []
        self._orders: List[Order] = []
        lending = Lending(plan.budget["cpu"], self._events, self._orders)
        self._line = Line(plan, lending, self._events)
        self._attempts = Attempts(self._halt, lending, self._events, self._orders)
        self._upkeep = Upkeep(self._attempts, self._events, self._orders, plan.force)
        self._handlers: Dict[type, Callable[..., None]] = {
            AttemptOver: self._attempt_over,
            Queued: self._attempts.queued,
            Launched: self._attempts.launched,
            Reattached: self._attempts.reattached,
            Lost: self._lost,
            TimerFired: self._timer_fired,
            NotRendered: self._not_rendered,
            Decided: self._decided,
            ArtifactsCopied: self._artifacts_copied,
            CacheChecked: self._cache_checked,
            Sealed: self._sealed,
            TokensSeen: lending.seen,
            Looked: self._looked,
            StopAsked: self._stop_asked,
        }
        self.finished = False

    def begin(self, now: float) -> Reaction:
        """The first turn: the run starts, or goes on, and all that can start at once."""
        self._now = now
        if self._past is None:
            self._events.append(run_started(self._plan, self.root.scopes, self._origin))
        else:
            self._events.append(self._past.resumed)
        self._events.extend(Noted("", note) for note in self._plan.notes)
        if self._plan.workflow.timeout_s is not None:
            self._orders.append(SetTimer(_RUN_TIMER, self._plan.workflow.timeout_s))
        self._unsettled.extend(run for run in self._tree.runs if not run.waiting)
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
        return self._tree.run_by_id[step].facts()

    @property
    def has_reserved(self) -> bool:
        """Whether a step ever had a reservation; see `Policy`."""
        return self._line.has_reserved

    def _turn(self) -> Reaction:
        if not self.finished:
            self._advance()
            if not self.root.open:
                self._wind_up()
        reaction = Reaction(self._events[:], self._orders[:])
        self._events.clear()
        self._orders.clear()
        return reaction

    def _advance(self) -> None:
        self._settle()
        self._launch_what_fits()
        self._line.lend()

    # A step whose needs have all ended

    def _settle(self) -> None:
        while self._unsettled:
            run = self._unsettled.popleft()
            if run.state is StepState.PENDING:
                self._consider(run)

    def _consider(self, run: StepRun) -> None:
        step = run.step
        run.left_out = self._tree.left_out(run)
        if self._past is not None and self._take_up(run, self._past):
            return
        why_held = self._tree.why_held(run) if run.left_out is None else ""
        if why_held:
            self._end(run, StepState.CANCELLED, why_held)
            return
        if step.needs and not asks_status(step):
            end = run.block.end
            verdict = judge([(end(need.step)[1], need.when) for need in step.needs])
            if run.left_out is not None and verdict is Verdict.SKIP:
                verdict = Verdict.ASK
            if verdict is not Verdict.ASK:
                blocked = verdict is Verdict.BLOCK
                state = StepState.BLOCKED if blocked else StepState.SKIPPED
                self._end(run, state, explain(step.needs, end, verdict))
                return
        if run.left_out is not None:
            self._leave_out(run, run.left_out)
            return
        if step.fan_out is not None:
            step = without_own_questions(step)
        if step.condition is None and not step.require:
            self._go(run, why_it_goes(run))
            return
        scope = self._tree.scope(run, self._tree.status_functions(run))
        if reads_files(step):
            self._asked.add(step.id)
            self._orders.append(Decide(step, scope))
        else:
            self._take(run, decide(step, scope))

    def _take_up(self, run: StepRun, past: Past) -> bool:
        """Go on with a step that had begun, unless it has to begin anew."""
        before = past.of(run)
        if before is None:
            return False
        if has_ended(before):
            past.restore_end(run, before, self._now)
            if run.step.fan_out is not None:
                run.items = self._tree.items(run, run.step.fan_out)
            self._ended(run, before.reason)
            return True
        run.why = why_it_goes(run) if run.step.condition is None else "its `if` was true"
        if before.parts and (run.step.fan_out is not None or run.planned.inner):
            self._go(run, run.why)
            return True
        if len(before.attempts) == before.spent:
            return False
        past.restore_attempts(run, before, self._now)
        if run.step.cache is not None:
            self._upkeep.spare_asking(run)
        last = before.attempts[-1]
        if before.state is StepState.READY:
            self._line.join(run, self._now)
        elif before.state is StepState.WAITING_RETRY:
            run.state = before.state
            self._line.ask_for(run, run.amounts)
            timer = Timer("retry", AttemptKey(run.step.id, run.number + 1))
            self._orders.append(SetTimer(timer, past.waits_s(before)))
        elif last.outcome is None:
            self._line.hold(run, last.devices)
            self._attempts.take_over(run, last)
        else:  # it had given its share back: to a handler, or since there was none
            run.state = StepState.READY
            self._line.ask_for(run, run.amounts)
            self._conclude(run)
        return True

    def _leave_out(self, run: StepRun, left: LeftOut) -> None:
        """It counts as a success once what is above it has ended, so that the order is kept."""
        if left.fault:
            self._fail(run, left.fault)
            return
        run.outputs = left.outputs
        run.is_partial = left.lacks_outputs
        if run.step.fan_out is not None:
            run.items = self._tree.items(run, run.step.fan_out)
        self._events.append(ResultReused(run.step.id, left.run_id, True))
        self._end(run, StepState.SKIPPED, left.reason)

    def _decided(self, answer: Decided) -> None:
        if answer.step in self._asked:
            self._asked.remove(answer.step)
            run = self._tree.run_by_id[answer.step]
            why_held = self._tree.why_held(run)
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
        self._end(run, *allowed(run.step, reason))

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
        if self._upkeep.must_ask(run):
            self._upkeep.ask(run)
            return
        if run.planned.demand is not None:
            run.amounts = run.planned.demand
        else:
            fault = self._line.claim(run, self._tree.scope(run))
            if fault:
                self._fail(run, fault)
                return
        self._line.join(run, self._now)

    def _cache_checked(self, checked: CacheChecked) -> None:
        run, finding = self._upkeep.answer(checked), checked.finding
        if run is None:
            return
        why_held = self._tree.why_held(run)
        if why_held:
            self._end(run, StepState.CANCELLED, why_held)
        elif finding.fault:
            self._fail(run, finding.fault)
        elif finding.success is not None:
            run.outputs = finding.success.outputs
            self._events.append(ResultReused(run.step.id, finding.success.run_id, False))
            self._end(run, StepState.CACHED, finding.reason)
        else:
            self._upkeep.missed(checked)
            self._go(run, finding.reason)

    # Attempts, and the parts that come after the last one

    def _launch_what_fits(self) -> None:
        while True:
            run = self._line.admit(self._now)
            if run is None:
                return
            if run.next_role is not None:
                self._start(PartRun(run, run.next_role))
            else:
                fault = self._attempts.launch(run, self._now)
                if fault:
                    fail(run, fault)
                    self._conclude(run)
            self._settle()

    def _start(self, part: PartRun) -> None:
        part.ready_at = self._now
        if self._past is not None and self._take_up_part(part, self._past):
            return
        self._events.append(StepsAdded((part.entry(),)))
        self._note_handler(part)
        if part.planned.inner:
            self._enter(part)
            return
        fault = self._attempts.launch(part, self._now)
        if fault:
            self._part_over(part, StepState.FAILED, fault)

    def _note_handler(self, part: PartRun) -> None:
        """A handler begins: what its step comes to is settled, unless it is the fallback."""
        owner = part.owner
        assert owner.given_up is not None
        if part.role is not Role.FALLBACK and type(owner) is not TailRun:
            self._strike(owner, owner.given_up[0])

    def _take_up_part(self, part: PartRun, past: Past) -> bool:
        """Go on with a handler that had begun, unless it has to begin anew."""
        before = past.of(part)
        if before is None:
            return False
        self._note_handler(part)
        if has_ended(before):
            past.restore_end(part, before, self._now)
            self._part_ended(part, before.state, before.reason)
        elif part.planned.inner:
            self._enter(part)
        elif before.attempts and before.attempts[-1].outcome is None:
            past.restore_attempts(part, before, self._now)
            self._attempts.take_over(part, before.attempts[-1])
        else:
            past.forget(part.step.id)
            self._events.append(ResultsDropped((part.step.id,)))
            return False
        return True

    def _lost(self, lost: Lost) -> None:
        """An attempt was interrupted: it counts as none, and is made again if it may."""
        run = self._attempts.running(lost.key)
        if run is None or self._upkeep.has_end(lost.key):
            return
        if run.cause is not None:  # it was asked to end, and has
            self._close(Ended(lost.key, log_bytes=lost.log_bytes), Written({}), again=True)
            return
        self._attempts.over(lost.key)
        self._events.append(attempt_interrupted(lost))
        run.spent += 1
        run.ready_at = self._now
        run.exit_code, run.outputs = None, {}
        why_held = self._tree.why_held(run)
        if why_held:
            run.given_up = StepState.CANCELLED, why_held
            run.cause = None if self._halt.stop is None else self._halt.cause
        else:
            run.lost += bool(lost.reason)
            run.barred = "" if run.step.may_rerun else lost.reason or INTERRUPTED
            if run.lost > MOST_LOSSES:
                fault = "%s, %d attempts were lost" % (lost.reason, run.lost)
            else:
                fault = self._attempts.launch(run, self._now)
            if not fault:
                return
            fail(run, fault)
        assert run.given_up is not None
        if type(run) is PartRun:
            self._part_over(run, *run.given_up)
        else:
            self._conclude(run)

    def _not_rendered(self, refused: NotRendered) -> None:
        self._close(Ended(refused.key, refusal=refused.reason), Written({}), again=False)

    def _attempt_over(self, over: AttemptOver) -> None:
        if not self._upkeep.holds_back(over):
            self._close(over.ended, over.written, again=True)

    def _sealed(self, sealed: Sealed) -> None:
        over = self._upkeep.sealed(sealed)
        if over is not None:
            self._close(over.ended, over.written, again=True)

    def _close(self, ended: Ended, written: Written, again: bool) -> None:
        """An attempt is over: what it comes to, and another one if `again` allows."""
        run = self._attempts.over(ended.key)
        if run is None:
            return  # a second exit of the same attempt
        step = run.step
        stopped_by = run.stopped_by or (self._halt.stop.cause if self._halt.stop else "")
        verdict = judge_end(step, ended, written, run.cause, stopped_by)
        self._events.append(attempt_ended(ended, verdict))
        if written.summary_bytes:
            path, size = ended.key.summary, written.summary_bytes
            self._events.append(SummaryWritten(*ended.key, path, size))
        for warning in written.warnings:
            self._events.append(Noted(step.id, warning))
        state, reason = settle(run, ended, written, verdict)
        if type(run) is PartRun:
            self._part_over(run, state, reason)
            return
        again = again and wants_retry(step, run.tries, ended, written, verdict.outcome)
        if not again or self._tree.why_held(run):
            if run.outputs and (step.handlers or step.artifacts is not None):
                self._events.append(OutputsTaken(step.id, run.outputs))
            self._conclude(run)
            return
        delay_s = retry_delay_s(step.retry, run.tries, self._draw)
        if run.has_time(step.retry.max_time_s, self._now + delay_s):
            self._wait_for_retry(run, delay_s)
        else:
            run.given_up = state, reason + ", no time left for another attempt"
            self._conclude(run)

    def _wait_for_retry(self, run: StepRun, delay_s: float) -> None:
        self._line.give_back(run)
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
            taken_up = None if self._past is None else self._past.role_begun(run, last)
            if taken_up is not None:
                self._go_on_with(run, taken_up)
                return
            if role is not None and run.state is StepState.RUNNING:
                self._start(PartRun(run, role))
                return
            if role is not None:
                run.next_role = role
                self._line.stand(run, self._now)
                return
        if run.state is StepState.RUNNING:
            self._line.give_back(run)
        if type(run) is not TailRun:
            self._end(run, *run.given_up)
            return
        run.state = run.given_up[0]
        block = run.block
        if block.owner is not None:
            self._come_to(block, block.owner)

    def _go_on_with(self, run: StepRun, role: Role) -> None:
        """Take up a part that had begun: one that runs has its step's share, or what is in it."""
        assert self._past is not None
        part = part_id(run, role)
        if run.state is not StepState.RUNNING and self._past.is_under_way(part):
            if role.value in run.planned.handlers:
                self._line.hold_nothing(run)
            else:
                self._line.hold(run, self._past.devices_of(part))
        self._start(PartRun(run, role))

    def _part_over(self, part: PartRun, state: StepState, reason: str) -> None:
        """A fallback or a handler has ended: on with what comes after it."""
        if part.block_has_run:  # it gave its share back
            part.owner.state = StepState.READY
            self._line.ask_for(part.owner, part.owner.amounts)
        self._events.append(StepEnded(part.step.id, state._value_, reason, part.outputs))
        self._part_ended(part, state, reason)

    def _part_ended(self, part: PartRun, state: StepState, reason: str) -> None:
        note = take_in(part, state, reason)
        if note is not None:
            self._events.append(Noted(part.owner.recorded, note))
        if self._tail is not None:
            self._tail.settle(self._halt)
        self._conclude(part.owner, part.role)

    def _timer_fired(self, fired: TimerFired) -> None:
        kind, key = fired.timer
        if fired.timer == _LEAVE_TIMER:
            self._orders.append(LookAround())
            return
        if key is None:
            if self._halt.stop is None:
                self._stop_asked(StopAsked(RUN_TIMEOUT, ExitCode.FAILED))
            return
        block = self._tree.block_in(key.step)
        if block is not None and block.owner is not None:
            self._time_out(block, block.owner)
            return
        if kind != "retry":
            self._attempts.time_is_up(kind, key)
            return
        run = self._tree.run_by_id[key.step]
        if run.state is StepState.WAITING_RETRY and key.number == run.number + 1:
            self._line.grow(run, key)
            self._line.join(run, self._now)

    # The end of a step

    def _keeps(self, run: StepRun, state: StepState, reason: str) -> bool:
        return self._upkeep.keeps(run, state, reason, self._tree.scope(run))

    def _artifacts_copied(self, copied: ArtifactsCopied) -> None:
        kept = self._upkeep.copied(copied)
        if kept is not None:
            self._end(kept.run, kept.state, kept.reason, is_kept=True)

    def _end(self, run: StepRun, state: StepState, reason: str, is_kept: bool = False) -> None:
        artifacts = run.step.artifacts
        if artifacts is not None and not is_kept and self._keeps(run, state, reason):
            return
        run.state = state
        run.ended_at = self._now
        if run.step.cache is not None and state is StepState.SUCCEEDED:
            self._upkeep.record_success(run.step.id)
        if run.is_partial and run.left_out is None:
            self._events.append(ResultReused(run.step.id, "", False))
        self._events.append(StepEnded(run.step.id, state._value_, reason, run.outputs))
        self._ended(run, reason)

    def _ended(self, run: StepRun, reason: str) -> None:
        """What the end of a step means to others."""
        state = run.state
        if run.instance_of is not None:
            self._instance_ended(run, run.instance_of, reason)
            return
        block, failed = run.block, state is StepState.FAILED
        block.note_end(run, reason)
        for number in run.planned.dependents:
            below = block.runs[number]
            below.waiting -= 1
            below.failed_above = below.failed_above or failed or run.failed_above
            if not below.waiting:
                self._unsettled.append(below)
        self._strike(run, state)
        if not block.open and block.owner is not None:
            self._leave(block, block.owner)

    def _strike(self, run: StepRun, state: StepState) -> None:
        """Let `fail_fast` hold for a step that is failed, whatever its handlers still do."""
        if state is not StepState.FAILED or self._halt.stop is not None:
            return
        if self._tree.strike(run):
            self._call_off(self._tree.beside(run))

    def _call_off(self, runs: Sequence[StepRun]) -> None:
        """Cancel which of these stand in line and may not start any more, give up retries.

        A step that still waits for others is cancelled when the last of them has ended, so that
        nothing below it starts beside something above it.
        """
        for run in runs:
            if run.state is StepState.READY and run.next_role is not None:
                if self._halt.stop is not None or run.block.is_stopped:
                    self._think_over(run, run.next_role)
            elif run.state is StepState.READY:
                why_held = self._tree.why_held(run)
                if not why_held:
                    continue
                if run.given_up is None:
                    self._end(run, StepState.CANCELLED, why_held)
                else:
                    self._give_up(run, why_held)
            elif self._upkeep.is_asking(run):
                why_held = self._tree.why_held(run)
                if why_held:
                    self._upkeep.give_up(run)
                    self._end(run, StepState.CANCELLED, why_held)
            elif run.state is StepState.WAITING_RETRY:
                why_held = self._tree.why_held(run)
                if why_held:
                    timer = Timer("retry", AttemptKey(run.step.id, run.number + 1))
                    self._orders.append(CancelTimer(timer))
                    self._give_up(run, why_held)
            else:
                why_held, never = self._tree.never_admitted(run)
                for member in never:
                    self._end(member, StepState.CANCELLED, why_held)

    def _think_over(self, run: StepRun, role: Role) -> None:
        """A part of the step stands in line while it is being stopped: what to do now."""
        run.next_role = None
        if role is Role.FALLBACK:
            self._give_up(run, self._tree.why_held(run))
        else:
            self._conclude(run, role_before(role))

    def _give_up(self, run: StepRun, why: str) -> None:
        """No further attempt is made of a step."""
        assert run.given_up is not None
        if not was_stopped(run):
            run.given_up = self._halt.retry_given_up(*run.given_up, why)
            if self._halt.stop is not None:
                run.cause = self._halt.cause
        self._conclude(run)

    # The instances of a step

    def _expand(self, run: StepRun, fan_out: FanOut) -> None:
        """Make the instances of a step that is to run, and let the first of them start."""
        try:
            group = self._tree.expand(run, fan_out)
        except ExpressionError as fault:
            self._fail(run, str(fault))
            return
        if not group.members:
            run.outputs = group.outputs()
            self._end(run, StepState.SUCCEEDED, run.why + "; an empty list")
            return
        run.state = StepState.RUNNING
        run.first_started_at = self._now
        self._add_parts(run, group.entries())
        if self._past is not None:
            self._unsettled.extend(group.admit_first(self._past.has_begun))
        self._unsettled.extend(group.admit())

    def _instance_ended(self, run: StepRun, owner: StepRun, reason: str) -> None:
        group = self._tree.group_of(owner)
        group.note_end(run, reason)
        self._strike(run, run.state)
        if group.open:
            self._unsettled.extend(group.admit())
        elif self._tree.close_group(owner):
            owner.outputs = group.outputs()
            owner.left_out = group.left_out()
            self._end(owner, *group.result())

    # The steps in a step

    def _enter(self, run: StepRun) -> None:
        """Let the steps in a step start."""
        try:
            block = self._tree.enter(run, self._line.budget)
        except ExpressionError as fault:
            if type(run) is PartRun:
                self._part_over(run, StepState.FAILED, str(fault))
            else:
                self._fail(run, str(fault))
            return
        if self._past is not None:
            block.called_off = self._past.called_off(run.step.id)
            block.had_its_turn = self._past.has_come_to_handlers(run.step.id)
        if type(run) is PartRun:
            self._line.give_back(run.owner)
            if self._halt.stop is not None and run.timeout_s is None:
                run.timeout_s = CLEAN_UP_S
        run.state = StepState.RUNNING
        run.first_started_at = self._now
        self._add_parts(run, block.entries())
        if run.timeout_s is not None:
            self._orders.append(SetTimer(Timer("timeout", run.key), run.timeout_s))
        self._unsettled.extend(each for each in block.runs if not each.waiting)

    def _add_parts(self, run: StepRun, entries: Sequence[PlannedEntry]) -> None:
        """Record the parts of a step, but for those that count from before the run went on."""
        if self._past is not None:
            outdated = self._past.drop_outdated(run.step.id, entries)
            if outdated:
                self._events.append(ResultsDropped(outdated))
            entries = self._past.unknown(entries)
        if entries:
            self._events.append(StepsAdded(tuple(entries)))

    def _leave(self, block: Block, owner: StepRun) -> None:
        """All steps in a step have ended; what a used workflow has for its end comes next."""
        if not self._tree.close_block(owner):
            return
        if owner.timeout_s is not None:
            self._orders.append(CancelTimer(Timer("timeout", owner.key)))
        body = owner.step.body
        had_a_turn = block.has_started or block.outcome()[0] is not StepState.CANCELLED
        if isinstance(body, Uses) and body.workflow.handlers and had_a_turn:
            tail = self._tail_of(body.workflow, owner.planned.at_end, block)
            self._conclude(tail)
        else:
            self._come_to(block, owner)

    def _come_to(self, block: Block, owner: StepRun) -> None:
        """What a step comes to by the steps in it, before its own fallback and handlers."""
        state, reason = block.outcome()
        if state is StepState.SUCCEEDED and isinstance(owner.step.body, Uses):
            try:
                owner.outputs = block.scopes.outputs(StepsView(block, ""))
            except ExpressionError as fault:
                state, reason = StepState.FAILED, str(fault)
        if type(owner) is PartRun:
            if state is StepState.CANCELLED and self._halt.stop is not None:
                owner.cause = self._halt.cause
            self._part_over(owner, state, reason)
            return
        owner.given_up = state, reason
        if state is StepState.FAILED:
            first = block.failures[0] if block.failures else None
            fail(owner, reason, first)
        elif state is StepState.CANCELLED and self._halt.stop is not None:
            owner.cause = self._halt.cause
        if state is StepState.CANCELLED and not block.has_started:
            self._end(owner, state, reason)
            return
        owner.state = StepState.READY  # it holds no share: its handlers stand in line for one
        self._line.ask_for(owner, clean_up_share(owner.step, self._plan.budget))
        self._conclude(owner)

    def _time_out(self, block: Block, owner: StepRun) -> None:
        """The time of a step is over in which others run."""
        assert owner.timeout_s is not None
        block.called_off = "timed out after %s" % format_duration(owner.timeout_s)
        self._events.append(StepTimedOut(owner.step.id, block.called_off))
        self._attempts.call_off(block, "the timeout of `%s`" % owner.step.id)
        self._call_off(self._tree.within(block.runs))

    # The end of the run

    def _stop_asked(self, asked: StopAsked) -> None:
        """The first request ends the run in order; a second one, or one that says so, at once."""
        at_once = self._halt.ask(asked)
        if asked.drains:
            self._events.append(Noted("", "nothing more is started, for %s" % asked.cause))
        else:
            self._events.append(StopRequested(asked.cause, at_once))
            self._attempts.stop(at_once)
            if at_once and self._attempts.are_elsewhere:
                self._orders.append(SetTimer(_LEAVE_TIMER, LEAVE_S))
        for block in self._tree.blocks_of_handlers():
            part = block.owner
            if part is not None and part.timeout_s is None and cleans_up(part):
                part.timeout_s = CLEAN_UP_S
                self._orders.append(SetTimer(Timer("timeout", part.key), CLEAN_UP_S))
        if at_once:
            for over in self._upkeep.drop():
                self._close(over.ended, over.written, again=False)
        self._call_off(list(self._tree.runs))

    def _looked(self, looked: Looked) -> None:
        """Leave off where all that is under way cannot be reached; else look again in a while."""
        stop, under_way = self._halt.stop, self._attempts.keys
        if stop is None or not under_way:
            return
        if under_way <= set(looked.unreached):
            self.finished = True
            self._orders.append(LeaveOff(stop.exit_code))
        else:
            self._orders.append(SetTimer(_LEAVE_TIMER, _LOOK_AGAIN_S))

    def _wind_up(self) -> None:
        """All steps have ended: now what the workflow has for the end of its run, then that."""
        if self._tail is None and self._plan.workflow.handlers:
            self._tail = self._tail_of(self._plan.workflow, self._plan.at_end, self.root)
            self._line.budget.take(self._tail.demand)
            self._conclude(self._tail)
            self._advance()
        if self._tail is None or self._tail.state not in _UNDER_WAY:
            self._finish()

    def _tail_of(self, workflow: Workflow, uses: Mapping[str, PlannedUse], block: Block) -> TailRun:
        """What stands for the end of a workflow, whose steps have all ended."""
        tail = TailRun(workflow, uses, self._plan.budget, block, len(self._tree.runs))
        self._line.ask_for(tail, tail.amounts)
        tail.settle(self._halt)
        self._tree.runs.append(tail)
        return tail

    def _finish(self) -> None:
        self.finished = True
        if self._plan.workflow.timeout_s is not None:
            self._orders.append(CancelTimer(_RUN_TIMER))
        state, exit_code, reason = self._halt.end(bool(self.root.failures))
        self._events.append(RunFinished(state.value, exit_code, reason))
