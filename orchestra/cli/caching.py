"""Joins what tells whether a step must run with the record that it is told from."""

from __future__ import annotations

import time
from typing import Optional

from orchestra.steps.cache import StepCache
from orchestra.steps.files import file_functions
from orchestra.store.cache import FileDigests, KeptSuccesses
from orchestra.store.journal import RunJournal
from orchestra.store.sqlite import RunStore


def step_cache(folder: str, store: RunStore, journal: Optional[RunJournal] = None) -> StepCache:
    """For a workflow in `folder`; without a journal nothing is written, as a plan wants it."""
    digests = FileDigests(store, journal)
    kept, state = KeptSuccesses(store, folder), store.state.path
    return StepCache(file_functions, kept, digests, time.time_ns, state)
