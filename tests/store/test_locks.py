from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import List

import pytest

from orchestra.store import locks

HOLDER = """
import sys
from orchestra.store import locks
lock = locks.acquire(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""
REMOVER = """
import os, sys
from orchestra.store import locks
lock = locks.acquire(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
os.unlink(sys.argv[1])
lock.release()
"""
WAITER = """
import sys
from orchestra.store import locks
print("waiting", flush=True)
lock = locks.acquire(sys.argv[1], 60)
print(locks.is_held(sys.argv[1]), flush=True)
"""
HELD_UP = """
import fcntl, sys
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_SH)
print("asking", flush=True)
sys.stdin.readline()
"""
ACQUIRER = """
import sys
from orchestra.store import locks
print("acquiring", flush=True)
print(locks.acquire(sys.argv[1]) is not None, flush=True)
"""
ASKER = """
import sys
from orchestra.store import locks
print("asking", flush=True)
while True:
    locks.is_held(sys.argv[1])
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "lock")


def start(script: str, path: str) -> subprocess.Popen[bytes]:
    """A process that runs the script and has said its first line."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def until_waits_for(pid: int, path: str) -> None:
    """Wait until a process has the file open."""
    while path not in open_files(pid):
        time.sleep(0.01)


def open_files(pid: int) -> List[str]:
    """What a process has open now."""
    found = []
    for link in Path("/proc/%d/fd" % pid).iterdir():
        with contextlib.suppress(FileNotFoundError):  # it has closed it meanwhile
            found.append(os.readlink(link))
    return found


def acquire_and_release(path: str) -> bool:
    lock = locks.acquire(path)
    if lock is None:
        return False
    lock.release()
    return True


def test_a_lock_is_held_by_one(path: str) -> None:
    lock = locks.acquire(path)

    assert locks.acquire(path, patience_s=0) is None
    assert locks.is_held(path)
    assert lock is not None
    lock.release()


def test_a_released_lock_can_be_acquired_again(path: str) -> None:
    lock = locks.acquire(path)
    assert lock is not None
    lock.release()
    lock.release()

    again = locks.acquire(path, patience_s=0)

    assert again is not None
    again.release()


def test_where_there_is_no_file_nothing_is_held(path: str) -> None:
    assert not locks.is_held(path)


def test_a_lock_dies_with_its_process(path: str) -> None:
    holder = start(HOLDER, path)
    held_before = locks.is_held(path)

    end(holder)

    assert (held_before, locks.is_held(path)) == (True, False)


def test_a_child_that_lives_on_does_not_keep_the_lock(path: str) -> None:
    lock = locks.acquire(path)
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False)
    assert lock is not None
    lock.release()

    held = locks.is_held(path)

    child.communicate()
    assert not held


def test_asking_never_makes_an_acquirer_fail(path: str) -> None:
    asker = start(ASKER, path)

    got = [acquire_and_release(path) for _ in range(500)]

    end(asker)
    assert got == [True] * 500


def test_who_asks_and_is_held_up_meanwhile_makes_no_acquirer_fail(path: str) -> None:
    asker = start(HELD_UP, path)
    acquirer = start(ACQUIRER, path)
    until_waits_for(acquirer.pid, path)

    time.sleep(0.3)  # longer than a lock is waited for that another holds
    asker.communicate(b"go on\n")

    assert acquirer.communicate(timeout=180)[0] == b"True\n"


def test_who_waits_for_a_lock_whose_file_is_removed_holds_the_new_one(path: str) -> None:
    holder = start(REMOVER, path)
    waiter = start(WAITER, path)
    until_waits_for(waiter.pid, path)

    holder.communicate(b"remove\n")

    assert waiter.communicate(timeout=180)[0] == b"True\n"


def test_a_lock_whose_folder_is_gone_cannot_be_taken(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        locks.acquire(str(tmp_path / "gone" / "lock"))


def test_a_link_planted_as_the_lock_is_refused(path: str, tmp_path: Path) -> None:
    os.symlink(str(tmp_path / "outside"), path)

    with pytest.raises(OSError, match="symbolic links"):
        locks.acquire(path)

    assert not (tmp_path / "outside").exists()


def test_the_lock_file_is_private(path: str) -> None:
    before = os.umask(0)
    try:
        lock = locks.acquire(path)
    finally:
        os.umask(before)

    assert os.stat(path).st_mode & 0o777 == 0o600
    assert lock is not None
    lock.release()
