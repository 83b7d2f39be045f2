"""How much memory a set of processes holds, from /proc. Only reads; what has gone holds nothing."""

from __future__ import annotations

import contextlib
import os
from typing import Iterable

from orchestra.executors.proc import Proc

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_OWN = (b"Pss_Anon:", b"Pss_Shmem:")


def resident_bytes(proc: Proc, pids: Iterable[int]) -> int:
    """The sum of all that is resident: never too little, and cheap (10 µs a process).

    Pages that processes share, and files that they map, count once for each.
    Source: proc(5), the second field of /proc/PID/statm.
    """
    total = 0
    for pid in pids:
        fields = proc.read(pid, "statm").split()
        if len(fields) > 1:
            total += int(fields[1]) * _PAGE_BYTES
    return total


def held_bytes(proc: Proc, pids: Iterable[int]) -> int:
    """What the processes hold that no other place holds, shared pages counted once.

    Files that are mapped do not count: the kernel takes them back when it needs the room. Costs
    milliseconds for each GiB. Where the kernel does not tell this (before Linux 5.4), what is
    resident is given.
    """
    total = 0
    for pid in pids:
        text = proc.read(pid, "smaps_rollup")
        if _OWN[0] not in text:
            total += resident_bytes(proc, (pid,))
            continue
        for line in text.splitlines():
            if line.startswith(_OWN):
                with contextlib.suppress(ValueError, IndexError):
                    total += int(line.split()[1]) * 1024
    return total
