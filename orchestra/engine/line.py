"""The steps that stand in line for a share of the budget, and the shares that are held. Pure."""

from __future__ import annotations

from typing import List, Mapping, Optional, Tuple

from orchestra.engine.budget import Budget
from orchestra.engine.demand import fit_demand, grown, resolve_demand
from orchestra.engine.lending import Lending
from orchestra.engine.queue import ReadyQueue
from orchestra.engine.reservation import Shares
from orchestra.engine.steprun import StepRun
from orchestra.model.events import Event, Noted, StepReady
from orchestra.model.expression import ExpressionError, Scope
from orchestra.model.plan import Order, Plan
from orchestra.model.run import AttemptKey, StepState


class Line:
    """Lets steps start in their order, as far as the budget goes. Events are those of the turn.

    A step holds its share while it is `running`, unless others run in it. What no share takes goes
    to the `lending`, and is back before a step starts that needs it.
    """

    def __init__(self, plan: Plan, lending: Lending, events: List[Event]) -> None:
        self._room = plan.room
        self._events = events
        self._is_fifo = plan.policy.order is Order.FIFO
        self._shares: Shares = {}
        self._lending = lending
        self._awaits: Optional[StepRun] = None
        self.budget = Budget(plan.budget, plan.max_parallel, plan.devices)
        self._queue: ReadyQueue[StepRun] = ReadyQueue(
            self.budget, self._shares, plan.policy.patience_s
        )

    @property
    def has_reserved(self) -> bool:
        """Whether a step ever had a reservation, so that others had to wait."""
        return self._queue.has_reserved

    def claim(self, run: StepRun, scope: Scope) -> str:
        """Settle what a step takes that is known only now; why it can never have that, if so."""
        try:
            amounts = resolve_demand(run.step, scope)
        except ExpressionError as fault:
            return str(fault)
        refusal, note = fit_demand(run.step.id, amounts, self._room)
        if refusal is not None:
            return refusal.message
        if note is not None:
            self._events.append(Noted(run.step.id, note))
        run.amounts = amounts
        return ""

    def grow(self, run: StepRun, attempt: AttemptKey) -> None:
        """Let the next attempt of a step ask for more, if its retries do."""
        factors = run.step.retry.resources
        if factors:
            run.amounts, notes = grown(attempt, run.amounts, factors, self._room)
            self._events.extend(Noted(run.step.id, note) for note in notes)

    def ask_for(self, run: StepRun, amounts: Mapping[str, int]) -> None:
        """Have a step want these amounts, beside what keeps too many around it from running."""
        limits = run.block.limits
        run.amounts = amounts
        run.demand = self.budget.demand({**amounts, **limits} if limits else amounts)

    def join(self, run: StepRun, now: float) -> None:
        """Put a step in line that is to have an attempt."""
        self.ask_for(run, run.amounts)
        self._events.append(StepReady(run.step.id, run.amounts))
        self.stand(run, now)

    def stand(self, run: StepRun, now: float) -> None:
        """Put a step in line for the share that it asked for before."""
        run.ready_at = now
        run.state = StepState.READY
        priority, rank, place = run.order
        self._queue.push(run, (priority, now, place) if self._is_fifo else (priority, rank, place))

    def admit(self, now: float) -> Optional[StepRun]:
        """The next step that may start, which holds its share from now on; None for none."""
        if self._awaits is None and not self._lending:
            run = self._queue.pop(now)
        else:
            run = self._next_beside_lent(now)
        if run is not None:
            run.devices = self.budget.take(run.demand, run.amounts.get("gpu", 0))
            run.state = StepState.RUNNING
            self._shares[run.index] = now + run.planned.expected_s, run.demand
        return run

    def lend(self) -> None:
        """Lend what is free, but for what the next step waits for."""
        if self._lending:
            wanted = 0 if self._awaits is None else self._awaits.amounts.get("cpu", 0)
            self._lending.lend(self.budget.free_cpu - wanted)

    def _next_beside_lent(self, now: float) -> Optional[StepRun]:
        """The next step, unless its cores are lent: then nothing else starts until they are back.

        One that was called off meanwhile is awaited no longer.
        """
        run = self._awaits
        if run is None or run.state is not StepState.READY:
            run = self._awaits = self._queue.pop(now)
        if run is None or not self.budget.fits(run.demand):
            return None
        cpu = run.amounts.get("cpu", 0)
        if cpu and self.budget.free_cpu - cpu < self._lending.lent:
            return None
        self._awaits = None
        return run

    def hold(self, run: StepRun, devices: Tuple[int, ...]) -> None:
        """Have a step hold the share that it had before the run went on."""
        self.ask_for(run, run.amounts)
        self.budget.hold(run.demand, devices)
        run.devices = devices
        run.state = StepState.RUNNING
        began_at = run.first_started_at or 0.0
        self._shares[run.index] = began_at + run.planned.expected_s, run.demand

    def hold_nothing(self, run: StepRun) -> None:
        """Have a step run from before in which others hold shares."""
        run.demand = ()
        run.devices = ()
        run.state = StepState.RUNNING

    def give_back(self, run: StepRun) -> None:
        """Take the share of a step back."""
        self.budget.give(run.demand, run.devices)
        self._shares.pop(run.index, None)  # that of the run's own end is no step's
