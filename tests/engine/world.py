"""A world in virtual time for the machine: processes that behave as told, and badly where asked.

The hostile parts: ends that come late or twice, launches reported after the end or never, stops
that take their time, signals at any moment, several things in one turn in any order. After every
turn the world checks what must hold whatever happens: the budget here, the record by its `Audit`.
"""

from __future__ import annotations

import random
from heapq import heappop, heappush
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple, Union

from orchestra.engine.caching import Finding, Seal
from orchestra.engine.conditions import decide
from orchestra.engine.machine import Machine
from orchestra.engine.opening import Origin
from orchestra.engine.ports import Ended, Kept, Launched, Lost, Written
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
from orchestra.model.errand import LOCAL
from orchestra.model.events import Envelope, Event, RunFinished, StepEnded
from orchestra.model.plan import Plan
from orchestra.model.record import RunRecord
from orchestra.model.run import AttemptKey, KeptFile, Outcome, StepState
from orchestra.model.workflow import Step
from tests.engine.audit import Audit
from tests.engine.elsewhere import Queue, tell
from tests.engine.plans import make_plan
from tests.engine.tokens import Look, Tokens

ORIGIN = Origin("run-1", "host", 1, "0")


class Behaviour(NamedTuple):
    """How one attempt goes: `lasts` seconds, then this end; `stubborn` ones only die by KILL.

    What is elsewhere goes through a `queue` before.
    """

    lasts: float = 1.0
    exit_code: int = 0
    signal: Optional[str] = None
    refusal: str = ""
    unrenderable: str = ""
    outputs: Mapping[str, Any] = {}
    problems: Tuple[str, ...] = ()
    matched: bool = False
    stubborn: bool = False
    queue: Queue = Queue()


class World:
    """Runs a machine to its end; `record` and `events` tell what came of it."""

    def __init__(
        self,
        plan: Plan,
        scopes: Scopes,
        behave: Callable[[AttemptKey], Behaviour] = lambda key: Behaviour(),
        stops: Mapping[float, StopAsked] = {},
        rng: Optional[random.Random] = None,
        knows_conditions: bool = False,
        findings: Mapping[str, Finding] = {},
        seals: Mapping[str, Seal] = {},
        seal_s: float = 0.0,
    ) -> None:
        self.plan = plan
        self.machine = Machine(plan, scopes, ORIGIN, rng.random if rng else lambda: 0.5)
        self.events: List[Event] = []
        self.launch_times: Dict[AttemptKey, float] = {}
        self.now = 0.0
        self._replay = Replay()
        self._behave = behave
        self._rng = rng
        self._findings = findings
        self._seals = seals
        self._seal_s = seal_s
        self._timers = Timers()
        self._agenda: List[Tuple[float, int, Union[Stimulus, Look]]] = []
        self._tickets = 0
        self._alive: Dict[AttemptKey, Tuple[Behaviour, Mapping[str, int], Tuple[int, ...]]] = {}
        codes = {asked.cause: asked.exit_code for asked in stops.values()}
        self._audit = Audit(plan, codes, knows_conditions)
        self._begins: Dict[AttemptKey, float] = {}
        self._copies: List[AttemptKey] = []
        self._tokens = Tokens(rng)
        for at, asked in stops.items():
            self._schedule(at, asked)

    @property
    def record(self) -> RunRecord:
        assert self._replay.record is not None
        return self._replay.record

    @property
    def states(self) -> Dict[str, str]:
        return {id: step.state.value for id, step in self.record.step_by_id.items()}

    @property
    def reasons(self) -> Dict[str, str]:
        return {id: step.reason for id, step in self.record.step_by_id.items()}

    @property
    def launches(self) -> List[Tuple[str, float]]:
        return [(key.step, at) for key, at in self.launch_times.items()]

    def run(self) -> World:
        """To the end of the run; whatever is still under way then is fed in as well."""
        self._take(self.machine.begin(self.now))
        while not self.machine.finished:
            batch = self._next_batch()
            assert batch, "nothing is under way and the run is not over"
            self._take(self.machine.handle(batch, self.now))
        late = [stimulus for _, _, stimulus in self._agenda if not isinstance(stimulus, Look)]
        assert self.machine.handle(late, self.now + 1) == Reaction([], [])
        self._check_end()
        return self

    def _schedule(self, at: float, stimulus: Union[Stimulus, Look]) -> None:
        self._tickets += 1
        heappush(self._agenda, (at, self._tickets, stimulus))

    def _next_batch(self) -> List[Stimulus]:
        """Everything of the next moment; a hostile world also pulls in what is a little later."""
        dues = [due for due in (self._timers.next_due(),) if due is not None]
        dues.extend(at for at, _, _ in self._agenda[:1])
        if not dues:
            return []
        self.now = max(self.now, min(dues))
        until = self.now + (self._rng.choice((0, 0, 0.5)) if self._rng else 0)
        batch: List[Stimulus] = []
        looks: List[Look] = []
        while self._agenda and self._agenda[0][0] <= until:
            due = heappop(self._agenda)[2]
            if isinstance(due, Look):
                looks.append(due)
            else:
                batch.append(due)
        self.now = until
        batch.extend(map(self._look, looks))
        batch.extend(TimerFired(timer) for timer in self._timers.due(until))
        if self._rng:
            self._rng.shuffle(batch)
        for stimulus in batch:
            self._note(stimulus)
        return batch

    def _look(self, look: Look) -> Stimulus:
        seen, is_more_to_come = self._tokens.see(look.key)
        if is_more_to_come:
            self._schedule(self.now + 0.3, look)
        return seen

    def _note(self, stimulus: Stimulus) -> None:
        if isinstance(stimulus, AttemptOver):
            self._forget_attempt(stimulus.ended.key)
        elif isinstance(stimulus, (NotRendered, Lost)):
            self._forget_attempt(stimulus.key)

    def _forget_attempt(self, key: AttemptKey) -> None:
        self._alive.pop(key, None)
        self._tokens.close(key)

    def _take(self, reaction: Reaction) -> None:
        start = len(self.events) + 1
        self.events.extend(reaction.events)
        self._replay.apply(
            Envelope(start + n, self.now, event) for n, event in enumerate(reaction.events)
        )
        for event in reaction.events:
            self._audit.take(event)
        for order in reaction.orders:
            self._carry_out(order)
        self._check_budget()

    def _carry_out(self, order: Any) -> None:
        if isinstance(order, Launch):
            self._start(order)
        elif isinstance(order, Stop):
            self._stop(order)
        elif isinstance(order, Lend):
            if self._tokens.lend(order.key, order.tokens):
                self._schedule(self.now + self._late(), Look(order.key))
        elif isinstance(order, SetTimer):
            assert order.delay_s >= 0
            self._timers.set(order.timer, self.now + order.delay_s)
        elif isinstance(order, CancelTimer):
            self._timers.cancel(order.timer)
        elif isinstance(order, KeepArtifacts):
            kept = Kept((KeptFile("artifacts/x", 1, "00"),), ("a note",))
            self._schedule(self.now + self._late(), ArtifactsCopied(order.key, kept))
            self._copies.append(order.key)
        elif isinstance(order, DropWork):
            for key in self._copies:
                self._schedule(self.now, ArtifactsCopied(key, Kept((), ("given up",))))
        elif isinstance(order, LookAround):
            self._schedule(self.now, Looked(()))
        elif isinstance(order, CheckCache):
            step = order.question.step.id
            finding = self._findings.get(step, Finding("f", {"key": "1"}, reason="it has to"))
            self._schedule(self.now + self._late(), CacheChecked(step, finding))
        elif isinstance(order, SealSuccess):
            sealed = Sealed(order.key, self._seals.get(order.key.step, Seal({})))
            self._schedule(self.now + self._seal_s + self._late(), sealed)
        else:
            assert isinstance(order, Decide)
            answer = Decided(order.step.id, decide(order.step, order.scope))
            self._schedule(self.now + self._late(), answer)

    def _late(self) -> float:
        return self._rng.choice((0.0, 0.0, 0.3, 2.0)) if self._rng else 0.0

    def _start(self, order: Launch) -> None:
        launching = order.launching
        key = launching.key
        behaviour = self._behave(key)
        self.launch_times[key] = self.now
        self._alive[key] = (behaviour, launching.demand, launching.devices)
        if launching.step.jobserver:
            self._tokens.open(key, launching.demand)
        if behaviour.unrenderable:
            self._schedule(self.now, NotRendered(key, behaviour.unrenderable))
            return
        over: Union[AttemptOver, Lost] = self._over(key, behaviour)
        begin = self.now
        if launching.step.executor != LOCAL:
            begin = self._begins[key] = self.now + behaviour.queue.waits
            over = self._over_elsewhere(key, behaviour)
            for at, news in tell(key, behaviour.queue, self.now, self._rng):
                self._schedule(at, news)
        elif not behaviour.refusal and not (self._rng and self._rng.random() < 0.1):
            self._schedule(self.now + self._late(), Launched(key, 7))
        end = begin + behaviour.lasts
        self._schedule(end, over)
        if self._rng and self._rng.random() < 0.2:
            self._schedule(end + self._late(), over)

    def _over(self, key: AttemptKey, behaviour: Behaviour) -> AttemptOver:
        if behaviour.refusal:
            ended = Ended(key, refusal=behaviour.refusal)
        elif behaviour.signal:
            ended = Ended(key, signal=behaviour.signal, log_bytes=1)
        else:
            ended = Ended(key, exit_code=behaviour.exit_code, log_bytes=1)
        return AttemptOver(
            ended, Written(behaviour.outputs, behaviour.problems, matched=behaviour.matched)
        )

    def _over_elsewhere(self, key: AttemptKey, behaviour: Behaviour) -> Union[AttemptOver, Lost]:
        queue = behaviour.queue
        if queue.lost:
            return Lost(key, 1, queue.lost)
        if queue.ends is not None:
            ended = Ended(key, log_bytes=1, outcome=queue.ends, reason="by the engine")
            return AttemptOver(ended, Written({}))
        return self._over(key, behaviour)

    def _stop(self, order: Stop) -> None:
        alive = self._alive.get(order.key)
        if alive is None:
            return
        if order.signal == "SIGKILL":
            over = AttemptOver(Ended(order.key, signal="SIGKILL"), Written({}))
        elif self._begins.get(order.key, self.now) > self.now:
            cancelled = Ended(order.key, outcome=Outcome.FAILED, reason="cancelled")
            over = AttemptOver(cancelled, Written({}))
        elif alive[0].stubborn:
            return
        else:
            over = AttemptOver(
                Ended(order.key, exit_code=0), Written(alive[0].outputs, matched=alive[0].matched)
            )
        self._schedule(self.now + self._late(), over)

    # What must hold after every turn

    def _check_budget(self) -> None:
        used: Dict[str, int] = {}
        devices: List[int] = []
        for _, demand, held in self._alive.values():
            for name, amount in demand.items():
                used[name] = used.get(name, 0) + amount
            assert len(held) == demand.get("gpu", 0)
            devices.extend(held)
        lent = self._tokens.lent()
        if lent:
            used["cpu"] = used.get("cpu", 0) + 1000 * lent
        for name, amount in used.items():
            assert amount <= self.plan.budget[name], name
        assert len(set(devices)) == len(devices)
        assert set(devices) <= set(self.plan.devices)
        if self.plan.max_parallel is not None:
            assert len(self._alive) <= self.plan.max_parallel

    def _check_end(self) -> None:
        assert isinstance(self.events[-1], RunFinished)
        assert not self._alive
        record = self.record
        counted = {id: s for id, s in record.step_by_id.items() if not s.is_handler}
        steps = {id: step.state for id, step in counted.items() if self._is_followed(id)}
        assert steps == {id: StepState(self.machine.facts(id)["state"]) for id in steps}
        assert record.counts == {
            state: sum(
                s.state is state
                for s in record.step_by_id.values()
                if not s.members and not s.is_handler
            )
            for state in StepState
        }

    def _is_followed(self, step: str) -> bool:
        """Whether the machine knows a step of the record."""
        return True


def play(
    *steps: Step,
    behave: Union[Mapping[str, Behaviour], Callable[[AttemptKey], Behaviour], None] = None,
    stops: Optional[Mapping[float, StopAsked]] = None,
    findings: Mapping[str, Finding] = {},
    seals: Mapping[str, Seal] = {},
    seal_s: float = 0.0,
    **fields: Any,
) -> World:
    """Run steps to their end, in a world without mischief.

    `behave` tells how an attempt goes, or maps a step's id to it, `id.number` for one attempt.
    """
    plan, scopes = make_plan(*steps, **fields)
    table = behave if isinstance(behave, Mapping) else {}

    def choose(key: AttemptKey) -> Behaviour:
        return table.get("%s.%d" % key, table.get(key.step, Behaviour()))

    chosen = behave if callable(behave) else choose
    tales: Dict[str, Any] = {"findings": findings, "seals": seals, "seal_s": seal_s}
    return World(plan, scopes, chosen, stops or {}, **tales).run()


def ends(world: World) -> Dict[str, Tuple[str, str]]:
    """How each step ended, and why; those of the plan, their parts, and handlers."""
    return {e.step: (e.state, e.reason) for e in world.events if isinstance(e, StepEnded)}
