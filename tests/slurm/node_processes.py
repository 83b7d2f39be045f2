"""The processes of a node's jobs: found by what they are and descend from, and ended as one."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import Dict, List, NamedTuple, Sequence, Set

_PROGRAM = "slurmstepd"
_WATCHER = _PROGRAM + ": "
_DEATH_S = 60.0


class _Process(NamedTuple):
    parent: int
    words: str
    environ: str


def end_processes_of(folder: str, node: str) -> None:
    """Kill what runs for jobs on a node of the cluster in that folder.

    A parent is killed before its children: at a loss of power no script sees its child dead. They
    are not stopped first: the kernel sends SIGHUP to a stopped group that loses its last parent.
    """
    _end(_processes_of(folder, node))


def end_watchers_of(folder: str) -> None:
    """Kill what watches over jobs of the cluster in that folder; it may have none to watch yet."""
    mark = "SLURM_CONF=%s/slurm.conf" % folder
    all_processes = _all_processes().items()
    named = [(pid, each) for pid, each in all_processes if mark in each.environ]
    _end([pid for pid, each in named if _PROGRAM in each.words.partition("\0")[0]])


def _end(pids: Sequence[int]) -> None:
    """Kill them in this order and see them dead: a signal takes its time on a busy machine."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + _DEATH_S
    while any(_is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.01)


def _is_alive(pid: int) -> bool:
    with suppress(OSError):
        return _read(str(pid), "stat").rpartition(")")[2].split()[0] not in "ZX"
    return False


def _processes_of(folder: str, node: str) -> List[int]:
    """Those that watch over its jobs, and all that have come of them, parents first."""
    process_by_pid = _all_processes()
    marks = ("SLURM_CONF=%s/slurm.conf" % folder, "SLURMD_NODENAME=%s" % node)
    found: Set[int] = set()
    for pid, process in process_by_pid.items():
        if not set(marks) <= set(process.environ.split("\0")):
            continue
        found.add(pid)
        parent = process_by_pid.get(process.parent)
        if parent is not None and parent.words.startswith(_WATCHER):
            found.add(process.parent)
    children_by_parent: Dict[int, List[int]] = {}
    for pid, process in process_by_pid.items():
        children_by_parent.setdefault(process.parent, []).append(pid)
    ordered = [pid for pid in found if process_by_pid[pid].parent not in found]
    for pid in ordered:
        ordered += children_by_parent.get(pid, [])
    return ordered


def _all_processes() -> Dict[int, _Process]:
    processes = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        with suppress(OSError):
            parent = _read(name, "stat").rpartition(")")[2].split()[1]
            process = _Process(int(parent), _read(name, "cmdline"), _read(name, "environ"))
            processes[int(name)] = process
    return processes


def _read(pid: str, what: str) -> str:
    with open("/proc/%s/%s" % (pid, what), encoding="utf-8", errors="replace") as stream:
        return stream.read()
