"""How an engine elsewhere tells of a job: late, twice, for other reasons by now, or never."""

from __future__ import annotations

import random
from typing import List, NamedTuple, Optional, Tuple, Union

from orchestra.engine.ports import Launched, Queued
from orchestra.model.run import AttemptKey, Outcome

NODE = "n1"


class Queue(NamedTuple):
    """What becomes of a job: it waits so long, for these reasons, then runs.

    In the end it is `lost` for that reason, or `ends` by the engine's word, or as any process does.
    """

    waits: float = 0.0
    reasons: Tuple[str, ...] = ("",)
    lost: str = ""
    ends: Optional[Outcome] = None


def job_name(key: AttemptKey) -> str:
    """What the engine calls an attempt."""
    return "job-%s-%d" % key


def tell(
    key: AttemptKey, queue: Queue, now: float, rng: Optional[random.Random]
) -> List[Tuple[float, Union[Queued, Launched]]]:
    """What is told of a job that is handed over now, and when; with `rng`, not as it should be."""
    told: List[Tuple[float, Union[Queued, Launched]]] = []
    step_s = queue.waits / max(len(queue.reasons), 1)
    for number, reason in enumerate(queue.reasons):
        told.append((now + number * step_s, Queued(key, job_name(key), reason)))
    told.append((now + queue.waits, Launched(key, 0, 0.0, NODE)))
    if rng is None:
        return told
    twice = [each for each in told if rng.random() < 0.2]
    heard = [each for each in told if rng.random() < 0.9]
    return [(at + rng.choice((0.0, 0.0, 0.3, 2.0)), news) for at, news in (*heard, *twice)]
