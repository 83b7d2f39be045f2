"""The instances of a fan-out while they run, and what they come to together. Pure."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from orchestra.engine.fanout import Row, instance_id
from orchestra.engine.fingerprint import digest_of_value
from orchestra.engine.opening import entry
from orchestra.engine.steprun import StepRun
from orchestra.model.events import PlannedEntry
from orchestra.model.expression import Expression, Value
from orchestra.model.run import Role, StepState
from orchestra.model.selection import LeftOut
from orchestra.model.workflow import Step

_WORST_FIRST = (
    StepState.FAILED,
    StepState.CANCELLED,
    StepState.BLOCKED,
    StepState.ALLOWED_FAILURE,
    StepState.RECOVERED,
    StepState.SUCCEEDED,
    StepState.CACHED,
    StepState.SKIPPED,
)

_TOLD = frozenset([StepState.FAILED, StepState.ALLOWED_FAILURE, StepState.CANCELLED])


def why_it_goes(run: StepRun) -> str:
    """Why a step runs whose needs have ended and that asks nothing."""
    if run.instance_of is not None:
        return run.instance_of.why
    return "its needs were met" if run.step.needs else "it needs nothing"


def without_own_questions(step: Step) -> Step:
    """The step as it is asked once for all its instances."""
    return step._replace(
        condition=None if _is_own(step.condition) else step.condition,
        require=tuple(each for each in step.require if not _is_own(each.condition)),
    )


def _instance_of(step: Step) -> Step:
    """The step as each of its instances is asked; what was asked for all is not asked again."""
    return step._replace(
        needs=(),
        condition=step.condition if _is_own(step.condition) else None,
        require=tuple(each for each in step.require if _is_own(each.condition)),
        fan_out=None,
    )


def _is_own(condition: Optional[Expression]) -> bool:
    """Whether the answer may differ from instance to instance."""
    return condition is not None and any(
        reference.path[0] in ("item", "matrix") for reference in condition.references
    )


class Group:
    """The instances of one step while they run.

    `members` are in the order of the `rows`; they are numbered from `number` on. `struck_by` is the
    instance whose failure keeps the others from starting; `open` counts those that have not ended.
    """

    def __init__(self, owner: StepRun, rows: Sequence[Row], number: int, fail_fast: bool) -> None:
        step = owner.step
        instance = _instance_of(step)
        self.owner = owner
        self.members = [
            StepRun(
                number + place,
                owner.planned._replace(step=instance._replace(id=instance_id(step.id, row))),
                owner.block,
                owner,
                {**owner.names, **row.names},
            )
            for place, row in enumerate(rows)
        ]
        self.open = len(rows)
        self.struck_by = ""
        self.rows = rows
        self._slots = len(rows) if step.max_parallel is None else step.max_parallel
        self._fail_fast = fail_fast if step.fail_fast is None else step.fail_fast
        self._waiting = deque(self.members)
        self._counts: Counter[StepState] = Counter()
        self._first: Dict[StepState, str] = {}

    def entries(self) -> Tuple[PlannedEntry, ...]:
        """The instances for the record."""
        owner, block = self.owner.step.id, self.owner.block
        return tuple(
            entry(
                member.planned,
                block.scopes,
                member.names,
                owner,
                Role.INSTANCE,
                item=digest_of_value(row.value),
            )
            for member, row in zip(self.members, self.rows)
        )

    def admit(self) -> List[StepRun]:
        """Those whose turn has come to start."""
        admitted = []
        while self._waiting and self._slots > 0:
            self._slots -= 1
            admitted.append(self._waiting.popleft())
        return admitted

    def admit_first(self, has_begun: Callable[[str], bool]) -> List[StepRun]:
        """Those that began before the run went on, be it that they have ended, however many."""
        admitted = [member for member in self._waiting if has_begun(member.step.id)]
        if admitted:
            self._slots -= len(admitted)
            gone = {member.index for member in admitted}
            self._waiting = deque(each for each in self._waiting if each.index not in gone)
        return admitted

    def next_waiting(self) -> Optional[StepRun]:
        """The first whose turn has not come."""
        return self._waiting[0] if self._waiting else None

    def drain(self) -> List[StepRun]:
        """Those whose turn has not come, which it now never will."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting

    def note_end(self, member: StepRun, reason: str) -> None:
        """An instance has ended."""
        self.open -= 1
        self._slots += 1
        self.owner.is_partial = self.owner.is_partial or member.is_partial
        self._counts[member.state] += 1
        self._first.setdefault(member.state, "`%s`: %s" % (member.step.id, reason))
        if member.state is StepState.FAILED and self.owner.failure is None:
            self.owner.failure = member.failure

    def strike(self, member: StepRun) -> bool:
        """An instance has failed; whether that keeps the others from starting."""
        if not self._fail_fast or self.struck_by:
            return False
        self.struck_by = member.step.id
        return True

    def result(self) -> Tuple[StepState, str]:
        """The state that stands for all, the worst one, and why."""
        state = next(state for state in _WORST_FIRST if self._counts[state])
        count, total = self._counts[state], len(self.members)
        if state is StepState.SUCCEEDED and count == total:
            return state, "%s; %d %s" % (
                self.owner.why,
                total,
                "instance" if total == 1 else "instances",
            )
        said = "%d of %d %s" % (count, total, state.value.replace("_", " "))
        if state in _TOLD:
            said += ", first %s" % self._first[state]
        return state, said

    def left_out(self) -> Optional[LeftOut]:
        """Why a person left out all of them, None where one had its turn or there is none."""
        if not self.members or any(member.left_out is None for member in self.members):
            return None
        return self.members[0].left_out

    def outputs(self) -> Mapping[str, Value]:
        """Each output as a list in the order of the instances, null where one has none."""
        names: Dict[str, None] = dict.fromkeys(self.owner.step.outputs)
        for member in self.members:
            names.update(dict.fromkeys(member.outputs))
        return {name: [member.outputs.get(name) for member in self.members] for name in names}

    def items(self) -> List[Any]:
        """The `item` or the `matrix` of each instance."""
        return [row.value for row in self.rows]
