"""What a run waited for, from its last step back to its first. Pure."""

from __future__ import annotations

from bisect import bisect_right
from typing import Iterator, List, Optional, Set, Tuple

from orchestra.model.record import RunRecord, StepRecord

_PLAUSIBLE_WAIT_S = 0.01
"""A shorter wait is the start of the process, not for a share of the budget."""


def critical_path(record: RunRecord) -> List[str]:
    """The steps that set the length of the run, in the order in which they ran; handlers are none.

    Before a step stands what it could not start without: of what it needs the one that ended last,
    or, where it waited for its share of the budget after that, the step that gave the share back.
    """
    steps = [step for step in record.step_by_id.values() if not step.is_handler]
    ran = [step for step in steps if step.attempts and step.attempts[0].ended_at is not None]
    if not ran:
        return []
    ends = sorted((_end(step), number) for number, step in enumerate(ran))
    step: Optional[StepRecord] = max(ran, key=_end)
    path: List[str] = []
    seen: Set[str] = set()
    while step is not None:
        leaf = _last_part(record, step)
        if leaf.id in seen:
            break
        seen.add(leaf.id)
        if leaf.attempts:
            path.append(leaf.id)
        step = _giver(leaf, _last_need(record, leaf), ran, ends) or _last_need(record, leaf)
    return path[::-1]


def _span(step: StepRecord) -> Tuple[float, ...]:
    """When it began and ended; empty where it did not do both."""
    attempts = [each for each in step.attempts if each.ended_at is not None]
    if attempts:
        return attempts[0].started_at, attempts[-1].ended_at or 0.0
    if step.began_at is not None and step.ended_at is not None:
        return step.began_at, step.ended_at
    return ()


def _end(step: StepRecord) -> float:
    span = _span(step)
    return span[1] if span else (step.ended_at or 0.0)


def _last_part(record: RunRecord, step: StepRecord) -> StepRecord:
    """Of what it is made of, and that of it, the one that ended last."""
    while step.members:
        parts = [record.step_by_id[part] for part in step.parts]
        step = max((part for part in parts if not part.is_handler), key=_end)
    return step


def _last_need(record: RunRecord, step: StepRecord) -> Optional[StepRecord]:
    """Of what it, or else what it is part of, needs, the one that ended last."""
    needs = next((each.needs for each in _outward(record, step) if each.needs), ())
    return max((record.step_by_id[need] for need in needs), key=_end, default=None)


def _outward(record: RunRecord, step: StepRecord) -> Iterator[StepRecord]:
    yield step
    while step.owner:
        step = record.step_by_id[step.owner]
        yield step


def _giver(
    leaf: StepRecord,
    need: Optional[StepRecord],
    ran: List[StepRecord],
    ends: List[Tuple[float, int]],
) -> Optional[StepRecord]:
    """Whose end gave a step its share of the budget, None where it did not wait for that."""
    if not leaf.attempts or leaf.attempts[0].queued_s < _PLAUSIBLE_WAIT_S:
        return None
    started_at = leaf.attempts[0].started_at
    place = bisect_right(ends, (started_at, len(ran))) - 1
    if place < 0 or (need is not None and ends[place][0] <= _end(need)):
        return None
    giver = ran[ends[place][1]]
    return giver if _span(giver)[0] < started_at else None
