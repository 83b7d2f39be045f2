"""What a step came to in one run, for the plans of later ones, and what follows from several. Pure.

Instances of a fan-out count for their step: who plans does not know yet what each stands for.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Dict, List, Mapping, NamedTuple, Optional, Sequence

from orchestra.model.run import Outcome, plain_id

if TYPE_CHECKING:
    from orchestra.model.record import Attempt, RunRecord

_SHORT_S = 0.1
"""Below that the cores in use are not known: the system's clock ticks a hundred times a second."""

RUNS_FOR_DURATION = 5
"""So many runs tell how long a step takes: what it did before has changed since."""

RUNS_FOR_SUGGESTIONS = 20
"""So many tell what it uses at most."""


class Sample(NamedTuple):
    """The last attempts of a step, and of its instances, in one run: `attempts` that succeeded.

    `duration_s` is their mean, so that as many of them take as long as these did; `memory_bytes`
    and `cpu` (thousandths of a core) are their 95th percentiles, None where nothing was measured.
    """

    attempts: int
    duration_s: float
    memory_bytes: Optional[int]
    cpu: Optional[int]


def samples_of(record: RunRecord) -> Dict[str, Sample]:
    """The samples of a run, by the plain ids of its steps; handlers have none."""
    attempts_by_step: Dict[str, List[Attempt]] = {}
    for id, step in record.step_by_id.items():
        if step.attempts and not step.is_handler:
            last = step.attempts[-1]
            if last.outcome is Outcome.SUCCEEDED and last.ended_at is not None:
                attempts_by_step.setdefault(plain_id(id), []).append(last)
    return {id: _sample(attempts) for id, attempts in attempts_by_step.items()}


def expected_s(samples: Sequence[Sample]) -> float:
    """How long a step will take, going by what it took, the latest first."""
    times = sorted(sample.duration_s for sample in samples[:RUNS_FOR_DURATION])
    middle = len(times) // 2
    return times[middle] if len(times) % 2 else (times[middle - 1] + times[middle]) / 2


def percentile_95(values: Sequence[int]) -> Optional[int]:
    """The least value that 95 of 100 do not exceed, None of none."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1] if values else None


def _sample(attempts: Sequence[Attempt]) -> Sample:
    times = [max(0.0, (each.ended_at or 0.0) - each.began_at) for each in attempts]
    memory = [each.max_rss_bytes for each in attempts if each.max_rss_bytes is not None]
    cpu = [
        round(each.cpu_s / time_s * 1000)
        for each, time_s in zip(attempts, times)
        if each.cpu_s is not None and time_s >= _SHORT_S
    ]
    mean_s = sum(times) / len(times)
    return Sample(len(attempts), round(mean_s, 4), percentile_95(memory), percentile_95(cpu))


def durations_of(samples_by_step: Mapping[str, Sequence[Sample]]) -> Dict[str, float]:
    """How long each step will take."""
    return {step: expected_s(samples) for step, samples in samples_by_step.items()}
