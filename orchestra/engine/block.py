"""Steps that run together: the workflow's own, or those in a step. Holds state, decides nothing."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from orchestra.engine.opening import entry
from orchestra.engine.scope import Scopes
from orchestra.engine.steprun import StepRun
from orchestra.engine.verdicts import Failure
from orchestra.model.events import PlannedEntry
from orchestra.model.expression import Value
from orchestra.model.plan import PlannedStep
from orchestra.model.run import Role, StepState
from orchestra.model.workflow import NeedResult

_NO_NAMES: Mapping[str, Value] = {}
_NO_LIMITS: Mapping[str, int] = {}


class Block:
    """The steps of a plan, or of a part of it, while they run.

    `runs` are in the order of `planned`, numbered from `number` on. `owner` is the step they are
    in, None for the workflow's own; `outer` is the block around, where its steps are in sight.
    `names` are those that all of them see beside the usual ones, `limits` what each of them takes
    beside its demand, so that not too many run at once. `open` counts the steps that have not
    ended, `failures` are those of its steps that have failed; `struck_by` is the one whose failure
    keeps others from starting, `called_off` says why none may start but what cleans up. What comes
    after them had begun before the run went on if `had_its_turn`.
    """

    def __init__(
        self,
        planned: Sequence[PlannedStep],
        scopes: Scopes,
        number: int = 0,
        fail_fast: bool = False,
        owner: Optional[StepRun] = None,
        outer: Optional[Block] = None,
        names: Mapping[str, Value] = _NO_NAMES,
        limits: Mapping[str, int] = _NO_LIMITS,
    ) -> None:
        self.planned = planned
        self.scopes = scopes
        self.owner = owner
        self.outer = outer
        self.fail_fast = fail_fast
        self.limits = limits
        self.prefix = "" if owner is None else owner.step.id + "/"
        self.runs = [
            StepRun(number + place, _placed(each, self.prefix), self, names=names)
            for place, each in enumerate(planned)
        ]
        self._run_by_id = {each.step.id: run for each, run in zip(planned, self.runs)}
        self.open = len(self.runs)
        self.struck_by = ""
        self.called_off = ""
        self.had_its_turn = False
        self.failures: List[Failure] = []
        self._ended: Dict[StepState, Tuple[int, str]] = {}

    def holds(self, run: StepRun) -> bool:
        """Whether a step is among these, or in one of them."""
        block: Optional[Block] = run.block
        while block is not None and block is not self:
            block = None if block.owner is None else block.owner.block
        return block is self

    def facts(self, step: str) -> Mapping[str, Value]:
        """What `steps.ID` shows of a step, of its own or around it."""
        if self.outer is not None and step not in self._run_by_id:
            return self.outer.facts(step)
        return self._run_by_id[step].facts()

    def above(self, step: str) -> List[str]:
        """The ids of all steps above one, nearest first, those around it last; "" is below all."""
        if not step:
            return list(self._run_by_id)
        order = list(self._run_by_id[step].planned.needs)
        seen = set(order)
        for number in order:
            fresh = [need for need in self.planned[number].needs if need not in seen]
            seen.update(fresh)
            order.extend(fresh)
        ids = [self.planned[number].step.id for number in order]
        if self.outer is not None and self.owner is not None:
            ids += [id for id in self.outer.above(self.owner.local) if id not in self._run_by_id]
        return ids

    def end(self, step: str) -> Tuple[str, NeedResult]:
        """How one of its steps has ended, in a word, and what that means to those below."""
        run = self._run_by_id[step]
        result = run.result
        assert result is not None
        if run.left_out is not None and run.state is StepState.SKIPPED:
            return "left out", result
        return run.state.value.replace("_", " "), result

    def entries(self) -> Tuple[PlannedEntry, ...]:
        """Its steps for the record."""
        owner = "" if self.owner is None else self.owner.step.id
        return tuple(
            entry(run.planned, self.scopes, run.names, owner, Role.INNER, self.prefix)
            for run in self.runs
        )

    def note_end(self, run: StepRun, reason: str) -> None:
        """One of its steps has ended."""
        self.open -= 1
        if self.owner is not None:
            self.owner.is_partial = self.owner.is_partial or run.is_partial
            count, first = self._ended.get(run.state, (0, "`%s`: %s" % (run.step.id, reason)))
            self._ended[run.state] = (count + 1, first)
        if run.state is StepState.FAILED:
            self.failures.append(run.failure or Failure(run.step.id, None, reason, None))

    def strike(self, run: StepRun) -> bool:
        """One of its steps has failed; whether that keeps others from starting."""
        if not self.fail_fast or self.struck_by:
            return False
        self.struck_by = run.step.id
        return True

    @property
    def is_stopped(self) -> bool:
        """Whether these, or the steps around them, were called off."""
        if self.called_off:
            return True
        return self.owner is not None and self.owner.block.is_stopped

    @property
    def has_started(self) -> bool:
        """Whether the turn of one of its steps has come."""
        return self.had_its_turn or any(run.first_started_at is not None for run in self.runs)

    def outcome(self) -> Tuple[StepState, str]:
        """What the steps come to for the step that they are in."""
        assert self.owner is not None
        if self.called_off:
            return StepState.FAILED, self.called_off
        for state in (StepState.FAILED, StepState.CANCELLED):
            count, first = self._ended.get(state, (0, ""))
            if count:
                said = "%d of %d steps %s, first %s"
                return state, said % (count, len(self.runs), state.value, first)
        steps = "1 step" if len(self.runs) == 1 else "%d steps" % len(self.runs)
        return StepState.SUCCEEDED, "%s; %s" % (self.owner.why, steps) if self.owner.why else steps


def _placed(planned: PlannedStep, prefix: str) -> PlannedStep:
    if not prefix:
        return planned
    return planned._replace(step=planned.step._replace(id=prefix + planned.step.id))
