"""A delegated subtree of cgroup v2, with a group for each attempt that has limits. Starts nothing.

Where the group of this process may be written and has the memory controller, this process moves
into a leaf below it, so that groups beside that leaf may have controllers ("no internal processes"
in cgroups(7)). An attempt is born in its group: this process is in it while it starts the attempt.
"""

from __future__ import annotations

import contextlib
import os
from typing import Iterator, List, Optional

from orchestra.model.run import Limits

CPU_PERIOD_US = 100_000
_LEAST_QUOTA_US = 1000
_MOUNTS = ("sys/fs/cgroup", "sys/fs/cgroup/unified")


class ControlGroup:
    """The group of one attempt; its processes are those that the attempt started."""

    def __init__(self, path: str, home: str) -> None:
        self._path = path
        self._home = home

    @contextlib.contextmanager
    def around_spawn(self) -> Iterator[None]:
        """What is started inside is born in the group.

        Raises:
            OSError: this process cannot enter it.
        """
        _write(self._path + "/cgroup.procs", str(os.getpid()))
        try:
            yield
        finally:
            _write(self._home + "/cgroup.procs", str(os.getpid()))

    def peak_bytes(self) -> Optional[int]:
        """The most memory it has held, None where the kernel does not tell (before Linux 5.19)."""
        text = _read(self._path + "/memory.peak").strip()
        return int(text) if text.isdigit() else None

    def oom_kills(self) -> int:
        """How many of its processes the kernel has killed because it was over its limit."""
        for line in _read(self._path + "/memory.events").splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill" and count.strip().isdigit():
                return int(count)
        return 0

    def kill(self) -> None:
        """Kill all that is in it, at once."""
        with contextlib.suppress(OSError):
            _write(self._path + "/cgroup.kill", "1")

    def remove(self) -> None:
        """Give it back; one in which something still dies is left to `ControlGroups.close`."""
        with contextlib.suppress(OSError):
            os.rmdir(self._path)


class ControlGroups:
    """The groups below the one that this process was started in."""

    def __init__(self, own: str, controllers: List[str]) -> None:
        self._own = own
        self._controllers = controllers
        self._home = "%s/orchestra-%d" % (own, os.getpid())
        self._engine = self._home + "/engine"
        self._count = 0
        self._groups: List[str] = []

    def open(self) -> None:
        """Move into the leaf and have the controllers.

        Raises:
            OSError: the group is not ours alone, or cannot be written; all is as it was.
        """
        try:
            for folder in (self._home, self._engine):
                os.mkdir(folder, 0o755)
            _write(self._engine + "/cgroup.procs", str(os.getpid()))
            wanted = " ".join("+" + name for name in self._controllers)
            for folder in (self._own, self._home):
                _write(folder + "/cgroup.subtree_control", wanted)
        except OSError:
            self.close()
            raise

    def make(self, limits: Limits) -> ControlGroup:
        """A group with these limits.

        Raises:
            OSError: it cannot be made.
        """
        self._count += 1
        path = "%s/attempt-%d" % (self._home, self._count)
        os.mkdir(path, 0o755)
        self._groups.append(path)
        if limits.memory_bytes is not None:
            _write(path + "/memory.max", str(limits.memory_bytes))
            for name, value in (("memory.swap.max", "0"), ("memory.oom.group", "1")):
                with contextlib.suppress(OSError):  # a kernel without swap, or an old one
                    _write("%s/%s" % (path, name), value)
        if limits.cpu is not None and "cpu" in self._controllers:
            quota = max(limits.cpu * CPU_PERIOD_US // 1000, _LEAST_QUOTA_US)
            _write(path + "/cpu.max", "%d %d" % (quota, CPU_PERIOD_US))
        return ControlGroup(path, self._engine)

    @property
    def limits_cpu(self) -> bool:
        """Whether the groups can limit cpu."""
        return "cpu" in self._controllers

    def close(self) -> None:
        """Move back and remove what is empty; safe to call twice."""
        with contextlib.suppress(OSError):
            unwanted = " ".join("-" + name for name in self._controllers)
            for folder in (self._home, self._own):
                _write(folder + "/cgroup.subtree_control", unwanted)
        with contextlib.suppress(OSError):
            _write(self._own + "/cgroup.procs", str(os.getpid()))
        for path in (*self._groups, self._engine, self._home):
            with contextlib.suppress(OSError):
                os.rmdir(path)


def find_control_groups(root: str = "/") -> Optional[ControlGroups]:
    """The subtree that was delegated to this process, open; None where there is none.

    `root` is where /proc and /sys are.
    """
    own = _own_group(root)
    if own is None:
        return None
    there = _read(own + "/cgroup.controllers").split()
    if "memory" not in there or not os.access(own + "/cgroup.subtree_control", os.W_OK):
        return None
    groups = ControlGroups(own, [name for name in ("memory", "cpu") if name in there])
    try:
        groups.open()
    except OSError:
        return None
    return groups


def _own_group(root: str) -> Optional[str]:
    for line in _read(os.path.join(root, "proc/self/cgroup")).splitlines():
        if line.startswith("0::"):
            for mount in _MOUNTS:
                path = os.path.join(root, mount, line[3:].lstrip("/")).rstrip("/")
                if os.path.exists(path + "/cgroup.controllers"):
                    return path
    return None


def _read(path: str) -> str:
    with contextlib.suppress(OSError), open(path, encoding="ascii", errors="replace") as file:
        return file.read()
    return ""


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
