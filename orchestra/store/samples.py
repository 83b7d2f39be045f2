"""What the steps of a workflow file came to in earlier runs. Losing it costs time, nothing else."""

from __future__ import annotations

import json
import os
import zlib
from contextlib import suppress
from typing import Dict, List

from orchestra.model.sample import Sample
from orchestra.store.sqlite import RunStore

_MOST_RUNS = 50
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
        with suppress(ValueError, TypeError, zlib.error):
            samples = json.loads(zlib.decompress(cell))
            for step, values in samples.items():
                found.setdefault(step, []).append(Sample(*values))
            left -= len(samples)
        if left <= 0:
            break
    return found
