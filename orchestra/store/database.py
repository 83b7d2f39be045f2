"""Opens runs.db, the SQLite file of all runs: makes it, checks it. Knows no event.

The file appears whole, under its name, in one rename, before any run has a folder. So an empty
one, or none beside folders of runs, is damage and never a fresh start.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import Optional

from orchestra.errors import StoreError, StoreNewer
from orchestra.store import faults, locks
from orchestra.store.directory import StateDirectory
from orchestra.store.migrations import (
    FORMAT,
    TABLES_OF_2,
    TABLES_OF_3,
    TABLES_OF_4,
    complete,
    migrate,
)

APPLICATION_ID = 0x4F726368
"""`Orch`; tells a record of runs from any other SQLite file."""

RUN_SPAN = 2**40
"""A turn's `place` is its run's `number` times this, plus the `seq` of its last event.

Rows that are added at the end of a table by their row id cost SQLite a quarter less.
"""

PRUNED = "pruned"
"""The state of a run that was removed but for the successes that count for later ones."""

_PATIENCE_S = 30.0
_CHECKPOINT_PAGES = 4000  # the default of 1000 stalls the loop for an fsync every 900 turns

_SCHEMA = """
PRAGMA journal_mode = MEMORY;
BEGIN;
CREATE TABLE runs (
    number INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL UNIQUE,
    workflow TEXT NOT NULL,
    path BLOB NOT NULL,
    started_at REAL NOT NULL,
    total INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    state TEXT NOT NULL,
    exit_code INTEGER,
    ended_at REAL
);
CREATE TABLE turns (
    place INTEGER PRIMARY KEY,
    events TEXT NOT NULL
);
%s;
PRAGMA application_id = %d;
PRAGMA user_version = %d;
COMMIT;
PRAGMA journal_mode = WAL;
""" % (";\n".join((*TABLES_OF_2, *TABLES_OF_3, *TABLES_OF_4)), APPLICATION_ID, FORMAT)


def open_writer(state: StateDirectory) -> sqlite3.Connection:
    """A connection that may write, in autocommit; the database is made where there is none.

    The directory has to be there.

    Raises:
        StoreError: it cannot be opened or made; StoreNewer, StoreDamaged: it must not be written.
    """
    path = state.database
    if _is_missing(state):
        _make(state)
    try:
        connection = _connect(path, "rw")
    except sqlite3.Error as fault:
        raise faults.from_sqlite(fault, path) from fault
    try:
        version = _check(connection, path)
        if version < FORMAT:
            migrate(connection, path, version)
        # survives the death of every process; what loss of power takes is bounded by a
        # checkpoint, at the latest when the last connection closes
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA wal_autocheckpoint = %d" % _CHECKPOINT_PAGES)
    except sqlite3.Error as fault:
        connection.close()
        raise faults.from_sqlite(fault, path) from fault
    except OSError as fault:
        connection.close()
        raise faults.from_os(fault, path) from fault
    except StoreError:
        connection.close()
        raise
    return connection


def open_reader(state: StateDirectory) -> Optional[sqlite3.Connection]:
    """A connection that can only read and never waits for a writer; None before the first run.

    WAL needs side files, and SQLite makes them also for who reads. It takes them away again with
    the last connection, where that may write; while they hold no news there is nothing else for it
    to do. Where they do, a reader leaves them to the next writer.

    Raises:
        StoreError, StoreNewer, StoreDamaged: it cannot be read.
    """
    path = state.database
    if _is_missing(state):
        return None
    try:
        return _open_checked(path, "ro" if _has_news(path) else "rw")
    except sqlite3.Error as fault:
        # where the side files cannot be made and there is no news in them, the database alone is
        # the whole truth
        if _has_news(path):
            raise faults.from_sqlite(fault, path) from fault
    try:
        return _open_checked(path, "ro&immutable=1")
    except sqlite3.Error as fault:
        raise faults.from_sqlite(fault, path) from fault


def _open_checked(path: str, mode: str) -> sqlite3.Connection:
    connection = _connect(path, mode)
    try:
        complete(connection, _check(connection, path))
        connection.execute("PRAGMA query_only = ON")
    except (sqlite3.Error, StoreError):
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: str) -> int:
    """The format of a record of runs, which is at most the present one."""
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if application_id != APPLICATION_ID:
        raise faults.damaged(path, "it is not a record of runs")
    if version > FORMAT:
        raise StoreNewer(
            path,
            "it was written by a newer orchestra (format %d, this one knows %d)"
            % (version, FORMAT),
            "use that version, or name another folder with --state-dir",
        )
    if version < 1:
        raise faults.damaged(path, "it has the unknown format %d" % version)
    tables = ("runs, turns", "successes, digests, expiries", "sources", "samples")[:version]
    connection.execute("SELECT 1 FROM %s LIMIT 1" % ", ".join(tables))
    return version


def _is_missing(state: StateDirectory) -> bool:
    # the runs are looked at first: the database is always there before the first of them
    run_ids = state.run_ids()
    try:
        size = os.stat(state.database).st_size
    except FileNotFoundError:
        if run_ids:
            raise faults.damaged(state.database, "it is missing, there are runs") from None
        return True
    except OSError as fault:
        raise faults.from_os(fault, state.database) from fault
    if size == 0:
        raise faults.damaged(state.database, "it is empty")
    return False


def _make(state: StateDirectory) -> None:
    try:
        lock = locks.acquire(state.lock, _PATIENCE_S)
    except OSError as fault:
        raise faults.from_os(fault, state.lock) from fault
    if lock is None:
        raise StoreError(state.lock, "another program keeps it locked", "end that program")
    try:
        if not os.path.lexists(state.database):
            _write(state.database)
    except OSError as fault:
        raise faults.from_os(fault, state.database) from fault
    except sqlite3.Error as fault:
        raise faults.from_sqlite(fault, state.database) from fault
    finally:
        lock.release()


def _write(path: str) -> None:
    draft = path + ".new"
    if os.path.lexists(draft):
        os.unlink(draft)  # left by one that died here
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(draft, flags, 0o600)
    try:
        os.fchmod(descriptor, 0o600)  # SQLite gives its side files the same mode
    finally:
        os.close(descriptor)
    with closing(_connect(draft, "rw")) as connection:
        # with a WAL only closing would write into the file, and closing tells of no error
        connection.executescript(_SCHEMA)
    os.rename(draft, path)
    _sync_folder(os.path.dirname(path))


def _sync_folder(path: str) -> None:
    """Let loss of power not take the names of new files."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _has_news(path: str) -> bool:
    try:
        return os.stat(path + "-wal").st_size > 0
    except OSError:
        return False


def _connect(path: str, mode: str) -> sqlite3.Connection:
    quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    uri = "file://%s?mode=%s" % (quoted, mode)
    return sqlite3.connect(uri, timeout=_PATIENCE_S, isolation_level=None, uri=True)
