"""Brings an older runs.db to the present format, and keeps a copy of what it was."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import Mapping, Sequence

FORMAT = 4
"""The version of the tables and of the events in them; kept in `user_version`."""

TABLES_OF_2 = (
    """CREATE TABLE successes (
    number INTEGER PRIMARY KEY,
    folder BLOB NOT NULL,
    step TEXT NOT NULL,
    instance TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    place INTEGER NOT NULL,
    stands INTEGER NOT NULL DEFAULT 1
)""",
    "CREATE INDEX successes_by_step ON successes (step, fingerprint)",
    """CREATE TABLE expiries (
    number INTEGER PRIMARY KEY,
    until REAL NOT NULL,
    run_id TEXT NOT NULL,
    path TEXT NOT NULL
)""",
    """CREATE TABLE digests (
    path BLOB PRIMARY KEY,
    stamp TEXT NOT NULL,
    digest TEXT NOT NULL
) WITHOUT ROWID""",
)

TABLES_OF_3 = (
    """CREATE TABLE sources (
    number INTEGER NOT NULL,
    path BLOB NOT NULL,
    text BLOB NOT NULL,
    PRIMARY KEY (number, path)
) WITHOUT ROWID""",
)

TABLES_OF_4 = (
    """CREATE TABLE samples (
    number INTEGER PRIMARY KEY,
    path BLOB NOT NULL,
    steps BLOB NOT NULL
)""",
    "CREATE INDEX samples_by_path ON samples (path, number)",
)

_STEPS: Mapping[int, Sequence[str]] = {1: TABLES_OF_2, 2: TABLES_OF_3, 3: TABLES_OF_4}
"""What leads from a format to the next one."""


def copy_of(path: str, version: int) -> str:
    """Where the copy of a database lies that was of that format."""
    return "%s.format-%d" % (path, version)


def migrate(connection: sqlite3.Connection, path: str, version: int) -> None:
    """Change the database in one transaction, once a copy of it is whole; others may have done so.

    Raises:
        sqlite3.Error, OSError: it is as it was.
    """
    _copy(connection, path, version)
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        for step in range(found, FORMAT):
            for statement in _STEPS[step]:
                connection.execute(statement)
        connection.execute("PRAGMA user_version = %d" % FORMAT)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def complete(connection: sqlite3.Connection, version: int) -> None:
    """Let a reader of an older database find the tables that are not there yet, without rows."""
    connection.execute("PRAGMA temp_store = MEMORY")
    for step in range(version, FORMAT):
        for statement in _STEPS[step]:
            connection.execute(
                statement.replace("CREATE TABLE ", "CREATE TEMP TABLE ", 1).replace(
                    "CREATE INDEX ", "CREATE INDEX temp.", 1
                )
            )


def _copy(connection: sqlite3.Connection, path: str, version: int) -> None:
    target = copy_of(path, version)
    partial = "%s.%d" % (target, os.getpid())
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    os.close(os.open(partial, flags, 0o600))
    try:
        with closing(sqlite3.connect(partial)) as copy:
            connection.backup(copy)
        os.replace(partial, target)
    except BaseException:
        os.unlink(partial)
        raise
