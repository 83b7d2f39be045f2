from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Callable, Dict, List

import pytest

from orchestra.errors import StoreError, UsageError
from orchestra.model.events import Envelope, Noted, StepEnded
from orchestra.model.run import RunState
from orchestra.model.run_rows import RunRow
from orchestra.store.database import RUN_SPAN
from orchestra.store.directory import StateDirectory
from orchestra.store.journal import LOOK_S
from orchestra.store.sqlite import RunStore
from tests.store.story import BEGAN, ending, launched, opening, whole


def record(store: RunStore, now: float = BEGAN, path: str = "/w/flow.yaml") -> str:
    """The id of a run that is wholly recorded."""
    journal = store.begin_run(now)
    run_id = journal.folder.run_id
    journal.append(opening(run_id, path))
    journal.append(launched())
    journal.append(ending("succeeded", 0))
    journal.close()
    return run_id


def test_a_run_is_read_back_as_it_was_recorded(store: RunStore) -> None:
    run_id = record(store)

    assert list(store.envelopes(run_id)) == whole(run_id)


def test_events_after_a_place_are_read_from_the_middle_of_a_turn_on(store: RunStore) -> None:
    run_id = record(store)

    assert list(store.envelopes(run_id, after_seq=5)) == whole(run_id)[5:]


def test_a_run_that_is_not_there_has_no_events(store: RunStore) -> None:
    record(store)

    assert list(store.envelopes("20000101-000000-0000")) == []


def test_a_long_run_is_read_without_a_gap(store: RunStore) -> None:
    journal = store.begin_run(BEGAN)
    run_id = journal.folder.run_id
    journal.append(opening(run_id))
    notes = [Envelope(seq, BEGAN, Noted("", str(seq))) for seq in range(4, 1004)]
    for note in notes:
        journal.append([note])
    journal.close()

    assert list(store.envelopes(run_id)) == [*opening(run_id), *notes]


def test_turns_of_unknown_kinds_are_passed_over(store: RunStore, state: StateDirectory) -> None:
    run_id = record(store)
    with closing(sqlite3.connect(state.database)) as connection, connection:
        rows = [(RUN_SPAN + n, '[%d,1.0,["Foreseen","x"]]' % n) for n in range(8, 408)]
        rows.append((RUN_SPAN + 408, '[408,1.0,["Noted","","end"]]'))
        connection.executemany("INSERT INTO turns VALUES (?, ?)", rows)

    assert list(store.envelopes(run_id)) == [*whole(run_id), Envelope(408, 1.0, Noted("", "end"))]


def test_a_run_that_goes_on_is_listed_as_alive(store: RunStore) -> None:
    journal = store.begin_run(BEGAN)
    run_id = journal.folder.run_id
    journal.append(opening(run_id))

    rows = store.runs(10)

    journal.close()
    assert rows == [
        RunRow(
            run_id=run_id,
            workflow="flow",
            path="/w/flow.yaml",
            state=RunState.RUNNING,
            started_at=BEGAN,
            elapsed_s=None,
            exit_code=None,
            failed=0,
            total=1,
            alive=True,
        )
    ]


def test_a_run_that_ended_is_listed_with_its_end(store: RunStore) -> None:
    run_id = record(store)

    assert store.runs(10) == [
        RunRow(
            run_id=run_id,
            workflow="flow",
            path="/w/flow.yaml",
            state=RunState.SUCCEEDED,
            started_at=BEGAN,
            elapsed_s=2.0,
            exit_code=0,
            failed=0,
            total=1,
            alive=False,
        )
    ]


def test_a_failure_is_counted_while_the_run_goes_on(store: RunStore) -> None:
    journal = store.begin_run(BEGAN)
    journal.append(opening(journal.folder.run_id))
    journal.append([Envelope(4, BEGAN, StepEnded("a", "failed", "exit code 1", {}))])

    row = store.runs(10)[0]

    journal.close()
    assert (row.failed, row.state) == (1, RunState.RUNNING)


def test_runs_are_listed_newest_first_whatever_the_clock_says(store: RunStore) -> None:
    ids = [record(store, BEGAN), record(store, BEGAN - 86400), record(store, BEGAN + 1)]

    assert [row.run_id for row in store.runs(2)] == [ids[2], ids[1]]


def test_who_reads_leaves_the_folder_as_it_was(store: RunStore) -> None:
    run_id = record(store)
    before = contents(store.state.path)

    assert [row.run_id for row in store.runs(10)] == [run_id]

    store.close()
    assert contents(store.state.path) == before


def test_who_reads_beside_a_writer_takes_nothing_from_it(store: RunStore) -> None:
    journal = store.begin_run(BEGAN)
    early = RunStore(store.state)
    assert early.runs(10) == []
    journal.append(opening(journal.folder.run_id))
    late = RunStore(store.state)
    assert len(late.runs(10)) == len(early.runs(10)) == 1
    early.close()
    late.close()

    journal.append([Envelope(4, BEGAN, StepEnded("a", "failed", "exit code 1", {}))])

    assert store.runs(10)[0].failed == 1
    journal.close()


def test_news_of_a_writer_that_died_is_left_where_it_is(store: RunStore, tmp_path: Path) -> None:
    journal = store.begin_run(BEGAN)
    journal.append(opening(journal.folder.run_id))
    shutil.copytree(store.state.path, str(tmp_path / "copy"))  # as loss of power leaves it
    journal.close()
    copy = RunStore(StateDirectory(str(tmp_path / "copy")))
    before = contents(copy.state.path)

    assert [row.run_id for row in copy.runs(10)] == [journal.folder.run_id]

    copy.close()
    after = contents(copy.state.path)
    assert (after["runs.db"], after["runs.db-wal"]) == (before["runs.db"], before["runs.db-wal"])


def contents(folder: str) -> Dict[str, bytes]:
    """The files that stand in a folder."""
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}


def test_before_the_first_run_there_is_nothing_to_list(store: RunStore) -> None:
    assert store.runs(10) == []
    assert not os.path.exists(store.state.path)


def test_runs_are_found_by_what_people_type(store: RunStore) -> None:
    first = record(store, BEGAN, "/w/one.yaml")
    second = record(store, BEGAN + 86400, "/w/two.yaml")
    third = record(store, BEGAN + 2 * 86400, "/w/one.yaml")

    found = [
        store.find(wanted, "/w")
        for wanted in (
            None,
            first,
            "20261122",
            "20261123-",
            "two.yaml",
            "/w/one.yaml",
            "../w/one.yaml",
        )
    ]

    assert found == [third, first, first, second, second, third, third]


def test_a_beginning_of_several_runs_is_refused_with_their_ids(store: RunStore) -> None:
    first, second = record(store, BEGAN), record(store, BEGAN + 1)

    with pytest.raises(UsageError) as caught:
        store.find("2026", "/w")

    assert caught.value.message == "several runs begin with 2026"
    assert caught.value.hint == "one of %s, %s" % (second, first)


def test_a_run_that_nobody_knows_is_refused_with_the_latest_ids(store: RunStore) -> None:
    run_id = record(store)

    with pytest.raises(UsageError) as caught:
        store.find("1999", "/w")

    assert caught.value.message == "there is no run 1999"
    assert caught.value.hint == "the latest are " + run_id


@pytest.mark.parametrize("wanted", [None, "2026"])
def test_before_the_first_run_none_is_found(store: RunStore, wanted: str) -> None:
    with pytest.raises(UsageError) as caught:
        store.find(wanted, "/w")

    assert caught.value.message == "there are no runs yet in " + store.state.path


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_files_of_the_store_are_private_whatever_the_umask(store: RunStore, umask: int) -> None:
    before = os.umask(umask)
    try:
        journal = store.begin_run(BEGAN)
        journal.append(opening(journal.folder.run_id))
    finally:
        os.umask(before)

    modes = file_modes(store.state.path)

    journal.close()
    assert modes == {
        ".gitignore": 0o600,
        "runs.db": 0o600,
        "runs.db-shm": 0o600,
        "runs.db-wal": 0o600,
        "runs.lock": 0o600,
    }
    assert file_modes(journal.folder.path) == {"lock": 0o600}


def file_modes(folder: str) -> Dict[str, int]:
    """The permissions of the files that stand in a folder."""
    return {
        entry.name: stat.S_IMODE(entry.stat().st_mode)
        for entry in os.scandir(folder)
        if entry.is_file()
    }


@pytest.mark.parametrize(
    "name",
    [
        b"with space",
        b"new\nline",
        b"not utf-8 \xff\xfe",
        b"100%41?mode=ro#x",
        b"-dash 'quote' \"double\" $(x)",
        "Zo\u00eb \N{SNOWMAN}".encode(),
    ],
)
def test_any_name_of_a_folder_will_do(tmp_path: Path, name: bytes) -> None:
    folder = os.path.join(str(tmp_path), os.fsdecode(name))
    os.mkdir(folder)
    store = RunStore(StateDirectory(folder + "/.orchestra"))

    run_id = record(store, path=folder + "/flow.yaml")

    assert next(store.envelopes(run_id)) == opening(run_id, folder + "/flow.yaml")[0]
    assert store.runs(1)[0].path == folder + "/flow.yaml"
    assert store.find("flow.yaml", folder) == run_id
    assert store.find(folder + "/flow.yaml", "/") == run_id
    assert sorted(os.listdir(str(tmp_path))) == [os.fsdecode(name)]
    store.close()


def test_a_path_too_long_for_sqlite_is_refused_by_its_length(tmp_path: Path) -> None:
    folder = str(tmp_path) + ("/" + "x" * 200) * 3
    os.makedirs(folder)

    with pytest.raises(StoreError) as caught:
        RunStore(StateDirectory(folder + "/.orchestra")).begin_run(BEGAN)

    assert (caught.value.message, caught.value.hint) == (
        "its path is too long",
        "name a shorter one with --state-dir",
    )


def replace(path: str) -> None:
    Path(path + ".other").touch()
    os.replace(path + ".other", path)


@pytest.mark.parametrize(
    "change",
    [
        os.unlink,
        lambda path: os.rename(path, path + ".away"),
        lambda path: shutil.rmtree(os.path.dirname(path)),
        replace,
    ],
    ids=["deleted", "moved", "deleted with its folder", "replaced"],
)
def test_a_store_that_is_gone_records_nothing(
    store: RunStore, change: Callable[[str], object]
) -> None:
    journal = store.begin_run(BEGAN)
    journal.append(opening(journal.folder.run_id))
    path = store.state.database
    change(path)

    with pytest.raises(StoreError) as caught:
        journal.append([each._replace(at=each.at + LOOK_S) for each in launched()])

    journal.close()
    assert caught.value.path == path


def test_a_reader_that_pauses_goes_on_while_the_run_does(store: RunStore) -> None:
    journal = store.begin_run(BEGAN)
    run_id = journal.folder.run_id
    journal.append(opening(run_id))
    events = store.envelopes(run_id)
    read: List[Envelope] = [next(events)]
    journal.append(launched())
    journal.append(ending("failed", 1))
    journal.close()

    read += [*events, *store.envelopes(run_id, after_seq=3)]

    assert read == whole(run_id, "failed", 1)


def test_reading_leaves_the_database_as_it_is(store: RunStore) -> None:
    run_id = record(store)
    before = Path(store.state.database).read_bytes()

    list(store.envelopes(run_id))
    store.runs(10)
    store.close()

    assert Path(store.state.database).read_bytes() == before


def test_a_record_is_read_where_nothing_can_be_written(ordinary_user: Path) -> None:
    store = RunStore(StateDirectory(str(ordinary_user / ".orchestra")))
    run_id = record(store)
    os.chmod(store.state.path, 0o500)
    os.chmod(store.state.database, 0o400)

    events = list(store.envelopes(run_id))

    store.close()
    os.chmod(store.state.path, 0o700)
    assert events == whole(run_id)


def test_a_record_that_cannot_be_written_starts_no_run(ordinary_user: Path) -> None:
    store = RunStore(StateDirectory(str(ordinary_user / ".orchestra")))
    record(store)
    os.chmod(store.state.database, 0o400)
    journal = store.begin_run(BEGAN)

    with pytest.raises(StoreError) as caught:
        journal.append(opening(journal.folder.run_id))

    journal.close()
    assert caught.value.message == "it cannot be written"


def test_a_run_that_nobody_finished_is_listed_as_not_alive(store: RunStore) -> None:
    journal = store.begin_run(BEGAN)
    journal.append(opening(journal.folder.run_id))
    journal.close()

    row = store.runs(1)[0]

    assert (row.state, row.alive) == (RunState.RUNNING, False)


def test_a_handler_that_failed_is_no_failed_step(store: RunStore) -> None:
    journal = store.begin_run(BEGAN)
    journal.append(opening(journal.folder.run_id))
    ends = [
        StepEnded(id, "failed", "no", {}) for id in ("a:on_failure", "a[x:finally]", ":finally")
    ]
    journal.append([Envelope(4 + n, BEGAN, end) for n, end in enumerate(ends)])
    (row,) = store.runs(1)
    journal.close()
    assert row.failed == 1
