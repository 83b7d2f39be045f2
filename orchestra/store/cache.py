"""What runs of a state directory keep for later ones: successes, digests of files. Runs nothing."""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

from orchestra.engine.fingerprint import identity
from orchestra.engine.ports import KeptSuccess
from orchestra.errors import StoreError
from orchestra.model.events import StepEnded, SuccessKept
from orchestra.store.database import RUN_SPAN
from orchestra.store.journal import RunJournal
from orchestra.store.sqlite import RunStore

_BY_FINGERPRINT = (
    "SELECT place FROM successes WHERE step = ? AND fingerprint = ? AND stands"
    " ORDER BY number DESC LIMIT 1"
)
_LAST = "SELECT place FROM successes WHERE step = ? ORDER BY number DESC LIMIT 1"
_TURN = "SELECT run_id, events FROM turns JOIN runs ON runs.number = ? WHERE place = ?"
_DIGEST = "SELECT digest FROM digests WHERE path = ? AND stamp = ?"


class KeptSuccesses:
    """The `Successes` of a state directory; those of its run that goes on are among them."""

    def __init__(self, store: RunStore) -> None:
        self._store = store

    def success(self, step: str, fingerprint: str) -> Optional[KeptSuccess]:
        """The latest success with that fingerprint that stands; see `Successes`."""
        return self._kept(step, _BY_FINGERPRINT, (step, fingerprint))

    def last_success(self, step: str) -> Optional[KeptSuccess]:
        """The latest success of the step; see `Successes`."""
        return self._kept(step, _LAST, (step,))

    def _kept(self, step: str, text: str, values: Tuple[str, ...]) -> Optional[KeptSuccess]:
        for (place,) in self._store.query(text, values):
            for run_id, events in self._store.query(_TURN, (place // RUN_SPAN, place)):
                turn = self._store.decode(events)
                ended = {e.event.step: e.event for e in turn if isinstance(e.event, StepEnded)}
                for envelope in turn:
                    event = envelope.event
                    if isinstance(event, SuccessKept) and identity(event.step) == step:
                        outputs = ended[event.step].outputs
                        return KeptSuccess(run_id, event.parts, event.files, outputs)
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
