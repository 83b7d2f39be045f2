"""What runs have yet to tell: there until it is told, for one to tell it, private."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Iterator

import pytest

from orchestra.engine.replay import fold
from orchestra.errors import StoreError
from orchestra.model.events import AlertSent
from orchestra.model.record import AlertRecord
from orchestra.store.awaiting import Awaiting
from orchestra.store.directory import StateDirectory
from orchestra.store.journal import RunJournal
from orchestra.store.sqlite import EarlierRun, RunStore
from tests.store.story import BEGAN, ending, opening, whole

SENT = AlertSent("notify[0]", "failure", "hooks.example.org", True, "")


@pytest.fixture
def journal(store: RunStore) -> Iterator[RunJournal]:
    journal = store.begin_run(BEGAN)
    yield journal
    journal.close()


def test_a_living_run_tells_for_itself(state: StateDirectory, journal: RunJournal):
    awaiting = Awaiting(state)
    awaiting.put(journal.folder.run_id, "x")
    assert awaiting.cut_off() == []


def test_a_dead_run_has_left_what_it_had_to_tell(state: StateDirectory, journal: RunJournal):
    awaiting = Awaiting(state)
    awaiting.put(journal.folder.run_id, "é")
    journal.close()
    assert awaiting.cut_off() == [journal.folder.run_id]
    assert awaiting.read(journal.folder.run_id) == "é"
    awaiting.drop(journal.folder.run_id)
    awaiting.drop(journal.folder.run_id)
    assert (awaiting.cut_off(), awaiting.read(journal.folder.run_id)) == ([], None)


def test_where_no_run_has_anything_to_tell_nothing_is_made(state: StateDirectory):
    assert (Awaiting(state).cut_off(), os.path.exists(state.path)) == ([], False)


def test_one_at_a_time_may_tell(state: StateDirectory, journal: RunJournal):
    awaiting = Awaiting(state)
    awaiting.put(journal.folder.run_id, "x")
    first = awaiting.claim()
    assert first is not None
    assert awaiting.claim() is None
    first.release()
    second = awaiting.claim()
    assert second is not None
    second.release()


def test_files_are_private_whatever_the_umask(state: StateDirectory, journal: RunJournal):
    old = os.umask(0)
    Awaiting(state).put(journal.folder.run_id, "x")
    os.umask(old)
    folder = Path(state.path) / "alerts"
    modes = [stat.S_IMODE(os.stat(path).st_mode) for path in (folder, *folder.iterdir())]
    assert modes == [0o700, 0o600]


def test_nothing_is_written_or_read_through_a_link(
    state: StateDirectory, journal: RunJournal, tmp_path: Path
):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    os.symlink(elsewhere, state.path + "/alerts")
    with pytest.raises(StoreError, match="alerts"):
        Awaiting(state).put(journal.folder.run_id, "x")
    assert Awaiting(state).claim() is None
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("name", ["x.json", "20261122-110846-8000.json.bak", "../runs.db"])
def test_other_files_are_no_runs(state: StateDirectory, journal: RunJournal, name: str):
    folder = Path(state.path) / "alerts"
    folder.mkdir()
    (folder / name.replace("/", "_")).write_text("x")
    assert Awaiting(state).cut_off() == []


@pytest.mark.parametrize(
    "make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/etc/passwd", path)]
)
def test_what_is_no_file_is_not_read(state: StateDirectory, journal: RunJournal, make):
    (Path(state.path) / "alerts").mkdir()
    make("%s/alerts/%s.json" % (state.path, journal.folder.run_id))
    assert Awaiting(state).read(journal.folder.run_id) is None


def test_a_dead_run_takes_the_news_of_its_alert(store: RunStore, journal: RunJournal):
    run_id = journal.folder.run_id
    journal.append(opening(run_id))
    journal.close()
    store.add_after(run_id, [SENT], BEGAN + 60)
    record = fold(store.envelopes(run_id))
    assert record is not None
    assert record.alerts == [AlertRecord(BEGAN + 60, *SENT)]
    assert [envelope.seq for envelope in store.envelopes(run_id)] == [1, 2, 3, 4]


def test_a_run_that_somebody_holds_is_left_alone(store: RunStore, journal: RunJournal):
    run_id = journal.folder.run_id
    journal.append(opening(run_id))
    store.add_after(run_id, [SENT], BEGAN + 60)
    assert len(list(store.envelopes(run_id))) == 3


def test_alerts_after_the_end_leave_the_end_as_it_is(store: RunStore, journal: RunJournal):
    run_id = journal.folder.run_id
    journal.append(whole(run_id, "failed", 1))
    before = store.runs(1)
    journal.close()
    store.add_after(run_id, [SENT], BEGAN + 60)
    assert store.runs(1) == before


def test_earlier_runs_of_a_file_come_newest_first_without_those_after(store: RunStore):
    ids = []
    for number, state in enumerate(["succeeded", "failed", "", "succeeded"]):
        journal = store.begin_run(BEGAN + number)
        ids.append(journal.folder.run_id)
        journal.append(opening(ids[-1], "/w/other.yaml" if number == 3 else "/w/flow.yaml"))
        journal.append(ending(state, 0) if state else [])
        journal.close()
    assert store.earlier("/w/flow.yaml", ids[2], 10) == [
        EarlierRun(ids[1], "failed", 2.0),
        EarlierRun(ids[0], "succeeded", 2.0),
    ]
    assert store.earlier("/w/flow.yaml", ids[3], 1) == [EarlierRun(ids[2], "running", None)]
