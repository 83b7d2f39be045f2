"""Removes the artifacts whose time is over, run by run. What they were stays in the record."""

from __future__ import annotations

import os
import shutil
import sqlite3

from orchestra.store.directory import StateDirectory

_DUE = "SELECT number, run_id, path FROM expiries WHERE until <= ? ORDER BY until LIMIT ?"
_DONE = "DELETE FROM expiries WHERE number = ?"

MOST_AT_ONCE = 1000
"""Folders that one start removes at most; the next one goes on."""


def sweep(connection: sqlite3.Connection, state: StateDirectory, now: float) -> None:
    """Remove what was to be kept until `now` (UTC seconds) at most.

    What cannot be removed stays due; a link in the place of a folder is not followed.

    Raises:
        sqlite3.Error: the record cannot be read or changed.
    """
    for number, run_id, path in connection.execute(_DUE, (now, MOST_AT_ONCE)).fetchall():
        folder = os.path.join(state.run(run_id).path, path)
        if os.path.realpath(os.path.dirname(folder)) == os.path.dirname(folder):
            shutil.rmtree(folder, ignore_errors=True)
        if not os.path.lexists(folder):
            connection.execute(_DONE, (number,))
