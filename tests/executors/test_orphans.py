"""Whose the children are that nobody here has started."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple

import pytest

from orchestra.executors.orphans import Children, Orphans
from orchestra.executors.proc import Proc
from orchestra.model.errand import ELSEWHERE
from orchestra.model.run import AttemptKey, Invocation
from tests.executors.workbench import state_of

FIRST, SECOND, GONE = AttemptKey("a", 1), AttemptKey("b", 2), AttemptKey("gone", 1)

Sleeper = Callable[..., int]


class Attempt(NamedTuple):
    key: AttemptKey
    pid: int
    invocation: Invocation


def marks(key: AttemptKey, run_id: str = "run") -> Dict[bytes, bytes]:
    return {
        b"ORCHESTRA_RUN_ID": run_id.encode(),
        b"ORCHESTRA_STEP": key.step.encode(),
        b"ORCHESTRA_ATTEMPT": b"%d" % key.number,
    }


def attempt(key: AttemptKey, pid: int = 1) -> Attempt:
    return Attempt(key, pid, Invocation((b"x",), marks(key), "/", "/dev/null"))


@pytest.fixture
def orphans() -> Iterator[Orphans]:
    children = Children(Proc())
    yield Orphans("run", children, Proc())
    children.close()


@pytest.fixture
def sleeper(orphans: Orphans) -> Iterator[Sleeper]:
    """Makes children of this process, each in its own session unless told otherwise."""
    pids: List[int] = []

    def start(env: Dict[bytes, bytes], own_session: bool = True) -> int:
        pids.append(os.posix_spawn("/bin/sleep", ["sleep", "1000"], env, setsid=own_session))
        # The kernel lets us go on before the new program has its environment.
        while state_of(pids[-1]) != "S":
            pass
        return pids[-1]

    yield start
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_an_orphan_belongs_to_the_attempt_that_its_marks_name(
    orphans: Orphans, sleeper: Sleeper
) -> None:
    pid = sleeper(marks(SECOND))

    orphans.look([], [attempt(FIRST), attempt(SECOND)])

    assert orphans.left_by(SECOND) == [pid]
    assert (orphans.doomed([SECOND]), orphans.doomed([FIRST])) == ([], [pid])


def test_an_orphan_of_an_attempt_that_has_gone_is_doomed(
    orphans: Orphans, sleeper: Sleeper
) -> None:
    pid = sleeper(marks(GONE))

    orphans.look([], [attempt(FIRST)])

    assert orphans.doomed([FIRST]) == [pid]


def test_the_session_counts_more_than_the_marks(orphans: Orphans, sleeper: Sleeper) -> None:
    pid = sleeper(marks(GONE))

    orphans.look([], [attempt(FIRST, pid), attempt(SECOND)])

    assert orphans.left_by(FIRST) == [pid]


@pytest.mark.parametrize(
    "env", [{}, {b"HOME": b"/"}, marks(FIRST, "another run")], ids=["empty", "unmarked", "foreign"]
)
def test_an_orphan_that_names_nobody_serves_all_who_ran_when_it_was_seen(
    orphans: Orphans, sleeper: Sleeper, env: Dict[bytes, bytes]
) -> None:
    pid = sleeper(env)

    orphans.look([], [attempt(FIRST), attempt(SECOND)])
    orphans.look([], [attempt(SECOND), attempt(GONE)])

    assert (orphans.doomed([FIRST]), orphans.doomed([SECOND])) == ([], [])
    assert (orphans.doomed([GONE]), orphans.left_by(SECOND)) == ([pid], [])


def test_what_an_engine_of_the_run_has_started_is_left_to_it_while_there_is_one(
    orphans: Orphans, sleeper: Sleeper
) -> None:
    pid = sleeper({**marks(GONE), ELSEWHERE: b"run"})

    orphans.look([], [])
    found = orphans.doomed([])
    orphans.disown()
    orphans.look([], [])

    assert (found, orphans.doomed([])) == ([], [pid])


def test_what_an_engine_of_another_run_has_started_is_like_all_others(
    orphans: Orphans, sleeper: Sleeper
) -> None:
    pid = sleeper({**marks(GONE), ELSEWHERE: b"another run"})

    orphans.look([], [])

    assert orphans.doomed([]) == [pid]


def test_what_is_in_our_own_session_is_no_orphan(orphans: Orphans, sleeper: Sleeper) -> None:
    sleeper(marks(FIRST), own_session=False)

    orphans.look([], [attempt(FIRST)])

    assert orphans.owners_by_pid == {}


def test_what_was_started_here_is_no_orphan(orphans: Orphans, sleeper: Sleeper) -> None:
    started, orphan = sleeper(marks(FIRST)), sleeper(marks(FIRST))

    orphans.look([started], [attempt(FIRST)])

    assert orphans.owners_by_pid == {orphan: frozenset((FIRST,))}


def test_what_was_there_before_is_no_orphan(sleeper: Sleeper) -> None:
    sleeper(marks(FIRST))
    children = Children(Proc())
    orphans = Orphans("run", children, Proc())

    orphans.look([], [attempt(FIRST)])

    children.close()
    assert orphans.owners_by_pid == {}


def test_an_orphan_that_has_been_reaped_is_forgotten(orphans: Orphans) -> None:
    pid = os.posix_spawn("/bin/sleep", ["sleep", "1000"], marks(FIRST), setsid=True)
    orphans.look([], [attempt(FIRST)])
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

    orphans.look([], [attempt(FIRST)])

    assert orphans.owners_by_pid == {}


def test_a_long_list_of_children_is_read_to_its_end(tmp_path: Path) -> None:
    pids = list(range(1_000_000, 1_010_000))
    listing = tmp_path / "self" / "task" / str(os.getpid()) / "children"
    listing.parent.mkdir(parents=True)
    listing.write_text("".join("%d " % pid for pid in pids))
    children = Children(Proc(str(tmp_path)))

    found = (children.count(), children.pids())

    children.close()
    assert found == (10_000, pids)


def test_without_the_list_all_processes_are_looked_through(tmp_path: Path) -> None:
    parents = {"11": os.getpid(), "12": 1, "13": os.getpid(), "14": os.getpid() + 1}
    for name, parent in parents.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "stat").write_text("%s (a) S 1 (b) S %d 1 1" % (name, parent))
    (tmp_path / "15").mkdir()
    (tmp_path / "version").write_text("")
    children = Children(Proc(str(tmp_path)))

    assert (children.cheap, children.count(), sorted(children.pids())) == (False, 2, [11, 13])


def test_where_there_is_no_list_of_processes_no_child_is_seen(tmp_path: Path) -> None:
    children = Children(Proc(str(tmp_path / "nothing")))

    assert (children.cheap, children.pids()) == (False, [])


def test_what_an_engine_has_on_this_machine_is_left_alone(
    orphans: Orphans, sleeper: Sleeper
) -> None:
    sleeper({**marks(FIRST), ELSEWHERE: b"run"})
    others = sleeper({**marks(GONE), ELSEWHERE: b"another"})

    orphans.look([], [])

    assert orphans.doomed([]) == [others]
