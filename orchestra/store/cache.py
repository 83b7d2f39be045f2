"""What runs of a state directory keep for later ones: successes, digests of files. Runs nothing."""

from __future__ import annotations

from typing import Optional, Sequence, Tuple, Union

from orchestra.engine.caching import KeptSuccess
from orchestra.errors import StoreError
from orchestra.model.events import StepEnded, SuccessKept
from orchestra.model.run import plain_id
from orchestra.store.database import RUN_SPAN
from orchestra.store.journal import RunJournal, relative_folder
from orchestra.store.sqlite import RunStore

_BY_FINGERPRINT = (
    "SELECT place, instance FROM successes WHERE step = ? AND fingerprint = ? AND folder = ?"
    " AND stands ORDER BY number DESC LIMIT 1"
)
_LAST = (
    "SELECT place, instance FROM successes WHERE step = ? AND folder = ?"
    " ORDER BY instance = ? DESC, number DESC LIMIT 1"
)
_TURN = "SELECT run_id, events FROM turns JOIN runs ON runs.number = ? WHERE place = ?"
_DIGEST = "SELECT digest FROM digests WHERE path = ? AND stamp = ?"


class KeptSuccesses:
    """The `Successes` of the workflows of a folder; those of a run that goes on are among them."""

    def __init__(self, store: RunStore, folder: str) -> None:
        self._store = store
        self._folder = relative_folder(store.state.database, folder)

    def success(self, step: str, fingerprint: str) -> Optional[KeptSuccess]:
        """The latest success with that fingerprint that stands; see `Successes`."""
        return self._kept(_BY_FINGERPRINT, (plain_id(step), fingerprint, self._folder))

    def last_success(self, step: str) -> Optional[KeptSuccess]:
        """The latest success of the step, if possible of the same instance; see `Successes`."""
        return self._kept(_LAST, (plain_id(step), self._folder, step))

    def _kept(self, text: str, values: Sequence[Union[str, bytes]]) -> Optional[KeptSuccess]:
        for place, instance in self._store.query(text, values):
            for run_id, events in self._store.query(_TURN, (place // RUN_SPAN, place)):
                kept: Optional[SuccessKept] = None
                for event in (envelope.event for envelope in self._store.decode(events)):
                    if isinstance(event, SuccessKept) and event.step == instance:
                        kept = event
                    elif isinstance(event, StepEnded) and kept and event.step == instance:
                        return KeptSuccess(run_id, kept.parts, kept.files, event.outputs)
        return None


class FileDigests:
    """The `Digests` of a state directory; without a journal nothing new is remembered."""

    def __init__(self, store: RunStore, journal: Optional[RunJournal] = None) -> None:
        self._store = store
        self._journal = journal

    def digest(self, path: bytes, stamp: str) -> Optional[str]:
        """The digest that was remembered for the path with the same stamp, if one was."""
        try:
            for (digest,) in self._store.query(_DIGEST, (path, stamp)):
                return str(digest)
        except StoreError:
            return None  # the file is read again
        return None

    def remember(self, rows: Sequence[Tuple[bytes, str, str]]) -> None:
        """Keep `(path, stamp, digest)`, one for each path; see `Digests`."""
        if self._journal is not None:
            self._journal.remember(rows)
