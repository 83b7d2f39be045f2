"""A run that goes on: who may, what is recorded, what was kept of its workflow."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Iterator, List

import pytest

from orchestra.engine.replay import fold
from orchestra.errors import RunHeld, StoreDamaged, StoreError
from orchestra.model.events import Envelope, PlannedEntry, RunResumed
from orchestra.model.run import RunState
from orchestra.store.directory import StateDirectory
from orchestra.store.journal import SYNC_S
from orchestra.store.sqlite import RunStore
from tests.store.story import BEGAN, ending, launched, opening

SOURCES = {"/w/flow.yaml": b"steps: {a: {run: 'true'}}\n", "/w/\udcff.yaml": b"\xff"}
CHANGED = {"/w/flow.yaml": b"steps: {a: {run: 'false'}}\n"}


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    return StateDirectory(str(tmp_path / ".orchestra"))


def failed_run(store: RunStore) -> str:
    journal = store.begin_run(BEGAN, SOURCES)
    run_id = journal.folder.run_id
    for turn in (opening(run_id), launched(), ending("failed", 1)):
        journal.append(turn)
    journal.close()
    return run_id


def goes_on(seq: int) -> List[Envelope]:
    entries = (PlannedEntry("a", "a", (), {"cpu": 1000}), PlannedEntry("b", "b", ("a",), {}))
    event = RunResumed("flow", "/w/flow.yaml", {}, None, None, "here", 1, "0", entries, ())
    return [Envelope(seq, BEGAN + 9, event)]


def test_a_run_goes_on_in_its_own_record(state: StateDirectory) -> None:
    with closing(RunStore(state)) as store:
        run_id = failed_run(store)
        with closing(store.resume_run(run_id, CHANGED)) as journal:
            journal.append(goes_on(8))
        record = fold(store.envelopes(run_id))
        (row,) = store.runs(9)

    assert record is not None
    assert (record.state, list(record.step_by_id)) == (RunState.RUNNING, ["a", "b"])
    assert (row.state, row.exit_code, row.failed, row.total) == (RunState.RUNNING, None, 0, 2)


def test_the_files_of_its_workflow_are_those_with_which_it_last_went_on(
    state: StateDirectory,
) -> None:
    with closing(RunStore(state)) as store:
        run_id = failed_run(store)
        first = store.sources(run_id)
        with closing(store.resume_run(run_id, CHANGED)) as journal:
            between = store.sources(run_id)
            journal.append(goes_on(8))

        assert (first, between, store.sources(run_id)) == (SOURCES, SOURCES, CHANGED)


def test_only_one_may_go_on_with_a_run(state: StateDirectory) -> None:
    with closing(RunStore(state)) as store:
        run_id = failed_run(store)
        with closing(store.resume_run(run_id, CHANGED)):
            before = Path(state.database).read_bytes()
            with pytest.raises(RunHeld):
                store.resume_run(run_id, CHANGED)
            assert Path(state.database).read_bytes() == before
        store.resume_run(run_id, CHANGED).close()


@pytest.mark.parametrize("name", ["lock", "logs", "outputs", "private", ""])
def test_a_link_in_the_place_of_what_a_run_has_is_refused(
    state: StateDirectory, tmp_path: Path, name: str
) -> None:
    with closing(RunStore(state)) as store:
        run_id = failed_run(store)
        path = Path(state.run(run_id).path, name)
        path.rename(tmp_path / "moved")
        path.symlink_to(tmp_path / "moved")

        with pytest.raises(StoreError):
            store.resume_run(run_id, CHANGED)


def test_what_was_kept_of_the_workflow_and_cannot_be_read_is_damage(state: StateDirectory) -> None:
    with closing(RunStore(state)) as store:
        run_id = failed_run(store)
    with closing(sqlite3.connect(state.database)) as connection, connection:
        connection.execute("UPDATE sources SET text = x'00'")
    with closing(RunStore(state)) as store, pytest.raises(StoreDamaged):
        store.sources(run_id)


class Synced:
    """A journal, and how often it had the system write out what it recorded."""

    def __init__(self, state: StateDirectory) -> None:
        self.count = 0
        self.journal = RunStore(state, self._sync).begin_run(BEGAN)

    def _sync(self, descriptor: int) -> None:
        os.fsync(descriptor)
        self.count += 1


@pytest.fixture
def synced(state: StateDirectory) -> Iterator[Synced]:
    made = Synced(state)
    yield made
    made.journal.close()


def test_what_is_recorded_is_synced_a_second_later(synced: Synced) -> None:
    journal = synced.journal
    journal.append(opening(journal.folder.run_id))
    assert journal.attend(BEGAN + 0.2) == pytest.approx(SYNC_S - 0.2)
    assert synced.count == 0
    assert journal.attend(BEGAN + SYNC_S) is None
    assert synced.count == 1
    assert journal.attend(BEGAN + 5) is None
    assert synced.count == 1


def test_what_has_to_last_is_synced_at_once_and_so_is_the_end(synced: Synced) -> None:
    journal = synced.journal
    journal.append(opening(journal.folder.run_id), lasting=True)
    assert synced.count == 1
    journal.append(launched())
    journal.append(ending("failed", 1))
    assert synced.count == 2
