"""One step as the machine follows it through a run. Holds state, decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Tuple

from orchestra.engine.budget import Demand
from orchestra.engine.verdicts import Cause, Failure
from orchestra.model.expression import Value
from orchestra.model.plan import PlannedStep
from orchestra.model.run import RESULT_BY_STATE, AttemptKey, Role, StepState
from orchestra.model.selection import LeftOut
from orchestra.model.workflow import NeedResult

if TYPE_CHECKING:
    from orchestra.engine.block import Block

_NO_NAMES: Mapping[str, Value] = {}
_NO_AMOUNTS: Mapping[str, int] = {}


class StepRun:
    """A step's state, the share of the budget it wants or holds, and its attempts so far.

    `block` are the steps that it is among; by the id `local` those beside it name it, an instance
    by that of its step. `waiting` counts the needs that have not ended; `key` names the present or
    last attempt; `why` is the reason it runs; `cause` is why orchestra asked the present attempt to
    end, `stopped_by` on whose behalf; `given_up` is what the step comes to if no further attempt is
    made, `failure` how the last one failed; `next_role` is the part of it that it stands in line
    for, where that is no attempt; times are the machine's seconds; `spent` of its attempts count no
    more, `lost` of them with their nodes; it is `barred` from another one, for this reason, after
    one that was interrupted if it must not rerun. `names` are those that it alone sees; `items` is
    what its instances stand for. What is an `instance_of` another step has neither needs nor an
    `if` of its own, save one that names its `item` or `matrix`: the other's was asked for all.
    `left_out` says that a person chose not to run it; it is `is_partial` if outputs of it, or of
    its parts, are missed for that.
    """

    __slots__ = (
        "amounts",
        "barred",
        "block",
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
        "instance_of",
        "is_partial",
        "items",
        "left_out",
        "local",
        "lost",
        "names",
        "next_role",
        "number",
        "outputs",
        "planned",
        "ready_at",
        "spent",
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
        instance_of: Optional[StepRun] = None,
        names: Mapping[str, Value] = _NO_NAMES,
    ) -> None:
        step = planned.step
        self.index = index
        self.planned = planned
        self.block = block
        self.instance_of = instance_of
        self.left_out: Optional[LeftOut] = None
        self.is_partial = False
        self.names = names
        self.items: Optional[List[Any]] = None
        self.step = step
        self.local = (instance_of or self).step.id[len(block.prefix) :]
        self.state = StepState.PENDING
        self.waiting = len(planned.needs) if instance_of is None else 0
        self.failed_above = False
        self.amounts: Mapping[str, int] = _NO_AMOUNTS
        self.demand: Demand = ()
        self.devices: Tuple[int, ...] = ()
        self.number = 0
        self.spent = 0
        self.lost = 0
        self.barred = ""
        self.timeout_s: Optional[float] = None
        self.cause: Optional[Cause] = None
        self.stopped_by = ""
        self.given_up: Optional[Tuple[StepState, str]] = None
        self.failure: Optional[Failure] = None
        self.next_role: Optional[Role] = None
        self.why = ""
        self.outputs: Mapping[str, Value] = _NO_NAMES
        self.exit_code: Optional[int] = None
        self.ready_at = 0.0
        self.first_started_at: Optional[float] = None
        self.ended_at: Optional[float] = None

    @property
    def recorded(self) -> str:
        """The id under which it is in the record."""
        return self.step.id

    @property
    def order(self) -> Tuple[int, float, int]:
        """Its place in line, the least first: by priority, longest remaining path, file order."""
        return -self.step.priority, -self.planned.rank_s, self.step.place

    @property
    def result(self) -> Optional[NeedResult]:
        """What its end means to those below, None before; what is left out counts as a success."""
        if self.left_out is not None and self.state is StepState.SKIPPED:
            return NeedResult.SUCCESS
        return RESULT_BY_STATE.get(self.state)

    @property
    def key(self) -> AttemptKey:
        """Names its last attempt; number 0 is none."""
        return AttemptKey(self.step.id, self.number)

    @property
    def tries(self) -> int:
        """How many attempts there have been that count."""
        return self.number - self.spent

    def next_attempt(self) -> AttemptKey:
        """Count one more attempt; names it."""
        self.number += 1
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
        result = self.result if state is self.state else RESULT_BY_STATE.get(state)
        facts: Dict[str, Value] = {
            "result": result and result.value,
            "state": state.value,
            "exit_code": self.exit_code,
            "duration": duration,
            "outputs": self.outputs,
        }
        if self.items is not None:
            facts["items"] = self.items
        return facts
