"""All runs of a state directory, kept in SQLite: begins new ones, reads them back."""

from __future__ import annotations

import os
import sqlite3
import zlib
from typing import (
    Any,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
)

from orchestra.errors import RunHeld, RunUnknown, StoreError, UsageError
from orchestra.model.events import Envelope, Event, ResultReused, StepEnded, decode_turn
from orchestra.model.run import RESULT_BY_STATE, RunState, StepState, plain_id
from orchestra.model.run_rows import RunRow
from orchestra.model.selection import PastOutputs, Wanted
from orchestra.model.workflow import NeedResult
from orchestra.store import database, faults, holders, locks
from orchestra.store.database import PRUNED, RUN_SPAN
from orchestra.store.directory import StateDirectory
from orchestra.store.expiries import sweep
from orchestra.store.journal import RunJournal, Sync, add_turn, sync_data

Cell = Union[None, int, float, str, bytes]
Row = Tuple[Any, ...]

_BATCH = 200  # turns a query: a reader that pauses must not keep old pages of the WAL alive
_SHOWN = 5
_COLUMNS = "run_id, workflow, path, state, started_at, ended_at, exit_code, failed, total"
_LISTED = "FROM runs WHERE state != '%s'" % PRUNED
_ROWS = "SELECT %s %s ORDER BY number DESC LIMIT ?" % (_COLUMNS, _LISTED)
_IDS = "SELECT run_id %s AND substr(run_id, 1, ?) = ? ORDER BY number DESC LIMIT ?" % _LISTED
_IDS_BY_PATH = "SELECT run_id %s AND path IN (?, ?) ORDER BY number DESC LIMIT 1" % _LISTED
_BEFORE = (
    "SELECT run_id, state, ended_at - started_at %s AND path = ?"
    " AND number < (SELECT number FROM runs WHERE run_id = ?) ORDER BY number DESC LIMIT ?"
) % _LISTED
_RUNS_BY_PATH = "SELECT number, run_id %s AND path IN (?, ?) ORDER BY number DESC" % _LISTED
_SOURCES = "SELECT sources.path, text FROM sources JOIN runs USING (number) WHERE run_id = ?"
_NUMBER = "SELECT number FROM runs WHERE run_id = ?"
_ENDS = (
    "SELECT events FROM turns WHERE place > ? AND place < ?"
    " AND instr(events, '\"StepEnded\"') ORDER BY place DESC"
)
_TURNS = "SELECT place, events FROM turns WHERE place > ? AND place < ? ORDER BY place LIMIT ?"


class EarlierRun(NamedTuple):
    """A run of the same file: its state's value, and its time where it has ended."""

    run_id: str
    state: str
    elapsed_s: Optional[float]


class RunStore:
    """The runs of one state directory. Reading changes nothing and disturbs no writer."""

    def __init__(self, state: StateDirectory, sync: Sync = sync_data) -> None:
        self.state = state
        self._sync = sync
        self._reader: Optional[sqlite3.Connection] = None

    def begin_run(self, now: float, sources: Mapping[str, bytes] = {}) -> RunJournal:
        """A journal for a new run that begins `now` (UTC seconds), with its folder made and locked.

        `sources` are the files of its workflow, by their paths.

        Raises:
            StoreError: there can be no record of it; nothing must be started.
        """
        self.state.create()
        connection = database.open_writer(self.state)
        try:
            known = connection.execute
            folder = self.state.new_run(now, lambda id: bool(known(_NUMBER, (id,)).fetchone()))
            lock = holders.hold(folder.lock)
            if lock is None:
                raise StoreError(folder.lock, "another program keeps it locked")
            sweep(connection, self.state, now)
            return RunJournal(
                connection, self.state.database, folder, lock, sources, sync=self._sync
            )
        except OSError as fault:
            connection.close()
            raise faults.from_os(fault, self.state.runs) from fault
        except sqlite3.Error as fault:
            connection.close()
            raise faults.from_sqlite(fault, self.state.database) from fault
        except StoreError:
            connection.close()
            raise

    def resume_run(self, run_id: str, sources: Mapping[str, bytes]) -> RunJournal:
        """A journal for a run that goes on, with its folder locked.

        Raises:
            RunHeld: another orchestrator holds it; nothing was changed.
            StoreError: there can be no record of it; nothing must be started.
        """
        folder = self.state.run(run_id)
        try:
            lock = holders.hold(folder.lock)
        except OSError as fault:
            raise faults.from_os(fault, folder.lock) from fault
        if lock is None:
            raise RunHeld(run_id)
        try:
            self.state.reopen_run(folder)
            [(number,)] = self.query(_NUMBER, (run_id,))
            connection = database.open_writer(self.state)
            return RunJournal(
                connection, self.state.database, folder, lock, sources, number, self._sync
            )
        except OSError as fault:
            lock.release()
            raise faults.from_os(fault, folder.path) from fault
        except BaseException:
            lock.release()
            raise

    def sources(self, run_id: str) -> Dict[str, bytes]:
        """The files of a run's workflow by their paths, as they were when it last went on.

        Raises:
            StoreError: the record cannot be read.
        """
        try:
            rows = self.query(_SOURCES, (run_id,))
            return {os.fsdecode(path): zlib.decompress(text) for path, text in rows}
        except zlib.error as fault:
            raise self._damaged("the workflow of run %s" % run_id) from fault

    def runs(self, limit: int) -> List[RunRow]:
        """The latest runs, newest first; at most `limit`, all where it is negative.

        Raises:
            StoreError: the record cannot be read.
            StoreDamaged: it has none, though runs have begun.
        """
        rows = [self._row(cells) for cells in self.query(_ROWS, (limit,))]
        if not rows:
            self._refuse_lost("")
        return rows

    def find(self, wanted: Optional[str], here: str) -> str:
        """The id of the run that is meant.

        `wanted` is the id or what it alone begins with, or a workflow file (relative to `here`),
        which means its latest run, or None for the latest of all.

        Raises:
            RunUnknown: there is no such run.
            UsageError: there is more than one.
            StoreError: the record cannot be read.
            StoreDamaged: there was such a run, and it is not in the record.
        """
        prefix = wanted or ""
        # a file's name may hold bytes that are no UTF-8, which SQLite refuses; no id does
        found = self._ids(_IDS, (len(prefix), prefix, _SHOWN + 1)) if prefix.isascii() else []
        if len(found) == 1 or (found and not wanted):
            return found[0]
        if not found and wanted:
            path = os.path.abspath(os.path.join(here, wanted))
            both = (os.fsencode(path), os.fsencode(os.path.realpath(path)))
            found = self._ids(_IDS_BY_PATH, both)
            if found:
                return found[0]
        raise self._refusal(wanted, found)

    def envelopes(self, run_id: str, after_seq: int = 0) -> Iterator[Envelope]:
        """The events of a run in order, those recorded so far; from the one after `after_seq`.

        Raises:
            StoreError: the record cannot be read.
        """
        for (number,) in self.query(_NUMBER, (run_id,)):
            start, end = number * RUN_SPAN, (number + 1) * RUN_SPAN
            while True:
                turns = self.query(_TURNS, (start + after_seq, end, _BATCH))
                for place, events in turns:
                    # the turn may begin at or before `after_seq`
                    yield from (e for e in self.decode(events) if e.seq > after_seq)
                    after_seq = place - start
                if len(turns) < _BATCH:
                    return

    def earlier(self, path: str, run_id: str, limit: int) -> List[EarlierRun]:
        """The runs of a workflow file before this one, newest first, at most `limit`.

        Raises:
            StoreError: the record cannot be read.
        """
        rows = self.query(_BEFORE, (os.fsencode(path), run_id, limit))
        return [EarlierRun(*row) for row in rows]

    def add_after(self, run_id: str, events: Sequence[Event], now: float) -> None:
        """Record what is learned of a run when nobody holds it any more, `now` (UTC seconds).

        Does nothing where an orchestrator holds it (again), or where it was removed.

        Raises:
            StoreError: it is not recorded.
        """
        try:
            lock = locks.acquire(self.state.run(run_id).lock)
        except FileNotFoundError:
            return
        except OSError as fault:
            raise faults.from_os(fault, self.state.run(run_id).lock) from fault
        if lock is None:
            return
        try:
            last = max((each.seq for each in self.envelopes(run_id)), default=0)
            turn = [Envelope(last + n, now, event) for n, event in enumerate(events, 1)]
            for (number,) in self.query(_NUMBER, (run_id,)):
                add_turn(self.state, number, turn)
        finally:
            lock.release()

    def latest_outputs(self, path: str, wanted: Mapping[str, Wanted]) -> Dict[str, PastOutputs]:
        """The outputs of steps in the latest run of the workflow file that has all those names.

        `wanted` is by their ids without instances; what is found is by their full ids. A step that
        no run has is left out; one that did not itself run names the run that did.

        Raises:
            StoreError: the record cannot be read.
        """
        found: Dict[str, PastOutputs] = {}
        open_ids = set(wanted)
        both = (os.fsencode(path), os.fsencode(os.path.realpath(path)))
        for number, run_id in self.query(_RUNS_BY_PATH, both) if wanted else ():
            span = (number * RUN_SPAN, (number + 1) * RUN_SPAN)
            whole = set()
            partial: Set[str] = set()
            for (events,) in self.query(_ENDS, span):
                turn = self.decode(events)
                partial.update(_left_out_in(turn))
                for id, past in _outputs_of(turn, run_id):
                    whole.add(id)
                    plain = plain_id(id)
                    if plain in open_ids and wanted[plain].names <= past.outputs.keys():
                        found.setdefault(id, past)
            instances = {plain_id(id) for id in found if "[" in id}
            for id in list(open_ids):
                until, of_instances = wanted[id].until, wanted[id].of_instances
                has_all = until not in partial and id in instances if of_instances else id in found
                if until in whole and has_all:
                    open_ids.remove(id)
            if not open_ids:
                break
        return found

    def is_alive(self, run_id: str) -> bool:
        """Whether a living orchestrator holds the run."""
        return locks.is_held(self.state.run(run_id).lock)

    def close(self) -> None:
        """Give the connection back; it is opened again when needed. Safe to call twice."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def query(self, text: str, values: Sequence[Cell]) -> List[Row]:
        """The rows that SQL selects, none before the first run.

        Raises:
            StoreError: the record cannot be read.
        """
        if self._reader is None:
            self._reader = database.open_reader(self.state)
        if self._reader is None:
            return []
        try:
            return self._reader.execute(text, values).fetchall()
        except sqlite3.Error as fault:
            raise faults.from_sqlite(fault, self.state.database) from fault

    def _ids(self, text: str, values: Sequence[Cell]) -> List[str]:
        return [str(run_id) for (run_id,) in self.query(text, values)]

    def _row(self, cells: Row) -> RunRow:
        run_id, workflow, path, state, started_at, ended_at, exit_code, failed, total = cells
        try:
            known = RunState(state)
        except ValueError as fault:
            raise self._damaged(run_id) from fault
        return RunRow(
            run_id=run_id,
            workflow=workflow,
            path=os.fsdecode(path),
            state=known,
            started_at=started_at,
            elapsed_s=None if ended_at is None else ended_at - started_at,
            exit_code=exit_code,
            failed=failed,
            total=total,
            alive=known is RunState.RUNNING and self.is_alive(run_id),
        )

    def decode(self, events: str) -> List[Envelope]:
        """The events of a turn.

        Raises:
            StoreDamaged: they cannot be read.
        """
        try:
            return decode_turn(events)
        except ValueError as fault:
            raise self._damaged("its events") from fault

    def _damaged(self, what: str) -> StoreError:
        return faults.damaged(self.state.database, "%s cannot be read" % what)

    def _refuse_lost(self, prefix: str) -> None:
        """See that no run has begun whose id begins so and which is not in the record.

        Raises:
            StoreDamaged: one has.
        """
        for run_id in self.state.run_ids():
            if "." in run_id or not run_id.startswith(prefix):  # `prune` gives those it removes one
                continue
            if self.is_alive(run_id) or not self.state.has_begun(run_id):
                continue
            if not self.query(_NUMBER, (run_id,)):
                raise faults.lost(self.state.database, run_id, self.state.run(run_id).path)

    def _refusal(self, wanted: Optional[str], found: Sequence[str]) -> UsageError:
        if found:
            shown = ", ".join(found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
            return UsageError("several runs begin with %s" % wanted, "one of %s" % shown)
        if wanted:
            self._refuse_lost(wanted)
        latest = [row.run_id for row in self.runs(_SHOWN)]
        if not latest:
            return RunUnknown("there are no runs yet in %s" % self.state.path)
        return RunUnknown("there is no run %s" % wanted, "the latest are %s" % ", ".join(latest))


def _left_out_in(turn: Sequence[Envelope]) -> Iterator[str]:
    """The steps, by their ids without instances, of which parts were left out since this turn."""
    for envelope in turn:
        event = envelope.event
        if type(event) is ResultReused and event.left_out:
            parts = plain_id(event.step).split("/")
            for count in range(1, len(parts) + 1):
                yield "/".join(parts[:count])


def _outputs_of(turn: Sequence[Envelope], run_id: str) -> Iterator[Tuple[str, PastOutputs]]:
    """The steps that count as a success since this turn, and the run whose outputs they have."""
    origin_by_step: Dict[str, str] = {}
    for envelope in turn:
        event = envelope.event
        if type(event) is ResultReused:
            origin_by_step[event.step] = event.run_id
        elif type(event) is StepEnded:
            result = RESULT_BY_STATE.get(StepState(event.state))
            origin = origin_by_step.get(event.step, run_id)
            if origin and (result is NeedResult.SUCCESS or event.step in origin_by_step):
                yield event.step, PastOutputs(origin, event.outputs)
