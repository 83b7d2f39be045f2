from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import List, Optional

import pytest

from orchestra.errors import StoreError
from orchestra.store.directory import StateDirectory
from orchestra.store.groups import Line, Place

MEMBER = """
import signal, sys
from orchestra.store.directory import StateDirectory
from orchestra.store.groups import Line
signal.signal(signal.SIGTERM, lambda *_: print("asked", flush=True))
place, ahead = Line(StateDirectory(sys.argv[1]), "g").enter(sys.argv[2], None)
print("in line", flush=True)
for line in sys.stdin:
    place.leave()
    print("left", flush=True)
"""


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    state = StateDirectory(str(tmp_path / "state"))
    state.create()
    return state


def member(state: StateDirectory, run_id: str) -> subprocess.Popen[bytes]:
    """A process that stands in the line `g`."""
    process = subprocess.Popen(
        [sys.executable, "-c", MEMBER, state.path, run_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert said(process) == "in line"
    return process


def said(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def ids(place: Optional[Place]) -> List[str]:
    assert place is not None
    return [each.run_id for each in place.ahead()]


def test_runs_stand_in_the_order_in_which_they_came(state: StateDirectory) -> None:
    line = Line(state, "g")
    places = [line.enter("run-%d" % number, None)[0] for number in range(12)]

    assert [ids(place) for place in places] == [
        ["run-%d" % before for before in range(number)] for number in range(12)
    ]


def test_who_leaves_is_not_ahead_any_more(state: StateDirectory) -> None:
    line = Line(state, "g")
    first, _ = line.enter("first", None)
    second, _ = line.enter("second", None)
    assert first is not None

    first.leave()
    first.leave()

    assert ids(second) == []


def test_groups_do_not_know_each_other(state: StateDirectory) -> None:
    held, _ = Line(state, "a").enter("run-a", None)
    other, _ = Line(state, "b").enter("run-b", None)
    assert held is not None

    assert ids(other) == []


def test_where_there_is_no_room_no_place_is_taken(state: StateDirectory) -> None:
    line = Line(state, "g")
    held = [line.enter(run_id, 2)[0] for run_id in ("first", "second")]
    refused, ahead = line.enter("third", 2)

    assert (refused, [each.run_id for each in ahead]) == (None, ["first", "second"])
    assert [each.run_id for _, each in line.living()] == ["first", "second"]
    assert None not in held


def test_a_place_dies_with_its_process_and_its_file_is_swept(state: StateDirectory) -> None:
    holder = member(state, "killed")
    line = Line(state, "g")
    place, ahead = line.enter("next", None)

    kill(holder)

    assert ([each.run_id for each in ahead], ids(place)) == (["killed"], [])
    line.enter("last", None)
    assert [name.partition("-")[2] for name in sorted(os.listdir(state.groups))] == [
        "2-next",
        "3-last",
    ]


def test_a_run_is_asked_to_stop_once(state: StateDirectory) -> None:
    holder = member(state, "held")
    line = Line(state, "g")
    (_, found) = line.living()[0]

    answers = [line.ask_to_stop(found, is_stopping=False) for _ in range(2)]

    assert holder.stdin is not None
    first = said(holder)
    holder.stdin.write(b"leave\n")
    holder.stdin.flush()
    second = said(holder)
    kill(holder)
    assert (answers, first, second) == (["", ""], "asked", "left")


def test_a_run_that_is_stopping_is_not_asked_again(state: StateDirectory) -> None:
    holder = member(state, "held")
    line = Line(state, "g")

    line.ask_to_stop(line.living()[0][1], is_stopping=True)

    assert holder.stdin is not None
    holder.stdin.write(b"leave\n")
    holder.stdin.flush()
    assert said(holder) == "left"
    kill(holder)


def forged(state: StateDirectory, note: str) -> Line:
    """A line whose one place is held here, and says that somebody else holds it."""
    line = Line(state, "g")
    line.held = line.enter("forged", None)  # type: ignore[attr-defined]  # kept alive by it
    Path(line.living()[0][1].path).write_text(note + "\n")
    return line


def test_a_process_that_began_at_another_time_is_never_signalled(state: StateDirectory) -> None:
    bystander = subprocess.Popen(["sleep", "600"])
    host = os.uname().nodename
    line = forged(state, '{"host": "%s", "pid": %d, "start": 1}' % (host, bystander.pid))

    why_not = line.ask_to_stop(line.living()[0][1], is_stopping=False)

    assert (why_not, bystander.poll()) == (
        "its process %d cannot be told from others" % bystander.pid,
        None,
    )
    kill(bystander)


def test_a_run_on_another_machine_is_left_alone(state: StateDirectory) -> None:
    line = forged(state, '{"host": "far.example", "pid": 1, "start": 1}')

    assert line.ask_to_stop(line.living()[0][1], is_stopping=False) == "it runs on far.example"


def test_a_note_that_cannot_be_read_asks_nobody(state: StateDirectory) -> None:
    line = forged(state, "?")

    assert line.ask_to_stop(line.living()[0][1], is_stopping=False) == (
        "it does not say which process it is"
    )


def test_a_link_planted_as_the_folder_is_refused(state: StateDirectory, tmp_path: Path) -> None:
    os.symlink(str(tmp_path), state.groups)

    with pytest.raises(StoreError) as refusal:
        state.check()

    assert refusal.value.message == "it is a symbolic link"


def test_the_folder_and_the_places_are_private(state: StateDirectory) -> None:
    place, _ = Line(state, "g").enter("run", None)

    (name,) = os.listdir(state.groups)
    modes = [os.stat(path).st_mode & 0o777 for path in (state.groups, state.groups + "/" + name)]
    assert (modes, ids(place)) == ([0o700, 0o600], [])
