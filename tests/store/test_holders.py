from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Iterator, Optional

import pytest

from orchestra.store import holders, locks
from orchestra.store.holders import Holder
from orchestra.store.sqlite import RunStore
from tests.store.conftest import NOBODY, SmallDisk
from tests.store.story import BEGAN

HERE = os.uname().nodename
HOLDER = """
import os, signal, sys
from orchestra.store import holders
os.setuid(int(sys.argv[2]))
signal.signal(signal.SIGTERM, lambda *_: print("asked", flush=True))
lock = holders.hold(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
lock.release()
print("released", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "lock")


@pytest.fixture
def holding(path: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock, and lets it go when it is told a line."""
    process = start(path)
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def start(path: str, user: Optional[int] = None) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path, str(os.getuid() if user is None else user)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert said(process) == "held"
    return process


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go on\n")
    process.stdin.flush()


def start_of(pid: int) -> int:
    return int(Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()[19])


def read(path: str) -> Holder:
    holder = holders.read(path)
    assert holder is not None
    return holder


def test_who_holds_a_lock_can_be_read_in_its_file(
    path: str, holding: subprocess.Popen[str]
) -> None:
    assert read(path) == Holder(HERE, holding.pid, start_of(holding.pid))
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_what_another_holds_is_not_held_and_keeps_its_note(
    path: str, holding: subprocess.Popen[str]
) -> None:
    assert (holders.hold(path), read(path).pid) == (None, holding.pid)


def test_a_note_takes_the_place_of_an_older_and_longer_one(path: str) -> None:
    Path(path).write_text('{"host": "%s", "pid": 1, "start": 1}\nasked to stop\n' % ("far" * 99))

    lock = holders.hold(path)

    assert lock is not None
    lock.release()
    assert read(path) == Holder(HERE, os.getpid(), start_of(os.getpid()))


def test_a_lock_whose_note_cannot_be_written_is_not_held(small_disk: SmallDisk) -> None:
    path = str(small_disk.folder / "lock")
    Path(path).touch()
    small_disk.fill()

    with pytest.raises(OSError, match="No space left"):
        holders.hold(path)

    held = locks.is_held(path)
    small_disk.free()
    assert not held


@pytest.mark.parametrize(
    "note",
    [
        "",
        "?",
        "5",
        "[]",
        "{}",
        "[" * 4000,
        '"\\ud800"',
        '{"host": "h", "pid": 0, "start": 1}',
        '{"host": "h", "pid": -1, "start": 0}',
        '{"host": "h", "pid": true, "start": 0}',
        '{"host": "h", "pid": 1e400, "start": 0}',
        '{"host": "h", "pid": 4294967297, "start": 0}',
        '{"host": "h", "pid": "1", "start": 0}',
        '{"host": ["h"], "pid": 1, "start": 0}',
        '{"host": "h", "pid": 1, "start": null}',
        '{"host": "h", "pid": 1}',
    ],
)
def test_a_note_that_names_no_process_is_none(path: str, note: str) -> None:
    Path(path).write_text(note + "\n")

    assert holders.read(path) is None


def test_only_a_plain_file_has_a_note(path: str, tmp_path: Path) -> None:
    Path(path).write_text('{"host": "h", "pid": 1, "start": 1}\n')
    os.symlink(path, str(tmp_path / "link"))
    os.mkfifo(str(tmp_path / "fifo"))

    names = ("link", "fifo", "missing", ".")
    assert [holders.read(str(tmp_path / name)) for name in names] == [None] * 4


def test_the_holder_gets_one_signal(path: str, holding: subprocess.Popen[str]) -> None:
    why_not = holders.terminate(path, read(path))

    told = said(holding)
    tell(holding)
    assert (why_not, told, said(holding)) == ("", "asked", "released")


def test_a_holder_that_is_halted_is_woken_up_to_its_signal(
    path: str, holding: subprocess.Popen[str]
) -> None:
    holding.send_signal(signal.SIGSTOP)
    while Path("/proc/%d/stat" % holding.pid).read_text().rpartition(")")[2].split()[0] != "T":
        time.sleep(0.01)

    holders.terminate(path, read(path))

    assert said(holding) == "asked"


def test_who_has_given_the_lock_back_gets_no_signal(
    path: str, holding: subprocess.Popen[str]
) -> None:
    holder = read(path)
    tell(holding)
    assert said(holding) == "released"

    why_not = holders.terminate(path, holder)

    tell(holding)
    assert (why_not, holding.communicate()[0]) == ("", "")


def test_a_process_that_began_at_another_time_is_never_signalled(
    path: str, holding: subprocess.Popen[str], bystander: subprocess.Popen[bytes]
) -> None:
    forged = Holder(HERE, bystander.pid, start_of(bystander.pid) - 1)

    why_not = holders.terminate(path, forged)

    assert why_not == "its process %d cannot be told from others" % bystander.pid
    assert bystander.poll() is None


def test_a_process_that_has_not_the_locked_file_open_is_never_signalled(
    path: str, holding: subprocess.Popen[str], bystander: subprocess.Popen[bytes]
) -> None:
    forged = Holder(HERE, bystander.pid, start_of(bystander.pid))

    why_not = holders.terminate(path, forged)

    assert why_not == "its process %d cannot be told from others" % bystander.pid
    assert bystander.poll() is None


def test_a_process_whose_lock_nobody_holds_is_never_signalled(
    path: str, bystander: subprocess.Popen[bytes]
) -> None:
    forged = Holder(HERE, bystander.pid, start_of(bystander.pid))
    Path(path).touch()

    assert (holders.terminate(path, forged), bystander.poll()) == ("", None)


def test_a_process_on_another_machine_is_never_signalled(
    path: str, holding: subprocess.Popen[str], bystander: subprocess.Popen[bytes]
) -> None:
    forged = Holder("far\x1b[2J", bystander.pid, start_of(bystander.pid))

    assert (holders.terminate(path, forged), bystander.poll()) == ("it runs on far\\e[2J", None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_the_process_of_another_user_is_left_alone(ordinary_user: Path) -> None:
    path = str(ordinary_user / "lock")
    Path(path).touch()
    os.chmod(path, 0o666)
    os.chmod(ordinary_user, 0o777)
    os.seteuid(0)
    other = start(path, NOBODY - 1)
    os.seteuid(NOBODY)

    why_not = holders.terminate(path, read(path))

    os.seteuid(0)
    other.kill()
    other.communicate()
    assert why_not == "its process %d is another user's" % other.pid


def test_the_lock_of_a_run_names_its_orchestrator(store: RunStore) -> None:
    with closing(store.begin_run(BEGAN)) as journal:
        path = journal.folder.lock

        assert read(path) == Holder(HERE, os.getpid(), start_of(os.getpid()))
        assert os.stat(path).st_mode & 0o777 == 0o600
