"""Records of every format that ever was are opened, read and written for ever."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import List, Tuple

import pytest

from orchestra.engine.replay import fold
from orchestra.errors import StoreError
from orchestra.model.run import RunState, StepState
from orchestra.store.cache import FileDigests, KeptSuccesses
from orchestra.store.directory import StateDirectory
from orchestra.store.migrations import FORMAT, copy_of
from orchestra.store.sqlite import RunStore
from tests.store.story import BEGAN, opening

RECORDS = Path(__file__).parent / "records"
OLD = range(1, FORMAT)
ALL = range(1, FORMAT + 1)


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    state = StateDirectory(str(tmp_path / ".orchestra"))
    state.create()
    return state


def put(state: StateDirectory, version: int) -> None:
    """Have the record that a version left."""
    shutil.copyfile(str(RECORDS / ("format-%d.db" % version)), state.database)


def version_of(path: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def told(store: RunStore) -> List[Tuple[str, RunState, int]]:
    return [(row.workflow, row.state, row.failed) for row in store.runs(9)]


def test_there_is_a_record_of_each_format() -> None:
    assert sorted(path.name for path in RECORDS.iterdir()) == ["format-%d.db" % n for n in ALL]


@pytest.mark.parametrize("version", ALL)
def test_every_record_is_read_and_not_touched(state: StateDirectory, version: int) -> None:
    put(state, version)
    before = Path(state.database).read_bytes()
    with closing(RunStore(state)) as store:
        assert told(store) == [("flow", RunState.FAILED, 1), ("flow", RunState.SUCCEEDED, 0)]
        record = fold(store.envelopes(store.find(None, "")))
        assert record is not None
        assert record.step_by_id["a"].state is StepState.FAILED
        assert KeptSuccesses(store, "/w").success("b", "f" * 32) is None
        assert FileDigests(store).digest(b"/w/other", "1 2 3 4") is None
    assert Path(state.database).read_bytes() == before
    assert version_of(state.database) == version


@pytest.mark.parametrize("version", ALL)
def test_every_record_goes_on_with_a_new_run(state: StateDirectory, version: int) -> None:
    put(state, version)
    with closing(RunStore(state)) as store:
        journal = store.begin_run(BEGAN + 60)
        journal.append(opening(journal.folder.run_id))
        journal.close()
        assert [row.state for row in store.runs(9)][1:] == [RunState.FAILED, RunState.SUCCEEDED]
        FileDigests(store, None).digest(b"/w/in", "1 2 3 4")
    assert version_of(state.database) == FORMAT


def test_the_successes_of_this_format_are_found(state: StateDirectory) -> None:
    put(state, FORMAT)
    with closing(RunStore(state)) as store:
        kept = KeptSuccesses(store, str(Path(state.path).parent)).last_success("a")
        digest = FileDigests(store).digest(b"/w/in", "1 2 3 4")
    assert (kept, digest) == (None, "e" * 32)  # they are those of another folder, `/w`


@pytest.mark.parametrize("version", OLD)
def test_a_copy_is_kept_of_what_is_changed(state: StateDirectory, version: int) -> None:
    put(state, version)
    with closing(RunStore(state)) as store:
        store.begin_run(BEGAN + 60).close()
    copy = copy_of(state.database, version)
    assert version_of(copy) == version
    assert os.stat(copy).st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (2,)


@pytest.mark.parametrize("version", OLD)
def test_a_record_that_cannot_be_copied_stays_as_it_is(state: StateDirectory, version: int) -> None:
    put(state, version)
    os.symlink("elsewhere", copy_of(state.database, version) + ".%d" % os.getpid())
    with closing(RunStore(state)) as store, pytest.raises(StoreError):
        store.begin_run(BEGAN + 60)
    assert version_of(state.database) == version
    assert not os.path.exists(os.path.join(state.path, "elsewhere"))
