"""What is known of the steps of a run, for expressions and for the rules. Pure; decides nothing."""

from __future__ import annotations

from typing import Callable, List, Mapping

from orchestra.engine.halt import Halt
from orchestra.engine.steprun import StepRun
from orchestra.model.expression import Value
from orchestra.model.plan import Plan
from orchestra.model.run import RESULT_BY_STATE, StepState
from orchestra.model.workflow import NeedResult


class KnownResults:
    """The `Results` of one run, read from the steps that its machine follows."""

    def __init__(self, plan: Plan, run_by_id: Mapping[str, StepRun], halt: Halt) -> None:
        self._plan = plan
        self._left_out = plan.left_out
        self._run_by_id = run_by_id
        self._halt = halt

    def facts(self, step: str) -> Mapping[str, Value]:
        """What `steps.ID` shows of a step."""
        run = self._run_by_id[step]
        if step in self._left_out and run.state is StepState.SKIPPED:
            return {**run.facts(), "result": NeedResult.SUCCESS.value}
        return run.facts()

    def above(self, step: str) -> List[str]:
        """The ids of all steps above one, nearest first; the end of the run is below all."""
        steps = self._plan.steps
        if not step:
            return [planned.step.id for planned in steps]
        order = list(steps[self._run_by_id[step].index].needs)
        seen = set(order)
        for number in order:
            fresh = [need for need in steps[number].needs if need not in seen]
            seen.update(fresh)
            order.extend(fresh)
        return [steps[number].step.id for number in order]

    def state(self, step: str) -> StepState:
        """The state of a step."""
        return self._run_by_id[step].state

    def result(self, step: str) -> NeedResult:
        """What a step that has ended means to those that need it."""
        state = self._run_by_id[step].state
        if step in self._left_out and state is StepState.SKIPPED:
            return NeedResult.SUCCESS
        return RESULT_BY_STATE[state]

    def status_functions(self, run: StepRun) -> Mapping[str, Callable[..., Value]]:
        """`always()` and its kin, as the `if` of a step asks them."""
        return {
            "always": lambda: True,
            "cancelled": lambda: self._halt.stop is not None,
            "failure": lambda: run.failed_above,
            "success": lambda: all(
                self.result(need.step) is NeedResult.SUCCESS for need in run.step.needs
            ),
        }
