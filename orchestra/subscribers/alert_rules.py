"""Which alerts of a run are due. Pure: knows no clock, no store, no way to send one."""

from __future__ import annotations

from typing import Optional, Sequence

from orchestra.model.run import RunState
from orchestra.model.workflow import AlertWhen, NotifyEntry

MEASURED_RUNS = 10
"""How many of the last good runs of a file say how long it usually takes."""

_FEWEST_RUNS = 3
_TIMES_USUAL = 2.0
_LEAST_SLOW_S = 60.0


def slow_limit(entry: NotifyEntry, durations: Sequence[float]) -> Optional[float]:
    """After how many seconds a run is slow; None where the entry does not ask, or nobody can tell.

    `durations` are those of the last runs that succeeded.
    """
    if AlertWhen.SLOW not in entry.when:
        return None
    if entry.slow_after_s is not None:
        return entry.slow_after_s
    if len(durations) < _FEWEST_RUNS:
        return None
    return max(_LEAST_SLOW_S, _TIMES_USUAL * _median(durations))


def due_at_end(
    entry: NotifyEntry, state: RunState, failed_before: bool, is_slow: bool
) -> Optional[AlertWhen]:
    """The one thing that the entry has to tell when a run has ended so, None for nothing.

    `failed_before` says that the run before failed; `is_slow` that this one took too long and that
    it has not been told yet.
    """
    due = []
    if state is RunState.FAILED:
        due = [AlertWhen.FAILURE]
    elif state is RunState.SUCCEEDED:
        due = [AlertWhen.RECOVERY, AlertWhen.SUCCESS] if failed_before else [AlertWhen.SUCCESS]
    if is_slow:
        due.append(AlertWhen.SLOW)
    return next((when for when in due if when in entry.when), None)


def _median(durations: Sequence[float]) -> float:
    # the module `statistics` takes longer to import than everything else an alert needs
    ordered = sorted(durations)
    middle = len(ordered) // 2
    return (ordered[middle] + ordered[~middle]) / 2
