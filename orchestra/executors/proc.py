"""What the kernel tells of processes under /proc; nothing of those that have gone. Only reads."""

from __future__ import annotations

import contextlib
import os
from typing import List


class Proc:
    """A folder such as /proc."""

    def __init__(self, folder: str = "/proc") -> None:
        self.folder = folder

    def pids(self) -> List[int]:
        """All processes."""
        return _numbers(self.folder)

    def parent(self, pid: int) -> int:
        """The parent of a process, 0 if that is not known."""
        # The second field after the command, which is in brackets and may hold anything.
        fields = self.read(pid, "stat").rpartition(b")")[2].split()
        return int(fields[1]) if len(fields) > 1 else 0

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
