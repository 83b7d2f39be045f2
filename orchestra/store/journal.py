"""Writes the events of one run: one row a turn, one transaction a turn. Never reads.

What is committed survives the death of every process; what is synced, loss of power. That is done
a second after there is news, when it is asked for, and at the end of the run.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from contextlib import closing, suppress
from typing import (
    Callable,
    Container,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from orchestra.errors import StoreError
from orchestra.model.events import (
    ArtifactsKept,
    AttemptEnded,
    CacheMissed,
    Envelope,
    RunFinished,
    RunResumed,
    RunStarted,
    StepEnded,
    SuccessKept,
    encode_turn,
)
from orchestra.model.run import Outcome, RunState, StepState, is_handler_id, plain_id
from orchestra.model.sample import Sample
from orchestra.store import faults
from orchestra.store.database import RUN_SPAN, open_writer
from orchestra.store.directory import RunFolder, StateDirectory
from orchestra.store.locks import Lock

SYNC_S = 1.0
"""How much of what was recorded loss of power may take."""

LOOK_S = 1.0
"""How often it is looked whether the database is still in its place; at a run's end in any case."""

_ADD_TURN = "INSERT INTO turns (place, events) VALUES (?, ?)"
_ADD_RUN = (
    "INSERT INTO runs (run_id, workflow, path, started_at, total, failed, state)"
    " VALUES (?, ?, ?, ?, ?, 0, ?)"
)
_GO_ON = (
    "UPDATE runs SET workflow = ?, total = ?, failed = 0, state = ?, exit_code = NULL,"
    " ended_at = NULL WHERE number = ?"
)
_DROP_SOURCES = "DELETE FROM sources WHERE number = ?"
_ADD_SOURCE = "INSERT INTO sources (number, path, text) VALUES (?, ?, ?)"
_EXPIRE = "INSERT INTO expiries (until, run_id, path) VALUES (?, ?, ?)"
_KEEP = "INSERT INTO successes (folder, step, instance, fingerprint, place) VALUES (?, ?, ?, ?, ?)"
_WITHDRAW = "UPDATE successes SET stands = 0 WHERE folder = ? AND step = ? AND fingerprint = ?"
_WITHDRAW_ALL = "UPDATE successes SET stands = 0 WHERE folder = ? AND step = ?"
_LEARN = "INSERT OR REPLACE INTO samples (number, path, steps) VALUES (?, ?, ?)"
_REMEMBER = "INSERT OR REPLACE INTO digests (path, stamp, digest) VALUES (?, ?, ?)"
_SET_FAILED = "UPDATE runs SET failed = ? WHERE number = ?"
_SET_END = "UPDATE runs SET state = ?, exit_code = ?, ended_at = ? WHERE number = ?"


Sync = Callable[[int], None]
"""Has the system write out what was written to a descriptor."""

_encode = json.JSONEncoder(separators=(",", ":")).encode

sync_data: Sync = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class RunJournal:
    """The store of one run, as the engine sees it; holds the run's kernel lock until `close`.

    `sources` are the files of its workflow by their paths; `number` is that of a run that goes on.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        database: str,
        folder: RunFolder,
        lock: Lock,
        sources: Mapping[str, bytes] = {},
        number: Optional[int] = None,
        sync: Sync = sync_data,
    ) -> None:
        self.folder = folder
        self._sources = sources
        self._sync_data = sync
        self._connection = connection
        self._execute = connection.cursor().execute  # a connection makes a cursor each time
        self._database = database
        self._inode = os.stat(database).st_ino
        self._lock = lock
        self._number = number
        self._place = 0 if number is None else number * RUN_SPAN
        self._log: Optional[int] = None
        self._unsynced_since: Optional[float] = None
        self._failed = 0
        self._looked_at = 0.0
        self._cache_folder = b"."
        self._fingerprint_by_step: Dict[str, str] = {}

    def append(self, envelopes: Sequence[Envelope], lasting: bool = False) -> None:
        """Record the events of one turn, all or none; the first of a run is its `RunStarted`.

        What is `lasting` has been synced when this returns.

        Raises:
            StoreError: they are not recorded.
        """
        if not envelopes:
            return
        try:
            last = envelopes[-1]
            if last.at - self._looked_at >= LOOK_S or type(last.event) is RunFinished:
                self._assert_in_place()
                self._looked_at = last.at
            self._record(envelopes)
        except sqlite3.Error as fault:
            raise faults.from_sqlite(fault, self._database) from fault
        if self._unsynced_since is None:
            self._unsynced_since = last.at
        if lasting or type(last.event) is RunFinished:
            self._sync()

    def attend(self, at: float) -> Optional[float]:
        """Sync what is due at this time; in how many seconds something will be, None for never.

        Raises:
            StoreError: it may be lost.
        """
        if self._unsynced_since is None:
            return None
        wait_s = self._unsynced_since + SYNC_S - at
        if wait_s > 0:
            return wait_s
        self._sync()
        return None

    def remember(self, rows: Sequence[Tuple[bytes, str, str]]) -> None:
        """Keep the digests of files, for `FileDigests`; where that fails, they are read again."""
        execute = self._execute
        try:
            execute("BEGIN")
            self._connection.executemany(_REMEMBER, rows)
            execute("COMMIT")
        except sqlite3.Error:
            if self._connection.in_transaction:
                execute("ROLLBACK")

    def learn(self, path: str, samples: Mapping[str, Sample]) -> None:
        """Keep what the steps of the workflow file came to; without it plans have to guess."""
        if samples and self._number is not None:
            with suppress(sqlite3.Error):
                self._execute(
                    _LEARN,
                    (self._number, os.fsencode(path), zlib.compress(_encode(samples).encode(), 1)),
                )

    def close(self) -> None:
        """Give the lock and the database back. Safe to call twice."""
        self._connection.close()
        if self._log is not None:
            os.close(self._log)
            self._log = None
        self._lock.release()

    def _sync(self) -> None:
        """Have the system write out SQLite's log, as SQLite itself would at each commit."""
        try:
            if self._log is None:
                self._log = os.open(self._database + "-wal", os.O_RDONLY | os.O_CLOEXEC)
            self._sync_data(self._log)
        except OSError as fault:
            raise faults.from_os(fault, self._database) from fault
        self._unsynced_since = None

    def _assert_in_place(self) -> None:
        # SQLite goes on writing to a file that was deleted or moved away, and says nothing
        try:
            if os.stat(self._database).st_ino == self._inode:
                return
        except OSError as fault:
            raise StoreError(self._database, "it was deleted or moved away") from fault
        raise StoreError(self._database, "it was replaced")

    def _record(self, turn: Sequence[Envelope]) -> None:
        failures, cached, expiring = _marked(turn, self._fingerprint_by_step)
        first, last = turn[0], turn[-1]
        is_edge = type(first.event) in _OPENINGS or type(last.event) is RunFinished
        if is_edge or failures or cached or expiring:
            execute = self._execute
            execute("BEGIN IMMEDIATE")
            try:
                self._update_run(first, last, failures)
                _insert(execute, self._place, turn)
                self._note_cached(cached, last.seq)
                self._note_expiring(expiring)
                execute("COMMIT")
            except sqlite3.Error:
                if self._connection.in_transaction:  # a full disk has rolled back already
                    execute("ROLLBACK")
                raise
            self._failed += failures
        else:
            _insert(self._execute, self._place, turn)

    def _update_run(self, first: Envelope, last: Envelope, failures: int) -> None:
        execute = self._execute
        if type(first.event) is RunStarted:
            start = first.event
            row = (
                start.run_id,
                _storable(start.workflow),
                os.fsencode(start.path),
                first.at,
                len(start.steps),
                RunState.RUNNING.value,
            )
            self._number = execute(_ADD_RUN, row).lastrowid
            assert self._number is not None
            self._place = self._number * RUN_SPAN
            self._note_sources(start.path)
        elif type(first.event) is RunResumed:
            on = first.event
            state = RunState.RUNNING.value
            execute(_GO_ON, (_storable(on.workflow), len(on.steps), state, self._number))
            self._note_sources(on.path)
        if failures:
            execute(_SET_FAILED, (self._failed + failures, self._number))
        if type(last.event) is RunFinished:
            end = last.event
            execute(_SET_END, (end.state, end.exit_code, last.at, self._number))

    def _note_sources(self, path: str) -> None:
        """Keep the files of the workflow as they are now."""
        self._cache_folder = relative_folder(self._database, os.path.dirname(path))
        self._execute(_DROP_SOURCES, (self._number,))
        for name, text in self._sources.items():
            row = (self._number, os.fsencode(name), zlib.compress(text, 1))
            self._execute(_ADD_SOURCE, row)

    def _note_cached(self, cached: Sequence[_News], seq: int) -> None:
        """A step that runs withdraws the successes it repeats, until it has another one.

        So does an attempt that fails: another run may have had a success meanwhile.
        """
        for event in cached:
            step = plain_id(event.step)
            if type(event) is SuccessKept:
                place = self._place + seq
                row = (self._cache_folder, step, event.step, event.fingerprint, place)
                self._execute(_KEEP, row)
                continue
            if type(event) is CacheMissed:
                self._fingerprint_by_step[event.step] = event.fingerprint
            fingerprint = self._fingerprint_by_step[event.step]
            if fingerprint:
                self._execute(_WITHDRAW, (self._cache_folder, step, fingerprint))
            else:  # nobody knows which ones it repeats
                self._execute(_WITHDRAW_ALL, (self._cache_folder, step))

    def _note_expiring(self, expiring: Sequence[Envelope]) -> None:
        for at, kept in ((envelope.at, envelope.event) for envelope in expiring):
            if type(kept) is ArtifactsKept and kept.keep_s is not None:
                folder = "/".join(kept.files[0].path.split("/")[:2])
                self._execute(_EXPIRE, (at + kept.keep_s, self.folder.run_id, folder))


_OPENINGS = frozenset([RunStarted, RunResumed])


def relative_folder(database: str, folder: str) -> bytes:
    """A workflow's folder as seen from that of the runs: the same when both are moved together."""
    return os.fsencode(os.path.relpath(folder, os.path.dirname(os.path.dirname(database))))


def add_turn(state: StateDirectory, number: int, turn: Sequence[Envelope]) -> None:
    """Record a turn of the run of that number, whose lock is held, over a connection of its own.

    Raises:
        StoreError: it is not recorded.
    """
    with closing(open_writer(state)) as connection:
        try:
            _insert(connection.execute, number * RUN_SPAN, turn)
        except sqlite3.Error as fault:
            raise faults.from_sqlite(fault, state.database) from fault


def _insert(
    execute: Callable[[str, Tuple[int, str]], object], place: int, turn: Sequence[Envelope]
) -> None:
    text = encode_turn(turn)
    place += turn[-1].seq
    try:
        execute(_ADD_TURN, (place, text))
    except UnicodeEncodeError:
        # bytes of a path that are no UTF-8 are lone surrogates in it, which SQLite refuses
        escaped = json.dumps(json.loads(text), separators=(",", ":"))
        execute(_ADD_TURN, (place, escaped))


_News = Union[CacheMissed, SuccessKept, AttemptEnded]


class _Marked(NamedTuple):
    """What of a turn has a place of its own beside it: how many steps failed, news of the cache,
    and files that are kept for a time.
    """

    failures: int
    cached: List[_News]
    expiring: List[Envelope]


def _marked(turn: Sequence[Envelope], running: Container[str]) -> _Marked:
    """`running` are the steps with a cache that run."""
    failures = 0
    cached: List[_News] = []
    expiring: List[Envelope] = []
    for envelope in turn:
        event = envelope.event
        if type(event) is StepEnded:
            failures += event.state == StepState.FAILED and not is_handler_id(event.step)
        elif type(event) is SuccessKept or type(event) is CacheMissed:
            cached.append(event)
        elif type(event) is ArtifactsKept:
            expiring.append(envelope)
        elif type(event) is not AttemptEnded or event.step not in running:
            continue
        elif event.outcome != Outcome.SUCCEEDED:
            cached.append(event)
    return _Marked(failures, cached, expiring)


def _storable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
