"""What the kernel tells of processes under /proc; nothing of those that have gone. Only reads."""

from __future__ import annotations

import contextlib
import os
import time
from typing import List, Optional

_BOOTTIME: Optional[int] = getattr(time, "CLOCK_BOOTTIME", None)
_TICKS = os.sysconf("SC_CLK_TCK")


def boot_id() -> str:
    """Tells this start of the machine from others; empty where the system does not.

    Source: proc_sys_kernel(5), random/boot_id.
    """
    with contextlib.suppress(OSError), open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()
    return ""


def since_boot_s() -> float:
    """Seconds since the machine was started, in hundredths; 0 where the system does not count."""
    return 0.0 if _BOOTTIME is None else time.clock_gettime_ns(_BOOTTIME) // 10**7 / 100


class Proc:
    """A folder such as /proc."""

    def __init__(self, folder: str = "/proc") -> None:
        self.folder = folder

    def pids(self) -> List[int]:
        """All processes."""
        return _numbers(self.folder)

    def parent(self, pid: int) -> int:
        """The parent of a process, 0 if that is not known."""
        fields = self._stat(pid)
        return int(fields[1]) if len(fields) > 1 else 0

    def is_dead(self, pid: int) -> bool:
        """Whether a process has ended, be it that nobody has taken its end yet."""
        fields = self._stat(pid)
        return not fields or fields[0] in (b"Z", b"X")

    def is_busy(self, pid: int) -> bool:
        """Whether a process runs, or would if it had a core or its disk.

        Source: proc(5), field 3 of /proc/PID/stat.
        """
        return self._stat(pid)[:1] in ([b"R"], [b"D"])

    def began_s(self, pid: int) -> Optional[float]:
        """When a process began, in seconds since the machine was started; None if not known.

        Source: proc(5), field 22 of /proc/PID/stat.
        """
        fields = self._stat(pid)
        return int(fields[19]) / _TICKS if len(fields) > 19 else None

    def left_status(self, pid: int) -> Optional[int]:
        """How a process ended whose end nobody has taken, as wait(2) gives it, if that is told.

        Source: proc(5), field 52 of /proc/PID/stat.
        """
        fields = self._stat(pid)
        return int(fields[49]) if len(fields) > 49 and fields[0] == b"Z" else None

    def _stat(self, pid: int) -> List[bytes]:
        """The fields after the command, which is in brackets and may hold anything."""
        return self.read(pid, "stat").rpartition(b")")[2].split()

    def children(self, pid: int) -> List[int]:
        """The children of a process, of all its threads."""
        tasks = _numbers("%s/%d/task" % (self.folder, pid))
        texts = [self.read(pid, "task/%d/children" % task) for task in tasks]
        return [int(word) for text in texts for word in text.split()]

    def environ(self, pid: int) -> bytes:
        """What a process was started with, a NUL after each; nothing while it starts or ends."""
        return self.read(pid, "environ")

    def read(self, pid: int, name: str) -> bytes:
        """A file of a process; nothing where it cannot be read."""
        with contextlib.suppress(OSError), open(
            "%s/%d/%s" % (self.folder, pid, name), "rb"
        ) as file:
            return file.read()
        return b""


def _numbers(folder: str) -> List[int]:
    with contextlib.suppress(OSError):
        return [int(name) for name in os.listdir(folder) if name.isdigit()]
    return []
