"""One step as the machine follows it through a run. Holds state, decides nothing."""

from __future__ import annotations

from typing import Mapping, Optional, Tuple

from orchestra.engine.budget import Demand
from orchestra.engine.verdicts import Cause, Failure
from orchestra.model.expression import Value
from orchestra.model.plan import PlannedStep
from orchestra.model.run import RESULT_BY_STATE, AttemptKey, Role, StepState


class StepRun:
    """A step's state, the share of the budget it wants or holds, and its attempts so far.

    `waiting` counts the needs that have not ended; `order` is its place in line; `key` names the
    present or last attempt; `why` is the reason it runs; `cause` is why orchestra asked the present
    attempt to end; `given_up` is what the step comes to if no further attempt is made, `failure`
    how the last one failed; `next_role` is the part of it that it stands in line for, where that is
    no attempt; times are the machine's seconds.
    """

    __slots__ = (
        "amounts",
        "cause",
        "demand",
        "devices",
        "ended_at",
        "exit_code",
        "failed_above",
        "failure",
        "first_started_at",
        "given_up",
        "index",
        "key",
        "next_role",
        "number",
        "order",
        "outputs",
        "ready_at",
        "state",
        "step",
        "timeout_s",
        "waiting",
        "why",
    )

    def __init__(self, index: int, planned: PlannedStep) -> None:
        step = planned.step
        self.index = index
        self.step = step
        self.state = StepState.PENDING
        self.waiting = len(planned.needs)
        self.failed_above = False
        self.order = (-step.priority, -planned.rank_s, step.place)
        self.amounts: Mapping[str, int] = {}
        self.demand: Demand = ()
        self.devices: Tuple[int, ...] = ()
        self.number = 0
        self.key = AttemptKey(step.id, 0)
        self.timeout_s: Optional[float] = None
        self.cause: Optional[Cause] = None
        self.given_up: Optional[Tuple[StepState, str]] = None
        self.failure: Optional[Failure] = None
        self.next_role: Optional[Role] = None
        self.why = ""
        self.outputs: Mapping[str, Value] = {}
        self.exit_code: Optional[int] = None
        self.ready_at = 0.0
        self.first_started_at: Optional[float] = None
        self.ended_at: Optional[float] = None

    def next_attempt(self) -> AttemptKey:
        """Count one more attempt; names it."""
        self.number += 1
        self.key = AttemptKey(self.step.id, self.number)
        return self.key

    def has_time(self, max_time_s: Optional[float], until: float) -> bool:
        """Whether an attempt that starts then starts within that time after the first one."""
        assert self.first_started_at is not None
        return max_time_s is None or until - self.first_started_at <= max_time_s

    def facts(self) -> Mapping[str, Value]:
        """What `steps.ID` shows of it; `duration` is None where no attempt ended.

        Its own handlers see what it comes to.
        """
        duration = None
        state = self.state
        if state is StepState.RUNNING and self.given_up is not None:
            state = self.given_up[0]
        if self.ended_at is not None and self.first_started_at is not None:
            duration = self.ended_at - self.first_started_at
        result = RESULT_BY_STATE.get(state)
        return {
            "result": result and result.value,
            "state": state.value,
            "exit_code": self.exit_code,
            "duration": duration,
            "outputs": self.outputs,
        }
