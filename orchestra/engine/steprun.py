"""One step as the machine follows it through a run. Holds state, decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Tuple

from orchestra.engine.budget import Demand
from orchestra.engine.verdicts import Cause
from orchestra.model.expression import Value
from orchestra.model.plan import PlannedStep
from orchestra.model.run import RESULT_BY_STATE, AttemptKey, StepState

if TYPE_CHECKING:
    from orchestra.engine.block import Block

_NO_NAMES: Mapping[str, Value] = {}


class StepRun:
    """A step's state, the share of the budget it wants or holds, and its attempts so far.

    `block` are the steps that it is among. `waiting` counts the needs that have not ended; `order`
    is its place in line; `key` names the present or last attempt; `why` is the reason it runs;
    `cause` is why orchestra asked the present attempt to end, `stopped_by` on whose behalf;
    `given_up` is what the step comes to if a retry it waits for is not made; times are the
    machine's seconds. `names` are those that it alone sees. An instance of a fan-out has an
    `owner`, whose `if` decided for it, and in its place no `if` and no needs of its own; `items` is
    what the instances of an owner stand for.
    """

    __slots__ = (
        "amounts",
        "block",
        "cause",
        "demand",
        "devices",
        "ended_at",
        "exit_code",
        "failed_above",
        "first_started_at",
        "given_up",
        "index",
        "items",
        "key",
        "names",
        "number",
        "order",
        "outputs",
        "owner",
        "planned",
        "ready_at",
        "state",
        "step",
        "stopped_by",
        "timeout_s",
        "waiting",
        "why",
    )

    def __init__(
        self,
        index: int,
        planned: PlannedStep,
        block: Block,
        owner: Optional[StepRun] = None,
        names: Mapping[str, Value] = _NO_NAMES,
    ) -> None:
        step = planned.step
        self.index = index
        self.planned = planned
        self.block = block
        self.owner = owner
        self.names = names
        self.items: Optional[List[Any]] = None
        self.step = step
        self.state = StepState.PENDING
        self.waiting = len(planned.needs) if owner is None else 0
        self.failed_above = False
        self.order = (-step.priority, -planned.rank_s, step.place)
        self.amounts: Mapping[str, int] = {}
        self.demand: Demand = ()
        self.devices: Tuple[int, ...] = ()
        self.number = 0
        self.key = AttemptKey(step.id, 0)
        self.timeout_s: Optional[float] = None
        self.cause: Optional[Cause] = None
        self.stopped_by = ""
        self.given_up: Optional[Tuple[StepState, str]] = None
        self.why = ""
        self.outputs: Mapping[str, Value] = {}
        self.exit_code: Optional[int] = None
        self.ready_at = 0.0
        self.first_started_at: Optional[float] = None
        self.ended_at: Optional[float] = None

    @property
    def local(self) -> str:
        """The id by which steps beside it name it; an instance has that of its owner."""
        return (self.owner or self).step.id[len(self.block.prefix) :]

    def next_attempt(self) -> AttemptKey:
        """Count one more attempt; names it."""
        self.number += 1
        self.key = AttemptKey(self.step.id, self.number)
        return self.key

    def facts(self) -> Mapping[str, Value]:
        """What `steps.ID` shows of it; `duration` is None where no attempt ended."""
        duration = None
        if self.ended_at is not None and self.first_started_at is not None:
            duration = self.ended_at - self.first_started_at
        result = RESULT_BY_STATE.get(self.state)
        facts: Dict[str, Value] = {
            "result": result and result.value,
            "state": self.state.value,
            "exit_code": self.exit_code,
            "duration": duration,
            "outputs": self.outputs,
        }
        if self.items is not None:
            facts["items"] = self.items
        return facts
