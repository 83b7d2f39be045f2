from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Callable

import pytest

from orchestra.errors import ExitCode, StoreDamaged, StoreError, StoreNewer
from orchestra.model.events import Envelope, Noted
from orchestra.store.directory import StateDirectory
from orchestra.store.journal import RunJournal
from orchestra.store.sqlite import RunStore
from tests.store.conftest import SmallDisk
from tests.store.story import BEGAN, ending, launched, opening, whole

PAGE = 4096
PAGES = 4
"""Those of the runs and their turns; what is kept for the cache comes after them."""


def record(state: StateDirectory) -> str:
    """The id of a run that is wholly recorded; nothing of it is left in side files."""
    with closing(RunStore(state).begin_run(BEGAN)) as journal:
        run_id = journal.folder.run_id
        journal.append(opening(run_id))
        journal.append(launched())
        journal.append(ending("succeeded", 0))
    return run_id


def alter(path: str, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


def other_database(path: str) -> None:
    os.unlink(path)
    alter(path, "CREATE TABLE theirs (x)")


def halve(path: str) -> None:
    os.truncate(path, os.path.getsize(path) // 2)


DAMAGES = {
    "it is gone": os.unlink,
    "it is empty": lambda path: os.truncate(path, 0),
    "50 bytes are left": lambda path: os.truncate(path, 50),
    "one page is left": lambda path: os.truncate(path, PAGE),
    "half is left": halve,
    "it is another program's": other_database,
    "it is text": lambda path: Path(path).write_text("hello " * 2000),
    "a table is gone": lambda path: alter(path, "DROP TABLE turns"),
    "its format is nought": lambda path: alter(path, "PRAGMA user_version = 0"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_is_seen_before_a_run_begins(
    state: StateDirectory, damage: Callable[[str], object]
) -> None:
    run_id = record(state)
    damage(state.database)

    with pytest.raises(StoreDamaged) as caught:
        RunStore(state).begin_run(BEGAN)

    assert caught.value.exit_code is ExitCode.BROKEN
    assert caught.value.message.startswith("store damaged: ")
    assert state.run_ids() == [run_id]


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_is_seen_by_who_reads(
    store: RunStore, state: StateDirectory, damage: Callable[[str], object]
) -> None:
    record(state)
    damage(state.database)

    with pytest.raises(StoreDamaged):
        store.runs(10)


@pytest.mark.parametrize("page", range(1, PAGES))
def test_a_page_of_junk_is_damage_to_who_reads_it(
    store: RunStore, state: StateDirectory, page: int
) -> None:
    run_id = record(state)
    assert os.path.getsize(state.database) == (PAGES + 7) * PAGE
    with open(state.database, "r+b") as file:
        file.seek(page * PAGE)
        file.write(b"\xa5" * PAGE)

    with pytest.raises(StoreDamaged):
        (store.runs(10), store.find(run_id, "/"), list(store.envelopes(run_id)))


@pytest.mark.parametrize("text", ["", "{", "5", "[[1]]", '[[1,1.0,"Noted"]]', "null"])
def test_a_turn_that_is_none_is_damage(store: RunStore, state: StateDirectory, text: str) -> None:
    run_id = record(state)
    alter(state.database, "UPDATE turns SET events = '%s' WHERE place %% 1099511627776 = 4" % text)

    with pytest.raises(StoreDamaged) as caught:
        list(store.envelopes(run_id))

    assert caught.value.message == "store damaged: its events cannot be read"


def test_a_state_that_is_none_is_damage(store: RunStore, state: StateDirectory) -> None:
    run_id = record(state)
    alter(state.database, "UPDATE runs SET state = 'dreaming'")

    with pytest.raises(StoreDamaged) as caught:
        store.runs(1)

    assert caught.value.message == "store damaged: %s cannot be read" % run_id


def test_a_record_of_a_newer_orchestra_is_left_untouched(
    store: RunStore, state: StateDirectory
) -> None:
    record(state)
    alter(state.database, "PRAGMA user_version = 99")
    before = Path(state.database).read_bytes()

    with pytest.raises(StoreNewer) as writing:
        store.begin_run(BEGAN)
    with pytest.raises(StoreNewer) as reading:
        store.runs(10)

    assert writing.value.message == reading.value.message
    assert writing.value.message == (
        "it was written by a newer orchestra (format 99, this one knows 4)"
    )
    assert Path(state.database).read_bytes() == before


def test_a_draft_left_by_one_that_died_is_no_hindrance(
    store: RunStore, state: StateDirectory
) -> None:
    state.create()
    Path(state.database + ".new").write_text("half")

    run_id = record(state)

    assert list(store.envelopes(run_id)) == whole(run_id)


FULL = ("the disk is full", "the disk gives an error, or is full")


def test_a_full_disk_starts_no_run_and_spoils_none(small_disk: SmallDisk) -> None:
    state = StateDirectory(str(small_disk.folder / ".orchestra"))
    first = record(state)
    small_disk.fill()
    with pytest.raises(StoreError) as caught:
        record(state)
    small_disk.free()

    second = record(state)

    with closing(RunStore(state)) as store:
        assert list(store.envelopes(first)) == whole(first)
        assert [row.run_id for row in store.runs(10)] == [second, first]
    assert caught.value.message in FULL


def test_a_disk_too_full_for_a_record_starts_no_run(small_disk: SmallDisk) -> None:
    state = StateDirectory(str(small_disk.folder / ".orchestra"))
    small_disk.fill()

    with pytest.raises(StoreError) as caught:
        record(state)

    small_disk.free()
    assert caught.value.message in FULL


def test_a_disk_that_fills_in_mid_run_leaves_whole_turns_and_no_gap(
    small_disk: SmallDisk,
) -> None:
    store = RunStore(StateDirectory(str(small_disk.folder / ".orchestra")))
    with closing(store), closing(store.begin_run(BEGAN)) as journal:
        run_id = journal.folder.run_id
        journal.append(opening(run_id))
        small_disk.fill()
        with pytest.raises(StoreError) as caught:
            append_until_full(journal)
        small_disk.free()

        recorded = [envelope.seq for envelope in store.envelopes(run_id)]

    assert caught.value.message in FULL
    assert recorded == list(range(1, len(recorded) + 1))
    assert len(recorded) % 2 == 1


def append_until_full(journal: RunJournal) -> None:
    for seq in range(4, 20_000, 2):
        event = Noted("", "x" * 1000)
        journal.append([Envelope(seq, BEGAN, event), Envelope(seq + 1, BEGAN, event)])
