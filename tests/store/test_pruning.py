from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import pytest

from orchestra.errors import StoreDamaged, StoreError, UsageError
from orchestra.model.events import (
    AlertSent,
    ArtifactsKept,
    CacheMissed,
    Envelope,
    Event,
    RunFinished,
    StepEnded,
    SuccessKept,
)
from orchestra.model.run import KeptFile, RunState
from orchestra.model.selection import Wanted
from orchestra.store import locks
from orchestra.store.awaiting import Awaiting
from orchestra.store.cache import KeptSuccesses
from orchestra.store.directory import StateDirectory
from orchestra.store.journal import RunJournal
from orchestra.store.pruning import ENDING, Pruning, Rule
from orchestra.store.sqlite import RunStore
from tests.store.conftest import NOBODY, SmallDisk
from tests.store.story import BEGAN, ending, launched, opening, started

DAY = 86400.0
NOW = BEGAN + 100 * DAY
ALL = Rule(keep=0)

DYING = (
    """
import os, sys
from orchestra.store.directory import StateDirectory
from orchestra.store.pruning import Pruning, Rule
from orchestra.store.sqlite import RunStore

left = int(sys.argv[2])

def die_at_last(event, arguments):
    global left
    left -= event in ("os.rename", "os.remove", "os.rmdir", "sqlite3.connect")
    if not left:
        os._exit(9)

sys.addaudithook(die_at_last)
list(Pruning(RunStore(StateDirectory(sys.argv[1])), Rule(keep=1), %r).remove())
"""
    % NOW
)


def run(store: RunStore, days_ago: float, log_bytes: int = 5) -> str:
    """The id of a run that ended so many days before NOW, having written a log."""
    with closing(store.begin_run(NOW - days_ago * DAY - 2.0)) as journal:
        append(journal, days_ago, [*opening(journal.folder.run_id), *launched()])
        Path(journal.folder.logs, "a.1.log").write_bytes(bytes(log_bytes))
        append(journal, days_ago, ending("succeeded", 0))
    return journal.folder.run_id


def append(journal: RunJournal, days_ago: float, envelopes: Sequence[Envelope]) -> None:
    journal.append([each._replace(at=each.at - BEGAN + NOW - days_ago * DAY) for each in envelopes])


def cut_off(store: RunStore, days_ago: float) -> str:
    """The id of a run whose orchestrator died so many days before NOW."""
    with closing(store.begin_run(NOW - days_ago * DAY)) as journal:
        append(journal, days_ago, opening(journal.folder.run_id))
    return journal.folder.run_id


def living(store: RunStore, days_ago: float) -> RunJournal:
    """A run that goes on."""
    journal = store.begin_run(NOW - days_ago * DAY)
    append(journal, days_ago, opening(journal.folder.run_id))
    return journal


def caching(store: RunStore, turns: Sequence[Sequence[Event]]) -> str:
    """The id of a run of these turns."""
    with closing(store.begin_run(BEGAN)) as journal:
        run_id, seq = journal.folder.run_id, 0
        for turn in ([started(run_id)], *turns, [RunFinished("succeeded", 0, "")]):
            journal.append([Envelope(seq + n, BEGAN, event) for n, event in enumerate(turn, 1)])
            seq += len(turn)
    return run_id


def kept(step: str, fingerprint: str) -> List[Event]:
    """The end of a step whose success is kept, as one turn has it."""
    success = SuccessKept(step, fingerprint, {"key": "1"}, {"out": "d"})
    return [success, StepEnded(step, "succeeded", "", {"of": fingerprint})]


def prune(store: RunStore, rule: Rule) -> List[str]:
    """Remove what the rule means; the ids of what went."""
    pruning = Pruning(store, rule, NOW)
    gone = [each.run_id for each in pruning.remove()]
    assert pruning.faults == []
    return gone


def rows(store: RunStore) -> Dict[str, int]:
    """How many rows there are in each table that tells of runs."""
    store.close()
    with closing(sqlite3.connect(store.state.database)) as connection:
        return {
            table: connection.execute("SELECT count(*) FROM %s" % table).fetchone()[0]
            for table in ("runs", "turns", "successes", "expiries")
        }


def listed(store: RunStore) -> List[str]:
    return [row.run_id for row in store.runs(-1)]


def snapshot(folder: str) -> Dict[str, Tuple[int, Any]]:
    """Every file and folder with its mode and content, but for what readers of SQLite leave."""
    return {
        str(path): (path.lstat().st_mode, path.read_bytes() if path.is_file() else None)
        for path in Path(folder).rglob("*")
        if not path.name.endswith(("-wal", "-shm"))
    }


# Which runs go


def test_the_newest_are_kept_by_count(store: RunStore) -> None:
    ids = [run(store, 5 - n) for n in range(5)]

    gone = prune(store, Rule(keep=2))

    assert (gone, listed(store)) == (ids[:3], ids[:2:-1])
    assert store.state.run_ids() == ids[3:]


def test_the_young_are_kept_by_age_counted_from_their_end(store: RunStore) -> None:
    ids = [run(store, days) for days in (9, 3.01, 2.99, 1)]

    gone = prune(store, Rule(age_s=3 * DAY))

    assert (gone, listed(store)) == (ids[:2], ids[:1:-1])


def test_what_is_old_by_either_count_or_age_goes(store: RunStore) -> None:
    ids = [run(store, days) for days in (9, 8, 2, 1)]

    assert prune(store, Rule(keep=3, age_s=8.5 * DAY)) == ids[:1]
    assert prune(store, Rule(keep=1, age_s=8.5 * DAY)) == ids[1:3]
    assert prune(store, Rule(keep=9, age_s=1.5 * DAY)) == []


def test_what_went_is_told_with_its_age_and_size(store: RunStore) -> None:
    run_id = run(store, 3)
    cut_off(store, 2)

    (whole, cut) = Pruning(store, ALL._replace(cut_off=True), NOW).remove()

    assert (cut.state, whole.run_id, whole.workflow) == (RunState.RUNNING, run_id, "flow")
    assert (whole.state, round(whole.age_s), round(cut.age_s)) == (
        RunState.SUCCEEDED,
        3 * DAY - 2,
        2 * DAY,
    )
    assert 5 <= whole.freed_bytes < 100_000


def test_a_run_that_goes_on_is_kept_and_counted(store: RunStore) -> None:
    journal = living(store, 9)
    old = run(store, 8)
    pruning = Pruning(store, ALL._replace(age_s=DAY, cut_off=True), NOW)

    gone = [each.run_id for each in pruning.remove()]

    journal.append(launched())
    journal.close()
    assert (gone, pruning.living, pruning.cut_off) == ([old], 1, 0)
    assert listed(store) == [journal.folder.run_id]


def test_a_run_that_was_cut_off_is_kept_unless_asked_for(store: RunStore) -> None:
    run_id = cut_off(store, 9)
    pruning = Pruning(store, ALL, NOW)

    gone = list(pruning.remove())

    assert (gone, pruning.living, pruning.cut_off) == ([], 0, 1)
    assert (listed(store), store.state.run_ids()) == ([run_id], [run_id])
    assert prune(store, ALL._replace(cut_off=True)) == [run_id]


def test_a_folder_without_a_record_goes_by_age_alone(store: RunStore) -> None:
    run(store, 1)
    old = store.state.new_run(NOW - 9 * DAY).run_id
    store.state.new_run(NOW - 1)
    (Path(store.state.runs) / "my notes").mkdir()
    (Path(store.state.runs) / "20269999-999999-0000").mkdir()

    assert prune(store, Rule(keep=1)) == []
    assert prune(store, Rule(age_s=0.0, keep=9))[:1] == [old]
    assert len(store.state.run_ids()) == 3  # the notes, what is no date, and what begins right now


def test_a_run_that_waits_and_has_no_record_yet_is_kept(store: RunStore) -> None:
    run(store, 1)
    waiting = store.begin_run(NOW - 9 * DAY)
    pruning = Pruning(store, Rule(age_s=5 * DAY), NOW)

    gone = list(pruning.remove())

    waiting.close()
    assert (gone, pruning.living) == ([], 1)
    assert os.path.isdir(waiting.folder.logs)


def test_looking_changes_nothing_and_tells_what_would_go(store: RunStore) -> None:
    ids = [run(store, 9), cut_off(store, 8), run(store, 7)]
    folder = store.state.new_run(NOW - 9 * DAY).run_id
    os.rename(store.state.run(ids[2]).path, store.state.run(ids[2]).path + ENDING)
    before = snapshot(store.state.path)

    found = Pruning(store, Rule(0, 0.0, True), NOW).look()

    store.close()
    assert snapshot(store.state.path) == before
    removed = list(Pruning(store, Rule(0, 0.0, True), NOW).remove())
    assert found == removed
    assert {each.run_id for each in found} == {*ids, folder}


def test_where_there_are_no_runs_nothing_is_made(tmp_path: Path) -> None:
    store = RunStore(StateDirectory(str(tmp_path / "state")))

    assert prune(store, ALL) == []
    assert os.listdir(str(tmp_path)) == []


def test_where_nothing_is_old_nothing_is_changed(store: RunStore) -> None:
    run(store, 1)
    os.unlink(store.state.lock)
    before = snapshot(store.state.path)

    assert prune(store, Rule(keep=1)) == []
    assert snapshot(store.state.path) == before


def test_a_record_that_is_missing_beside_runs_is_damage_and_no_run_goes(store: RunStore) -> None:
    run_id = run(store, 9)
    os.unlink(store.state.database)

    with pytest.raises(StoreDamaged):
        prune(store, Rule(age_s=1.0))

    assert store.state.run_ids() == [run_id]


def test_a_state_that_nobody_knows_is_damage(store: RunStore) -> None:
    run(store, 9)
    with closing(sqlite3.connect(store.state.database)) as connection, connection:
        connection.execute("UPDATE runs SET state = 'melted'")

    with pytest.raises(StoreDamaged):
        prune(store, ALL)


# What goes with them


def test_nothing_is_left_of_a_run_without_a_success(store: RunStore) -> None:
    run_id = caching(store, [[CacheMissed("a", "f", "new")]])
    with closing(store.begin_run(BEGAN)) as journal:
        file = KeptFile("artifacts/a/x", 1, "00")
        journal.append(opening(journal.folder.run_id))
        journal.append([Envelope(4, BEGAN, ArtifactsKept("a", 1, (file,), 10**9))])
        journal.append(ending("succeeded", 0))
    Awaiting(store.state).put(run_id, "{}")

    prune(store, ALL)

    assert rows(store) == {"runs": 0, "turns": 0, "successes": 0, "expiries": 0}
    assert (store.state.run_ids(), Awaiting(store.state).cut_off()) == ([], [])
    assert sorted(os.listdir(store.state.path)) == [
        ".gitignore",
        "alerts",
        "runs",
        "runs.db",
        "runs.lock",
    ]


def test_successes_that_stand_go_on_counting_and_nothing_else_is_kept(store: RunStore) -> None:
    run_id = caching(store, [kept("a", "f"), kept("b", "f"), [StepEnded("c", "succeeded", "", {})]])
    caching(store, [[CacheMissed("b", "f", "--force")]])
    before = KeptSuccesses(store, "/w").success("a", "f")

    prune(store, ALL)

    successes = KeptSuccesses(store, "/w")
    assert before is not None
    assert (successes.success("a", "f"), successes.last_success("a")) == (before, before)
    assert (successes.success("b", "f"), successes.last_success("b")) == (None, None)
    assert rows(store) == {"runs": 1, "turns": 1, "successes": 1, "expiries": 0}
    assert before.run_id == run_id


def test_a_run_that_is_kept_for_its_successes_is_hidden(store: RunStore) -> None:
    run_id = caching(store, [kept("a", "f")])
    prune(store, ALL)
    later = run(store, 0)

    found = store.latest_outputs("/w/flow.yaml", {"a": Wanted(frozenset({"of"}), "b", "a")})
    earlier = store.earlier("/w/flow.yaml", later, 10)
    with pytest.raises(UsageError) as refusal:
        store.find(run_id, "/w")

    assert (listed(store), found, earlier) == ([later], {}, [])
    assert store.find("flow.yaml", "/w") == store.find("20", "/w") == later
    assert refusal.value.hint == "the latest are " + later
    assert prune(store, ALL) == [later]


def test_what_is_kept_goes_when_its_success_stands_no_longer(store: RunStore) -> None:
    caching(store, [kept("a", "f")])
    prune(store, ALL)
    caching(store, [[CacheMissed("a", "f", "--force")]])

    prune(store, Rule(keep=9))

    assert rows(store)["runs"] == 1
    prune(store, ALL)
    assert rows(store) == {"runs": 0, "turns": 0, "successes": 0, "expiries": 0}


def test_a_run_that_takes_the_number_of_a_removed_one_has_its_own_events(store: RunStore) -> None:
    run(store, 9)
    prune(store, ALL)

    run_id = run(store, 1)

    assert [event.seq for event in store.envelopes(run_id)] == [1, 2, 3, 4, 5, 6, 7]


def test_the_id_of_a_removed_run_is_not_given_again_while_its_successes_count(
    store: RunStore,
) -> None:
    run_id = caching(store, [kept("a", "f")])
    prune(store, ALL)

    assert caching(store, []) != run_id


def test_what_is_learned_of_a_removed_run_is_not_recorded(store: RunStore) -> None:
    run_id = caching(store, [kept("a", "f")])
    prune(store, ALL)
    before = rows(store)

    store.add_after(run_id, [AlertSent("mail", "failure", "x", True, "")], NOW)

    assert (rows(store), store.state.run_ids()) == (before, [])


# What stands in the way


def test_links_in_a_run_are_not_followed(store: RunStore, tmp_path: Path) -> None:
    folder = store.state.run(run(store, 9))
    other = store.state.run(run(store, 8))
    for name in ("mine/logs", "other"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "precious").touch()
    os.symlink(str(tmp_path / "mine"), folder.path + "/link")
    os.symlink(str(tmp_path / "mine/logs/precious"), folder.logs + "/file")
    os.rename(other.path, str(tmp_path / "moved"))
    os.symlink(str(tmp_path / "other"), other.path)

    gone = prune(store, ALL)

    assert gone == [folder.run_id, other.run_id]
    assert (tmp_path / "mine/logs/precious").exists()
    assert os.listdir(str(tmp_path / "other")) == ["precious"]
    assert store.state.run_ids() == []


def test_a_link_in_place_of_the_lock_keeps_the_run_and_is_told(
    store: RunStore, tmp_path: Path
) -> None:
    folder, other = store.state.run(run(store, 9)), run(store, 8)
    os.unlink(folder.lock)
    os.symlink(str(tmp_path / "outside"), folder.lock)
    pruning = Pruning(store, ALL, NOW)

    gone = [each.run_id for each in pruning.remove()]

    (fault,) = pruning.faults
    assert (gone, listed(store)) == ([other], [folder.run_id])
    assert (fault.path, fault.message) == (
        folder.path,
        "it could not be removed: Too many levels of symbolic links",
    )
    assert not (tmp_path / "outside").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a folder that is another user's")
def test_what_cannot_be_removed_is_told_and_tried_again(ordinary_user: Path) -> None:
    with closing(RunStore(StateDirectory(str(ordinary_user / ".orchestra")))) as store:
        folder = store.state.run(run(store, 9))
        os.mkdir(folder.path + "/foreign")
        Path(folder.path, "foreign/x").touch()
        os.seteuid(0)
        os.chown(folder.path + "/foreign", 0, 0)
        os.seteuid(NOBODY)
        pruning = Pruning(store, ALL, NOW)

        gone = [each.run_id for each in pruning.remove()]

        (fault,) = pruning.faults
        again = Pruning(store, Rule(keep=9), NOW)
        assert (list(again.remove()), len(again.faults)) == ([], 1)
        assert (gone, listed(store)) == ([folder.run_id], [])
        assert (fault.path, fault.message) == (
            folder.path + ENDING,
            "not all in it could be removed: Operation not permitted",
        )


def test_a_full_disk_can_be_pruned(small_disk: SmallDisk) -> None:
    if not os.path.ismount(small_disk.folder):
        pytest.skip("no disk can be made small here")
    with closing(RunStore(StateDirectory(str(small_disk.folder / ".orchestra")))) as store:
        ids = [run(store, days, 20_000) for days in range(9, 0, -1)]
        store.close()
        small_disk.fill()

        gone = prune(store, Rule(keep=1))

        assert (gone, listed(store)) == (ids[:-1], ids[-1:])
        assert rows(store)["runs"] == 1


def test_two_do_not_remove_at_the_same_time(store: RunStore) -> None:
    run_id = run(store, 9)
    other = locks.acquire(store.state.lock)
    assert other is not None

    with pytest.raises(StoreError) as refusal:
        list(Pruning(store, ALL, NOW, patience_s=0.0).remove())

    other.release()
    assert (refusal.value.message, listed(store)) == ("another program keeps it locked", [run_id])


# What is left by who dies over it


def test_a_run_whose_folder_is_gone_already_goes(store: RunStore) -> None:
    ids = [run(store, days) for days in (3, 2, 1)]
    shutil.rmtree(store.state.run(ids[0]).path)

    assert prune(store, Rule(keep=1)) == ids[:2]
    assert (listed(store), rows(store)["turns"]) == (ids[2:], 2)


@pytest.mark.parametrize("cut", [False, True])
def test_a_run_that_was_begun_to_be_removed_goes_whatever_is_asked(
    store: RunStore, cut: bool
) -> None:
    begun = cut_off(store, 2) if cut else run(store, 2)
    newest = run(store, 1)
    folder = store.state.run(begun)
    os.rename(folder.path, folder.path + ENDING)

    assert prune(store, Rule(keep=1)) == [begun]
    assert (listed(store), store.state.run_ids()) == ([newest], [newest])


def test_a_folder_that_was_left_when_its_rows_were_gone_goes(store: RunStore) -> None:
    newest = run(store, 1)
    left = store.state.new_run(NOW - 5.0)
    os.rename(left.path, left.path + ENDING)

    assert prune(store, Rule(keep=1)) == [left.run_id]
    assert store.state.run_ids() == [newest]


@pytest.mark.parametrize("step", range(1, 27))
def test_whatever_kills_it_the_next_one_goes_on_there(store: RunStore, step: int) -> None:
    ids = [cut_off(store, 4), *(run(store, days) for days in (3, 2, 1))]
    command = [sys.executable, "-c", DYING, store.state.path, str(step)]

    died = subprocess.run(command, check=False).returncode

    begun = [name for name in store.state.run_ids() if name.endswith(ENDING)]
    told = prune(store, Rule(keep=3))
    assert died in (0, 9)
    assert [name + ENDING for name in told] == begun
    prune(store, Rule(keep=1, cut_off=True))
    assert (listed(store), store.state.run_ids()) == (ids[3:], ids[3:])
    assert rows(store) == {"runs": 1, "turns": 2, "successes": 0, "expiries": 0}


def test_the_last_of_these_deaths_comes_after_all_is_done(store: RunStore) -> None:
    ids = [run(store, days) for days in (3, 2, 1)]
    command = [sys.executable, "-c", DYING, store.state.path, "27"]

    died = subprocess.run(command, check=False).returncode

    assert (died, listed(store), store.state.run_ids()) == (0, ids[2:], ids[2:])


def test_runs_begin_and_end_while_others_are_removed(store: RunStore) -> None:
    old = [run(store, 9) for _ in range(20)]
    journal = living(store, 1)
    removing = Pruning(store, Rule(age_s=5 * DAY), NOW).remove()
    first = next(removing)

    journal.append(launched())
    new = run(store, 1)
    journal.close()

    gone = [first.run_id, *(each.run_id for each in removing)]
    assert (gone, listed(store)) == (old, [new, journal.folder.run_id])


def test_a_run_that_somebody_takes_up_meanwhile_is_kept(store: RunStore) -> None:
    ids = [cut_off(store, days) for days in (9, 8, 7)]
    removing = Pruning(store, Rule(keep=0, cut_off=True), NOW).remove()
    next(removing)

    resumed = locks.acquire(store.state.run(ids[1]).lock)
    with closing(sqlite3.connect(store.state.database)) as connection, connection:
        connection.execute("UPDATE runs SET state = 'succeeded' WHERE run_id = ?", (ids[2],))

    assert list(removing) == []
    assert (listed(store), resumed is not None) == (ids[:0:-1], True)
