"""Where an attempt ran, or waits to, in words. Pure; what it gives is safe to show."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

from orchestra.model.errand import LOCAL
from orchestra.model.record import Attempt, RunRecord
from orchestra.model.run import AttemptKey
from orchestra.model.screen_text import safe_line

_LONGEST_JOB = 16


def is_elsewhere(attempt: Attempt) -> bool:
    """Whether it was handed to an engine, be that one on this machine."""
    return attempt.executor != LOCAL


def place_words(attempts: Sequence[Attempt]) -> str:
    """`n1, slurm 1234` of the last one; empty where that ran here, or there is none.

    Long names of jobs are left out: they are made for machines, and `why` tells them.
    """
    if not attempts or not is_elsewhere(attempts[-1]):
        return ""
    last = attempts[-1]
    words = [safe_line(last.executor)]
    if last.job and len(last.job) <= _LONGEST_JOB:
        words.append(safe_line(last.job))
    job = " ".join(words)
    return "%s, %s" % (safe_line(last.node), job) if last.node else job


def open_elsewhere(record: RunRecord) -> List[Tuple[AttemptKey, Attempt]]:
    """The attempts that were handed to engines, and are not known to have ended."""
    return [
        (AttemptKey(step.id, step.attempts[-1].number), step.attempts[-1])
        for step in record.step_by_id.values()
        if step.attempts and step.attempts[-1].outcome is None and is_elsewhere(step.attempts[-1])
    ]


def has_run(attempt: Attempt) -> bool:
    """Whether it is known to have begun: not of one that an engine never started."""
    if not is_elsewhere(attempt) or attempt.launched_at is not None:
        return True
    return attempt.exit_code is not None or attempt.signal is not None


def queue_s(attempt: Attempt, now: Optional[float] = None) -> Optional[float]:
    """Seconds that it waited in the queue of an engine, by `now` where it does still.

    None where it ran here, where that is not known, and where it waits and there is no `now`.
    """
    if not is_elsewhere(attempt):
        return None
    until = attempt.launched_at
    if until is None and attempt.job and attempt.outcome is None:
        until = now
    return None if until is None else max(until - attempt.started_at, 0.0)
