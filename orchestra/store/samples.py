"""What the steps of a workflow file came to in earlier runs. Losing it costs time, nothing else."""

from __future__ import annotations

import json
import os
import zlib
from contextlib import suppress
from typing import Any, Dict, List

from orchestra.model.sample import Sample
from orchestra.store.sqlite import RunStore

_MOST_RUNS = 50
_MOST_BYTES = 2**26
_MOST = 2**53
"""More seconds, bytes or cores than anything takes, and still exact as a float."""

_LATEST = (
    "SELECT steps FROM samples WHERE path IN (?, ?) ORDER BY number DESC LIMIT %d" % _MOST_RUNS
)


def read_samples(store: RunStore, path: str, steps: int, runs: int) -> Dict[str, List[Sample]]:
    """The samples of each step that was run, by its plain id, the latest first.

    As many runs are looked at as make up `runs` whole ones of that many steps: where most steps
    are up to date each time, the others are still found.

    Raises:
        StoreError: the record cannot be read.
    """
    found: Dict[str, List[Sample]] = {}
    left = steps * runs
    both = (os.fsencode(path), os.fsencode(os.path.realpath(path)))
    for (cell,) in store.query(_LATEST, both):
        with suppress(ValueError):
            samples = _unpacked(cell)
            for step, sample in samples.items():
                found.setdefault(step, []).append(sample)
            left -= len(samples)
        if left <= 0:
            break
    return found


def _unpacked(cell: Any) -> Dict[str, Sample]:
    """What one run has left.

    Raises:
        ValueError: this is nothing that a run leaves.
    """
    try:
        text = zlib.decompressobj().decompress(cell, _MOST_BYTES)
        samples = {step: Sample(*values) for step, values in json.loads(text).items()}
    except (zlib.error, TypeError, AttributeError, RecursionError) as fault:
        raise ValueError("damaged") from fault
    if not all(map(_is_sound, samples.values())):
        raise ValueError("damaged")
    return samples


def _is_sound(sample: Sample) -> bool:
    counts = [each for each in (sample.memory_bytes, sample.cpu) if each is not None]
    if not all(type(each) is int for each in (sample.attempts, *counts)):
        return False
    if type(sample.duration_s) not in (int, float) or sample.attempts < 1:
        return False
    return all(0 <= each < _MOST for each in (sample.duration_s, *counts))  # NaN is not
