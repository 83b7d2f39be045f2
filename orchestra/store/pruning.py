"""Removes old runs: their folders, and their rows but for those that the cache goes on needing.

The folder of a run is renamed, then emptied, then the rows go in one transaction, then the empty
folder. So whatever dies in between leaves a folder of that name, where the next one goes on; and on
a full disk, for which people remove runs, there is room again before the database is written.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Callable, Iterator, List, NamedTuple, Optional, Tuple

from orchestra.errors import StoreDamaged, StoreError, StoreNewer
from orchestra.model.run import RunState
from orchestra.model.run_rows import PrunedRun
from orchestra.store import faults, folders, locks
from orchestra.store.awaiting import Awaiting
from orchestra.store.database import PRUNED
from orchestra.store.rows import Rows
from orchestra.store.sqlite import RunStore

ENDING = ".pruned"
"""What stands behind the id in the name of a folder that is being removed."""

_FOLDER = re.compile(r"(?P<id>(?P<time>[0-9]{8}-[0-9]{6})-[0-9a-f]{4})(?P<ending>\.pruned)?")
_SETTLING_S = 60.0
"""A run makes its folder a moment before it locks it, and both before it is recorded."""

_PATIENCE_S = 10.0
_LISTED = "FROM runs WHERE state != '%s'" % PRUNED
_RUNS = "SELECT run_id, workflow, state, started_at, ended_at %s ORDER BY number DESC" % _LISTED
_FACTS = "SELECT state, ended_at %s AND run_id = ?" % _LISTED


class Rule(NamedTuple):
    """Which runs are old: those beyond the newest `keep`, and those older than `age_s` seconds.

    None sets no such limit. `cut_off` says that runs which were cut off, and could be resumed, are
    removed as well.
    """

    keep: Optional[int] = None
    age_s: Optional[float] = None
    cut_off: bool = False


class _Candidate(NamedTuple):
    """A run that may be old; `state` is None where there is no record of it.

    `place` counts the runs that are newer. One that `is_left` was begun to be removed by somebody
    who died over it.
    """

    run_id: str
    workflow: str
    state: Optional[RunState]
    began_at: float
    ended_at: Optional[float]
    place: int
    is_left: bool


class Pruning:
    """The old runs of a store, as a rule means them `now` (UTC seconds).

    One at a time removes runs; another waits for `patience_s` at most.

    `living` and `cut_off` count those that are kept though they are old: an orchestrator holds
    them or steps of them go on, of which `has_steps` tells by the run's id; or they could be
    resumed. `faults` tell what could not be removed.
    """

    def __init__(
        self,
        store: RunStore,
        rule: Rule,
        now: float,
        patience_s: float = _PATIENCE_S,
        has_steps: Callable[[str], bool] = lambda run_id: False,
    ) -> None:
        self._has_steps = has_steps
        self.living = 0
        self.cut_off = 0
        self.faults: List[StoreError] = []
        self._store = store
        self._state = store.state
        self._rule = rule
        self._now = now
        self._patience_s = patience_s
        self._rows = Rows(store)

    def look(self) -> List[PrunedRun]:
        """What `remove` would remove, in that order; changes nothing and disturbs nobody.

        Raises:
            StoreError: the record cannot be read.
        """
        return [self._pruned(each, self._size(each)) for each in self._old()]

    def remove(self) -> Iterator[PrunedRun]:
        """Remove the old runs, oldest first; each is given when it is gone from the record.

        One that somebody takes up meanwhile is kept.

        Raises:
            StoreError: the record cannot be read or changed, or somebody else removes runs.
        """
        faded = self._rows.faded()
        if not faded and not self._old():
            return
        with self._alone():
            delayed: List[Tuple[_Candidate, int]] = []
            for each in self._old():
                freed = self._take_away(each)
                if freed is None:
                    continue
                if delayed or not self._is_forgotten(each):
                    delayed.append((each, freed))
                else:
                    yield self._end(each, freed)
            for each, freed in delayed:
                self._forget(each)
                yield self._end(each, freed)
            for run_id in faded:
                self._rows.remove(run_id)

    # Which ones

    def _old(self) -> List[_Candidate]:
        self.living = self.cut_off = 0
        found = []
        for each in self._candidates():
            if each.is_left:
                found.append(each)
            elif not self._is_old(each):
                continue
            elif self._store.is_alive(each.run_id):
                self.living += 1
            elif each.state is RunState.RUNNING and not self._rule.cut_off:
                self.cut_off += 1
            elif each.state is RunState.RUNNING and self._has_steps(each.run_id):
                self.living += 1
            else:
                found.append(each)
        return found[::-1]

    def _is_old(self, each: _Candidate) -> bool:
        age_s = self._age_s(each)
        is_aged = self._rule.age_s is not None and age_s > self._rule.age_s
        if each.state is None:
            return is_aged and age_s > _SETTLING_S
        return is_aged or (self._rule.keep is not None and each.place >= self._rule.keep)

    def _age_s(self, each: _Candidate) -> float:
        return self._now - (each.began_at if each.ended_at is None else each.ended_at)

    def _candidates(self) -> Iterator[_Candidate]:
        """All runs, newest first, then the folders of runs without a record."""
        matches = [match for match in map(_FOLDER.fullmatch, self._state.run_ids()) if match]
        left = {match.group("id") for match in matches if match.group("ending")}
        known = set()
        place = 0
        for run_id, workflow, state, began_at, ended_at in self._store.query(_RUNS, ()):
            known.add(run_id)
            is_left = run_id in left
            run = self._run_state(run_id, state)
            yield _Candidate(run_id, workflow, run, began_at, ended_at, place, is_left)
            place += not is_left
        for match in reversed(matches):
            began_at = _time_of(match.group("time"))
            if match.group("id") not in known and began_at is not None:
                is_left = match.group("ending") is not None
                yield _Candidate(match.group("id"), "", None, began_at, None, place, is_left)

    def _run_state(self, run_id: str, text: str) -> RunState:
        try:
            return RunState(text)
        except ValueError as fault:
            raise faults.damaged(self._state.database, "%s cannot be read" % run_id) from fault

    # Their removal

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While nobody else removes runs: what others have left, no living one is at."""
        path = self._state.lock
        try:
            lock = locks.acquire(path, self._patience_s)
        except OSError as fault:
            raise faults.from_os(fault, path) from fault
        if lock is None:
            raise StoreError(path, "another program keeps it locked", "wait for its end")
        try:
            yield
        finally:
            self._store.close()  # the last to leave the database puts it in order: not a reader
            self._rows.close()
            lock.release()

    def _take_away(self, each: _Candidate) -> Optional[int]:
        """Rename and empty the folder of a run; the bytes that came free, None where it is kept."""
        path, left = self._state.run(each.run_id).path, self._left(each)
        try:
            if not each.is_left and not self._rename(each, path, left):
                return None
        except OSError as fault:
            self._refused(path, "it could not be removed", fault)
            return None
        size = folders.size_of(left)
        try:
            folders.empty(left)
        except OSError as fault:
            self._refused(left, "not all in it could be removed", fault)
            if each.state is None:
                return None
        return size - folders.size_of(left)

    def _rename(self, each: _Candidate, path: str, left: str) -> bool:
        """Whether nobody has taken the run up: then its folder has the other name.

        Raises:
            OSError: it cannot be locked or renamed.
        """
        lock = None
        if folders.is_folder(path):
            lock = locks.acquire(self._state.run(each.run_id).lock)
            if lock is None:
                return False
        try:
            found = self._store.query(_FACTS, (each.run_id,))
            if found != ([] if each.state is None else [(each.state.value, each.ended_at)]):
                return False
            with suppress(FileNotFoundError):
                os.rename(path, left)
            return True
        finally:
            if lock is not None:
                lock.release()

    def _is_forgotten(self, each: _Candidate) -> bool:
        """Whether the rows could be removed.

        Raises:
            StoreError: they cannot, however much room there will be.
        """
        try:
            self._forget(each)
            return True
        except (StoreDamaged, StoreNewer):
            raise
        except StoreError:
            return False  # on a full disk there is more room when all folders are empty

    def _forget(self, each: _Candidate) -> None:
        if each.state is not None:
            self._rows.remove(each.run_id)

    def _end(self, each: _Candidate, freed: int) -> PrunedRun:
        Awaiting(self._state).drop(each.run_id)
        with suppress(OSError):  # where something is left in it, that is told already
            folders.drop(self._left(each))
        return self._pruned(each, freed)

    def _refused(self, path: str, what: str, fault: OSError) -> None:
        hint = "see its owner and its permissions" if isinstance(fault, PermissionError) else ""
        words = "%s: %s" % (what, os.strerror(fault.errno or 0))
        self.faults.append(StoreError(path, words, hint))

    def _left(self, each: _Candidate) -> str:
        return self._state.run(each.run_id).path + ENDING

    def _size(self, each: _Candidate) -> int:
        left = self._left(each)
        return folders.size_of(left if each.is_left else self._state.run(each.run_id).path)

    def _pruned(self, each: _Candidate, size: int) -> PrunedRun:
        return PrunedRun(each.run_id, each.workflow, each.state, self._age_s(each), size)


def _time_of(text: str) -> Optional[float]:
    # strptime would import a module here, in the middle of the work, and it asks the locale
    parts = (text[:4], text[4:6], text[6:8], text[9:11], text[11:13], text[13:])
    try:
        return datetime.fromisoformat("%s-%s-%s %s:%s:%s+00:00" % parts).timestamp()
    except ValueError:
        return None  # a folder of somebody's own
