"""A world in which the orchestrator dies, and the run goes on: at any turn, as often as told.

A crash comes after the events of a turn are recorded, before or after its orders are carried out.
Processes go on meanwhile. Of some of them nobody can tell afterwards how they ended.
"""

from __future__ import annotations

import random
from heapq import heapify
from typing import Any, Callable, Dict, Mapping, Sequence, Set, Tuple

from orchestra.engine.machine import Machine
from orchestra.engine.opening import run_resumed
from orchestra.engine.past import Past
from orchestra.engine.ports import Lost, Reattached
from orchestra.engine.reopening import results_to_drop
from orchestra.engine.replay import fold
from orchestra.engine.scope import Scopes
from orchestra.engine.stimuli import AttemptOver, Launch, Reaction, Reattach, StopAsked
from orchestra.engine.timers import Timers
from orchestra.model.events import (
    AttemptEnded,
    AttemptStarted,
    Envelope,
    Event,
    ResultsDropped,
    RunResumed,
    StepEnded,
    StepsAdded,
)
from orchestra.model.plan import Plan
from orchestra.model.run import RESULT_BY_STATE, AttemptKey, Outcome, StepState
from tests.engine.tokens import Look
from tests.engine.world import ORIGIN, Behaviour, World

_NOT_WELL = frozenset(["failed", "cancelled", "blocked"])


class _Deaf:
    """Takes the place of the audit of a run that is not cut off."""

    def take(self, event: Event) -> None:
        """Nothing."""


class CrashingWorld(World):
    """Dies after each of the turns in `crashes`: their numbers, and whether orders are lost."""

    def __init__(
        self,
        make: Callable[[], Tuple[Plan, Scopes]],
        behave: Callable[[AttemptKey], Behaviour],
        rng: random.Random,
        crashes: Sequence[Tuple[int, bool]],
        stops: Mapping[float, StopAsked] = {},
        **more: Any,
    ) -> None:
        plan, scopes = make()
        super().__init__(plan, scopes, behave, stops, rng, **more)
        self._audit = _Deaf()  # type: ignore[assignment]  # what it looks at, a crash changes
        self._make = make
        self._crashes = dict(crashes)
        self._turn = 0
        self._done: Dict[str, str] = {}
        self._under_way: Set[str] = set()
        self._lost: Set[AttemptKey] = set()
        self._began: Dict[AttemptKey, float] = {}
        self.resumed = 0

    def run(self) -> CrashingWorld:
        """To the end of the run, over all crashes."""
        self._live(self.machine.begin(self.now))
        while not self.machine.finished:
            batch = self._next_batch()
            assert batch, "nothing is under way and the run is not over"
            self._live(self.machine.handle(batch, self.now))
        self._check_end()
        return self

    def _live(self, reaction: Reaction) -> None:
        """A turn; after it, maybe a death and another machine."""
        self._turn += 1
        lost = self._crashes.get(self._turn)
        if lost is None or self.machine.finished:
            self._keep_promises(reaction.events)
            self._take(reaction)
            return
        self._keep_promises(reaction.events)
        self._take(Reaction(reaction.events, [] if lost else reaction.orders))
        self._die()
        self._live(self._resume())

    def _die(self) -> None:
        """Only processes go on."""
        self._timers = Timers()
        self._agenda = [
            each
            for each in self._agenda
            if isinstance(each[2], (AttemptOver, StopAsked)) and self._is_of_process(each[2])
        ]
        heapify(self._agenda)
        self._copies.clear()
        assert self._rng is not None
        for key in self._alive:
            if self._rng.random() < 0.3:
                self._lost.add(key)
        self.now += self._rng.choice((0.0, 0.5, 3.0))

    def _is_of_process(self, stimulus: object) -> bool:
        return not isinstance(stimulus, AttemptOver) or stimulus.ended.key in self._alive

    def _resume(self) -> Reaction:
        self.resumed += 1
        plan, scopes = self._make()
        resumed = run_resumed(plan, scopes, ORIGIN, results_to_drop(self.record, ()))
        envelopes = [Envelope(n, 0.0, event) for n, event in enumerate(self.events, 1)]
        past = fold([*envelopes, Envelope(len(envelopes) + 1, self.now, resumed)])
        assert past is not None
        kept = {
            AttemptKey(step.id, step.attempts[-1].number)
            for step in past.step_by_id.values()
            if step.attempts and step.attempts[-1].outcome is None
        }
        for key in self._alive.keys() - kept:  # ended before anything is started
            self._forget_attempt(key)
        assert self._rng is not None
        self.plan = plan
        self.machine = Machine(
            plan, scopes, ORIGIN, self._rng.random, Past(past, resumed, self.now)
        )
        return self.machine.begin(self.now)

    def _carry_out(self, order: Any) -> None:
        if not isinstance(order, Reattach):
            if isinstance(order, Launch):
                assert all(key.step != order.launching.key.step for key in self._alive), "a twin"
                self._began[order.launching.key] = self.now
            super()._carry_out(order)
            return
        key = order.key
        ends = [at for at, _, each in self._agenda if self._is_end_of(each, key)]
        if key not in self._alive or not ends:
            self._forget_attempt(key)
            self._schedule(self.now + self._late(), Lost(key))
        elif key in self._lost:
            self._agenda = [each for each in self._agenda if not self._is_end_of(each[2], key)]
            heapify(self._agenda)
            self._schedule(max(min(ends), self.now), Lost(key))
        elif min(ends) > self.now:
            self._schedule(self.now, Reattached(key, self.now - self._began[key]))
        if self._tokens.take_over(key):
            self._schedule(self.now, Look(key))

    def _is_end_of(self, stimulus: object, key: AttemptKey) -> bool:
        return isinstance(stimulus, AttemptOver) and stimulus.ended.key == key

    def _note(self, stimulus: Any) -> None:
        super()._note(stimulus)
        if isinstance(stimulus, Lost):
            self._forget_attempt(stimulus.key)

    def _keep_promises(self, events: Sequence[Event]) -> None:
        """Nothing that ended well begins again; no attempt begins beside another of its step."""
        for event in events:
            if isinstance(event, AttemptStarted):
                assert event.step not in self._done, "%s began again" % event.step
                assert event.step not in self._under_way, "%s runs twice" % event.step
                self._under_way.add(event.step)
            elif isinstance(event, AttemptEnded):
                self._under_way.discard(event.step)
            elif isinstance(event, StepEnded):
                if event.state not in _NOT_WELL and StepState(event.state) in RESULT_BY_STATE:
                    self._done[event.step] = event.state
            elif isinstance(event, (RunResumed, ResultsDropped)):
                self._forget(event.dropped if isinstance(event, RunResumed) else event.steps)
            elif isinstance(event, StepsAdded):
                self._forget([entry.step for entry in event.steps])
        resumed = [event for event in events if isinstance(event, RunResumed)]
        if resumed:
            self._under_way &= {key.step for key in self._alive}

    def _is_followed(self, step: str) -> bool:
        """Parts of what ended before a crash are in the record alone."""
        try:
            self.machine.facts(step)
        except KeyError:
            return False
        return True

    def _forget(self, steps: Sequence[str]) -> None:
        for step in steps:
            below = (step + "/", step + "[", step + ":")
            for part in [id for id in self._done if id == step or id.startswith(below)]:
                del self._done[part]
            self._under_way.discard(step)


def interrupted(world: World) -> int:
    """How many attempts nobody saw end."""
    return sum(
        isinstance(event, AttemptEnded) and event.outcome == Outcome.INTERRUPTED.value
        for event in world.events
    )
