"""The rows of runs that are removed: all go but those that the cache goes on needing."""

from __future__ import annotations

import sqlite3
from typing import List, Optional

from orchestra.store import faults
from orchestra.store.database import PRUNED, RUN_SPAN, open_writer
from orchestra.store.sqlite import RunStore

_NUMBER = "SELECT number FROM runs WHERE run_id = ?"
_FADED = (
    "SELECT run_id FROM runs WHERE state = '%s'"
    " AND number IN (SELECT place / %d FROM successes WHERE NOT stands)"
) % (PRUNED, RUN_SPAN)

_SPAN = "place > :start AND place < :end"
_FORGET = (
    "DELETE FROM successes WHERE %s AND NOT stands" % _SPAN,
    "DELETE FROM turns WHERE %s AND place NOT IN (SELECT place FROM successes WHERE %s)"
    % (_SPAN, _SPAN),
    "DELETE FROM samples WHERE number = :number",
    "DELETE FROM runs WHERE number = :number AND NOT EXISTS (SELECT 1 FROM successes WHERE %s)"
    % _SPAN,
    "UPDATE runs SET state = '%s' WHERE number = :number" % PRUNED,
)
"""A success that stands keeps its turn, and that turn its run; nothing else is kept."""

_FORGET_EXPIRIES = "DELETE FROM expiries WHERE run_id = ?"


class Rows:
    """The rows of the runs of a store; the database is opened to write when the first ones go."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._connection: Optional[sqlite3.Connection] = None

    def faded(self) -> List[str]:
        """The runs, removed but for successes, of which some stand no longer.

        Raises:
            StoreError: the record cannot be read.
        """
        return [str(run_id) for (run_id,) in self._store.query(_FADED, ())]

    def remove(self, run_id: str) -> None:
        """Remove those of a run, but for what the cache goes on needing; all at once.

        Raises:
            StoreError: they are as they were.
        """
        if self._connection is None:
            # a reader of a full disk has opened the database as one that nobody changes
            self._store.close()
            self._connection = open_writer(self._store.state)
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            for (number,) in execute(_NUMBER, (run_id,)).fetchall():
                start, end = number * RUN_SPAN, (number + 1) * RUN_SPAN
                for statement in _FORGET:
                    execute(statement, {"number": number, "start": start, "end": end})
            execute(_FORGET_EXPIRIES, (run_id,))
            execute("COMMIT")
        except sqlite3.Error as fault:
            if self._connection.in_transaction:  # a full disk has rolled back already
                execute("ROLLBACK")
            raise faults.from_sqlite(fault, self._store.state.database) from fault

    def close(self) -> None:
        """Give the database back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
