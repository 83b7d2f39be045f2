"""A run in virtual time: the machine's own, with attempts that go as they were told to. Pure.

It starts no process and waits for nothing. What a step leaves is given as well; what somebody asks
for and nobody gave is a gap, and told.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from orchestra.engine.caching import Finding, KeptSuccess, Question, Seal
from orchestra.engine.conditions import decide
from orchestra.engine.gaps import Gap, Gaps, WriteOutputs
from orchestra.engine.holders import body_expressions
from orchestra.engine.machine import Machine
from orchestra.engine.opening import Origin
from orchestra.engine.ports import Ended, Kept, Launched, Launching, TokensSeen, Written
from orchestra.engine.replay import Replay
from orchestra.engine.scope import Scopes
from orchestra.engine.stimuli import (
    ArtifactsCopied,
    AttemptOver,
    CacheChecked,
    CancelTimer,
    CheckCache,
    Decide,
    Decided,
    DropWork,
    KeepArtifacts,
    Launch,
    Lend,
    LookAround,
    Looked,
    NotRendered,
    Reaction,
    Sealed,
    SealSuccess,
    SetTimer,
    Stimulus,
    Stop,
    StopAsked,
    TimerFired,
)
from orchestra.engine.timers import Timers
from orchestra.engine.views import StepsView
from orchestra.model.events import Envelope, StepsAdded
from orchestra.model.expression import (
    Expression,
    ExpressionError,
    Value,
    evaluate,
    fill_text,
    fill_tree,
    to_text,
)
from orchestra.model.plan import Plan
from orchestra.model.record import RunRecord
from orchestra.model.run import AttemptKey, Role, RunState
from orchestra.model.scenario import Course, Given, Result, Results, Spellings
from orchestra.model.workflow import Command, PythonCall, ShellScript, Step

EARLIER_RUN = "earlier"
"""The run that a step which is given as cached has its success from."""

_INTERRUPT = ("SIGINT", 130)
_SHOWN = 5


class Played(NamedTuple):
    """What came of it. Where there are gaps the rest is not to be relied on.

    `outputs` are those of the workflow, None where it did not succeed or nobody asked; `fault` is
    why there are none of a workflow that did.
    """

    record: RunRecord
    envelopes: Sequence[Envelope]
    gaps: Sequence[Gap]
    outputs: Optional[Mapping[str, Value]] = None
    fault: str = ""


class _Alive(NamedTuple):
    """An attempt under way, and what it leaves when it ends by itself or is asked to."""

    result: Result
    written: Written


class Trial:
    """Plays a plan once.

    `named` are the outputs that expressions of the workflow name, each behind the id of its step.
    """

    def __init__(
        self,
        plan: Plan,
        scopes: Scopes,
        origin: Origin,
        given: Given,
        write: WriteOutputs,
        named: Mapping[str, FrozenSet[str]],
    ) -> None:
        self._machine = Machine(plan, scopes, origin, lambda: 0.5)
        self._scopes = scopes
        self._given = given
        self._results = Results(given.results)
        self._spellings = Spellings()
        self._replay = Replay()
        self._envelopes: List[Envelope] = []
        self._gaps = Gaps(write, named)
        self._now = 0.0
        self._timers = Timers()
        self._agenda: List[Tuple[float, int, Stimulus]] = []
        self._tickets = 0
        self._alive: Dict[AttemptKey, _Alive] = {}
        self._act: Dict[type, Callable[[Any], None]] = {
            Launch: self._launch,
            Stop: self._stop,
            SetTimer: self._set_timer,
            CancelTimer: self._cancel_timer,
            Decide: self._decide,
            CheckCache: self._check_cache,
            SealSuccess: self._seal,
            KeepArtifacts: self._keep,
            DropWork: self._drop,
            LookAround: self._look_around,
            Lend: self._lend,
        }
        for at in given.stops_s:
            self._schedule(at, StopAsked(*_INTERRUPT))

    def play(self, with_outputs: bool = False) -> Played:
        """The run from its start to its end, or to where it would go on for ever.

        The outputs of the workflow are made where they are asked for: a run itself has no use for
        them.
        """
        self._take(self._machine.begin(self._now))
        while not self._machine.finished:
            batch = self._next_batch()
            if not batch:
                for key, alive in list(self._alive.items())[:_SHOWN]:
                    self._gaps.note_endless(key.step, alive.result)
                break
            self._take(self._machine.handle(batch, self._now))
        assert self._replay.record is not None
        outputs, fault = None, ""
        if with_outputs and self._replay.record.state is RunState.SUCCEEDED:
            try:
                outputs = self._scopes.outputs(StepsView(self._machine.root, ""))
            except ExpressionError as error:
                fault = str(error)
        record, gaps = self._replay.record, self._gaps.all()
        return Played(record, self._envelopes, gaps, outputs, fault)

    # Time

    def _schedule(self, at: float, stimulus: Stimulus) -> None:
        self._tickets += 1
        heappush(self._agenda, (at, self._tickets, stimulus))

    def _next_batch(self) -> List[Stimulus]:
        """All that happens at the next moment at which anything does: ends, then timers."""
        while self._agenda and self._is_over(self._agenda[0][2]):
            heappop(self._agenda)
        dues = [due for due in (self._timers.next_due(),) if due is not None]
        dues.extend(at for at, _, _ in self._agenda[:1])
        if not dues:
            return []
        self._now = max(self._now, min(dues))
        batch: List[Stimulus] = []
        while self._agenda and self._agenda[0][0] <= self._now:
            stimulus = heappop(self._agenda)[2]
            if not self._is_over(stimulus):
                batch.append(stimulus)
            if type(stimulus) is AttemptOver:
                self._alive.pop(stimulus.ended.key, None)
        batch.extend(TimerFired(timer) for timer in self._timers.due(self._now))
        return batch

    def _is_over(self, stimulus: Stimulus) -> bool:
        """Whether it is a second end of an attempt."""
        return type(stimulus) is AttemptOver and stimulus.ended.key not in self._alive

    def _take(self, reaction: Reaction) -> None:
        at, first = self._given.started_at + self._now, len(self._envelopes) + 1
        turn = [Envelope(first + n, at, event) for n, event in enumerate(reaction.events)]
        self._envelopes.extend(turn)
        self._replay.apply(turn)
        for event in reaction.events:
            if type(event) is StepsAdded:
                for entry in event.steps:
                    is_instance = entry.role == Role.INSTANCE.value
                    self._spellings.add(entry.step, entry.owner, is_instance)
        for order in reaction.orders:
            self._act[type(order)](order)

    def _set_timer(self, order: SetTimer) -> None:
        self._timers.set(order.timer, self._now + order.delay_s)

    def _cancel_timer(self, order: CancelTimer) -> None:
        self._timers.cancel(order.timer)

    # Attempts

    def _result(self, step: str, number: int) -> Result:
        results = self._results.of(self._spellings.of(step))
        return results[min(number, len(results)) - 1] if results else Result()

    def _launch(self, order: Launch) -> None:
        launching = order.launching
        key, step = launching.key, launching.step
        fault = _fault_of(launching)
        if fault:
            self._schedule(self._now, NotRendered(key, fault))
            return
        result = self._result(*key)
        if result.course is Course.CACHED and step.cache is None:
            message = "`%s` has no `cache`, so no earlier success can count" % key.step
            self._gaps.note(key.step, message, "write `success`", result.path)
        written = self._gaps.written(step, result, key.step)
        self._alive[key] = _Alive(result, written)
        if result.refusal:
            ended = Ended(key, refusal=result.refusal)
        else:
            self._schedule(self._now, Launched(key, 0))
            ended = self._ended(launching, result)
        if result.course is not Course.TIMEOUT:
            lasts_s = result.duration_s if result.duration_s is not None else step.duration_s
            if lasts_s is None:
                lasts_s = self._given.duration_s
            self._schedule(self._now + lasts_s, AttemptOver(ended, written))

    def _ended(self, launching: Launching, result: Result) -> Ended:
        """How the attempt ends if nobody ends it before."""
        key, step = launching.key, launching.step
        log_bytes = len(result.log.encode("utf-8", "surrogatepass"))
        if result.signal is not None:
            return Ended(key, signal=result.signal, log_bytes=log_bytes)
        if result.course is Course.OOM:
            limit = launching.demand.get("memory")
            if not step.enforce or "memory" not in step.resources or limit is None:
                message = "`%s` has no limit of memory that it could exceed" % key.step
                hint = "give it `enforce: true` and `memory`, or write {signal: SIGKILL}"
                self._gaps.note(key.step, message, hint, result.path)
            bytes_ = limit or 0
            return Ended(
                key,
                signal="SIGKILL",
                log_bytes=log_bytes,
                max_rss_bytes=bytes_,
                memory_limit_bytes=bytes_,
            )
        return Ended(key, exit_code=self._exit_code(step, result), log_bytes=log_bytes)

    def _exit_code(self, step: Step, result: Result) -> int:
        if result.exit_code is not None:
            return result.exit_code
        if result.course is Course.FAILURE:
            good = {*step.success_codes, *step.skip_codes}
            return next(code for code in range(1, 258) if code not in good)
        if result.course is Course.SKIPPED:
            if step.skip_codes:
                return step.skip_codes[0]
            message = "`%s` has no `skip_codes` to end with" % step.id
            hint = "give it some, or let its `if` be false"
            self._gaps.note(step.id, message, hint, result.path)
        return 0 if 0 in step.success_codes else step.success_codes[0]

    def _stop(self, order: Stop) -> None:
        alive = self._alive.get(order.key)
        if alive is None:
            return
        ended = Ended(order.key, signal=order.signal)
        delay_s = 0.0 if order.signal == "SIGKILL" else alive.result.stops_after_s
        self._schedule(self._now + delay_s, AttemptOver(ended, alive.written))

    def _lend(self, order: Lend) -> None:
        # nobody takes a token: all are back at once when they are wanted
        self._schedule(self._now, TokensSeen(order.key, order.tokens, order.tokens))

    # What steps leave, and what is looked at beside them

    def _check_cache(self, order: CheckCache) -> None:
        question = order.question
        self._schedule(self._now, CacheChecked(question.step.id, self._finding(question)))

    def _finding(self, question: Question) -> Finding:
        step = question.step
        result = self._result(step.id, 1)
        if result.course is not Course.CACHED:
            return Finding("given", {}, reason="no earlier success is given")
        if question.force:
            return Finding("given", {}, reason="--force")
        outputs = self._gaps.written(step, result, step.id).outputs
        success = KeptSuccess(EARLIER_RUN, {}, {}, outputs)
        return Finding("given", {}, success, "up to date, as given")

    def _seal(self, order: SealSuccess) -> None:
        self._schedule(self._now, Sealed(order.key, Seal({})))

    def _keep(self, order: KeepArtifacts) -> None:
        self._schedule(self._now, ArtifactsCopied(order.key, Kept(())))

    def _drop(self, order: DropWork) -> None:
        """All that was asked for is answered in the same moment."""

    def _look_around(self, order: LookAround) -> None:
        self._schedule(self._now, Looked(()))

    def _decide(self, order: Decide) -> None:
        self._schedule(self._now, Decided(order.step.id, decide(order.step, order.scope)))


def _fault_of(launching: Launching) -> str:
    """Why no invocation could be made of an attempt, as far as that is due to its expressions."""
    step, scope = launching.step, launching.scope
    if type(step.body) is ShellScript and launching.script_scope is not None:
        scope = launching.script_scope
    try:
        if step.working_dir is not None:
            fill_text(step.working_dir, launching.scope)
    except ExpressionError as fault:
        return str(fault.within("working_dir"))
    for path, holder in body_expressions(step.body):
        try:
            if isinstance(holder, Expression):
                value = evaluate(holder, scope)
            else:
                value = fill_tree(holder, scope)
            if type(step.body) is not PythonCall:
                values = value if isinstance(value, list) else [value]
                for each in values if type(step.body) is Command else [value]:
                    to_text(each)
        except ExpressionError as fault:
            return str(fault.within(" ".join(map(str, path[:2]))))
    return ""
