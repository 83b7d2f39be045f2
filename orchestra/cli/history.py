"""Finds the run that a command means, and folds its events."""

from __future__ import annotations

import os
import shlex
from typing import List, NamedTuple, Optional

from orchestra.engine.replay import fold
from orchestra.errors import StoreError, UsageError
from orchestra.model.record import RunRecord
from orchestra.model.run import RunState
from orchestra.model.screen_text import safe_line
from orchestra.store.directory import RunFolder, StateDirectory, locate
from orchestra.store.sqlite import RunStore


class Found(NamedTuple):
    """A recorded run, its folder, and the store it was found in, which opens when it is read.

    `cut_off` says that no orchestrator holds it, though it has not ended.
    """

    record: RunRecord
    folder: RunFolder
    store: RunStore
    cut_off: bool


def open_store(state_dir: Optional[str], workflow: Optional[str] = None) -> RunStore:
    """The store that a command means: one named, one beside a workflow file, or the nearest.

    Raises:
        UsageError: there is none.
        StoreError: it must not be used.
    """
    named = state_dir or os.environ.get("ORCHESTRA_STATE_DIR")
    beside = workflow if workflow is not None and os.path.isfile(workflow) else None
    return RunStore(locate(named, beside, os.getcwd()))


def find_run(wanted: Optional[str], state_dir: Optional[str]) -> Found:
    """The run that `wanted` (an id, its beginning, a workflow file, None for the latest) means.

    Raises:
        UsageError: there is no such run, or more than one.
        StoreError: the record cannot be read.
    """
    store = open_store(state_dir, wanted)
    try:
        run_id = store.find(wanted, os.getcwd())
        was_alive = store.is_alive(run_id)  # asked first: it may end at any moment
        record = fold(store.envelopes(run_id))
    finally:
        store.close()
    if record is None:
        raise StoreError(store.state.database, "run %s has no events" % run_id)
    cut_off = record.state is RunState.RUNNING and not was_alive
    return Found(record, store.state.run(run_id), store, cut_off)


def doubts_about(store: RunStore, run_id: str) -> List[str]:
    """Warnings, a line each, where it cannot be told for certain whether a run goes on."""
    words = "warning: %s is not a plain file of its own; move it away"
    return [words % safe_line(path) for path in store.state.planted(run_id)]


def command_line(command: str, run_id: str, state: StateDirectory) -> str:
    """A command about a run, complete for a person who types it here."""
    words = "orchestra %s %s" % (command, run_id)
    path = state.path
    try:
        if open_store(None).state.path == path:
            return words
    except (UsageError, StoreError):
        pass  # there is none here, or none to use
    return "%s --state-dir %s" % (words, shlex.quote(path))
