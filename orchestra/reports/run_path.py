"""Which steps a run waited for: the chain that decided when it was over. Pure."""

from __future__ import annotations

from typing import List, Optional

from orchestra.model.run import RunRecord, StepRecord


def critical_path(record: RunRecord) -> List[str]:
    """The ids of steps without an owner, from one that waited for nothing to the last to end.

    Each needs the one before, which of all that it needs ended last. Steps that did not run are
    not in it; it is empty where none did. Handlers of the run come after all, and are left out.
    """
    steps = [step for step in record.step_by_id.values() if not step.owner and not step.is_handler]
    step = _last(steps)
    path: List[str] = []
    while step is not None:
        path.append(step.id)
        step = _last([record.step_by_id[need] for need in step.needs if need in record.step_by_id])
    return path[::-1]


def _last(steps: List[StepRecord]) -> Optional[StepRecord]:
    ended = [step for step in steps if step.ended_at is not None and step.duration_s is not None]
    return max(ended, key=lambda step: step.ended_at or 0.0, default=None)
