"""When a run will be over, from the durations that its plan expects. Pure: time is given to it."""

from __future__ import annotations

from typing import Iterable, List, Mapping, NamedTuple, Optional, Set, Tuple

from graphlib import TopologicalSorter

from orchestra.model.plan import SPARED, Plan, Prediction
from orchestra.model.record import RunRecord


class Hint(NamedTuple):
    """What the plan says of one step: `rank_s` is the longest path from its start to the end."""

    duration_s: float
    rank_s: float


class Expectation:
    """The time left: the longest path still to go, or the share of the work, whichever is more.

    Each step is told to it once when it first starts and once when it has ended, and again after
    `begin`.
    """

    def __init__(self, hint_by_step: Mapping[str, Hint], predicted_s: float) -> None:
        self._hints = hint_by_step
        self._predicted_s = predicted_s
        self._work_s = sum(hint.duration_s for hint in hint_by_step.values())
        self._begun: Set[str] = set()
        self.begin()

    def begin(self) -> None:
        """Have nothing begun yet, as before a run that goes on tells what it has."""
        self._left_s = self._work_s
        # The longest path last: each is looked at again only until its step has started.
        self._paths: List[Tuple[float, str]] = sorted(
            (hint.rank_s, step) for step, hint in self._hints.items()
        )
        self._begun.clear()

    def started(self, step: str) -> None:
        """The step's first attempt has begun."""
        self._begun.add(step)

    def ended(self, step: str) -> None:
        """The step is in a final state, whether it ran or not."""
        self._begun.add(step)
        hint = self._hints.get(step)
        if hint is not None:
            self._left_s -= hint.duration_s

    def left_s(self, running: Iterable[Tuple[str, float]]) -> float:
        """Seconds to go; `running` are the steps under way and for how long they have been."""
        while self._paths and self._paths[-1][1] in self._begun:
            self._paths.pop()
        path_s = self._paths[-1][0] if self._paths else 0.0
        work_s = self._left_s
        for step, elapsed_s in running:
            hint = self._hints.get(step)
            if hint is not None:
                spent_s = min(elapsed_s, hint.duration_s)
                path_s = max(path_s, hint.rank_s - spent_s)
                work_s -= spent_s
        share = work_s / self._work_s if self._work_s > 0 else 0.0
        return max(path_s, share * self._predicted_s, 0.0)


def recorded_expectation(record: RunRecord) -> Optional[Expectation]:
    """What was expected of a recorded run, None unless the duration of every step was known."""
    steps = {id: step for id, step in record.step_by_id.items() if not step.owner}
    if record.predicted_s is None or any(step.expected_s is None for step in steps.values()):
        return None
    rank_by_step = {id: step.expected_s or 0.0 for id, step in steps.items()}
    order = TopologicalSorter({step.id: step.needs for step in steps.values()}).static_order()
    for id in reversed(list(order)):
        for need in steps[id].needs:
            duration_s = steps[need].expected_s or 0.0
            rank_by_step[need] = max(rank_by_step[need], duration_s + rank_by_step[id])
    hints = {id: Hint(step.expected_s or 0.0, rank_by_step[id]) for id, step in steps.items()}
    return Expectation(hints, record.predicted_s) if hints else None


def expectation_of(plan: Plan, prediction: Prediction) -> Optional[Expectation]:
    """What the plan lets one expect, None unless every step that may run has a duration."""
    hints = {}
    for planned in plan.steps:
        if planned.will in SPARED:
            continue
        if planned.duration_s is None:
            return None
        ids = [each.id for each in planned.instances or () if each.will not in SPARED]
        for id in [planned.step.id] if planned.instances is None else ids:
            hints[id] = Hint(planned.duration_s, planned.rank_s)
    return Expectation(hints, prediction.predicted_s) if hints else None
