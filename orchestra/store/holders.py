"""Who holds a lock: a note in the locked file names the process, and no other is ever signalled.

The lock is the kernel's and dies with its holder. The note only tells of it, and is not believed:
what is left of it when the lock is free means nothing, and whoever may write to the file could have
named any process.
"""

from __future__ import annotations

import json
import os
import signal as signals
from contextlib import suppress
from typing import NamedTuple, Optional

from orchestra.model.screen_text import safe_line
from orchestra.store import locks
from orchestra.store.locks import Lock

NAMELESS = "it does not say which process it is"
"""Why a holder whose note cannot be read is not signalled."""

_LARGEST = 4096
_HIGHEST_PID = 2**31 - 1
_TERM_AND_WAKE = (signals.SIGTERM, signals.SIGCONT)


class Holder(NamedTuple):
    """The process that took a lock; `start` is when it began, in ticks of the kernel, 0 unknown.

    `rest` is what others have written below its note.
    """

    host: str
    pid: int
    start: int
    rest: bytes = b""

    @property
    def is_here(self) -> bool:
        """Whether it runs on this machine."""
        return self.host == os.uname().nodename


def hold(path: str) -> Optional[Lock]:
    """The lock on `path`, with a note of this process in the file; None where another holds it.

    Raises:
        OSError: the file cannot be written, or as `locks.acquire` says.
    """
    lock = locks.acquire(path)
    if lock is None:
        return None
    pid = os.getpid()
    note = {"host": os.uname().nodename, "pid": pid, "start": _start_of(pid)}
    try:
        lock.write(json.dumps(note).encode() + b"\n")
    except OSError:
        lock.release()
        raise
    return lock


def read(path: str) -> Optional[Holder]:
    """What the note in a locked file says; None where there is none that can be understood."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with open(os.open(path, flags), "rb") as file:
            note, _, rest = file.read(_LARGEST).partition(b"\n")
        data = json.loads(note)
        host, pid, start = data["host"], data["pid"], data["start"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    if type(host) is not str or type(pid) is not int or type(start) is not int:
        return None
    # 0 and below mean groups of processes, or all of them
    return Holder(host, pid, start, rest) if 0 < pid <= _HIGHEST_PID else None


def terminate(path: str, holder: Holder) -> str:
    """Send SIGTERM, once, to the process that holds the lock on `path`; why not, where it was not.

    `holder` is what its note says. The signal goes out only while the lock is held, and the process
    of that number began when the holder did and has the locked file open; one that is halted is
    woken up to it. Nothing is sent, and no reason given, where nobody holds the lock any more.
    """
    if not holder.is_here:
        return "it runs on %s" % safe_line(holder.host)
    try:
        is_sent = _send(path, holder)
    except PermissionError:
        return "its process %d is another user's" % holder.pid
    if is_sent or not locks.is_held(path):
        return ""
    return "its process %d cannot be told from others" % holder.pid


def _send(path: str, holder: Holder) -> bool:
    """Whether the signal went out.

    Raises:
        PermissionError: the system does not allow it.
    """
    held = None
    with suppress(AttributeError, OSError):  # a Python, or a kernel, that cannot hold a process
        held = os.pidfd_open(holder.pid)  # from here on the number is no other's
    is_sent = False
    try:
        for number in _TERM_AND_WAKE:
            if not _is_it(path, holder) or not locks.is_held(path):
                break
            if held is not None and hasattr(signals, "pidfd_send_signal"):
                signals.pidfd_send_signal(held, number)
            else:
                os.kill(holder.pid, number)
            is_sent = True
    except ProcessLookupError:
        pass  # it has just ended
    finally:
        if held is not None:
            os.close(held)
    return is_sent


def _is_it(path: str, holder: Holder) -> bool:
    """Whether the process of that number is the one that took the lock, as far as can be told.

    Raises:
        PermissionError: the process is another user's.
    """
    if _start_of(holder.pid) != holder.start:
        return False
    try:
        files = "/proc/%d/fd" % holder.pid
        opened = ["%s/%s" % (files, name) for name in os.listdir(files)]
    except (FileNotFoundError, ProcessLookupError):
        return not os.path.exists("/proc/self/fd")  # macOS does not tell
    return any(_is_same(each, path) for each in opened)


def _is_same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _start_of(pid: int) -> int:
    """When a process began, in clock ticks since the machine did; 0 where that is not told.

    Source: proc(5), field 22 of /proc/PID/stat.
    """
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0
