"""What this machine has for a run: cores, memory, GPUs, as its cgroup and affinity allow."""

from __future__ import annotations

import os
import re
from typing import Dict, Iterator, List, Mapping, Optional, Tuple

_CPU_PERIOD_US = 100_000
_NO_LIMIT = 2**60


def machine_amounts(root: str = "/") -> Dict[str, int]:
    """The cpu (thousandths of a core, one core at least) and memory (bytes) of this machine.

    `root` is where /proc and /sys are.
    """
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    cpu = cores * 1000
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for folder, version in _cgroup_folders(root):
        cpu = min(cpu, _cpu_limit(folder, version))
        memory = min(memory, _memory_limit(folder, version))
    return {"cpu": max(cpu, 1000), "memory": memory}


def visible_devices(environ: Mapping[str, str], root: str = "/") -> Tuple[int, ...]:
    """The numbers of the GPUs that may be used: those of CUDA_VISIBLE_DEVICES, else those seen."""
    named = environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        numbers: List[int] = []
        for word in named.split(","):
            if not word.strip().isdigit():
                break  # as CUDA does: what stands before the first that is none
            numbers.append(int(word))
        return tuple(dict.fromkeys(numbers))
    try:
        names = os.listdir(os.path.join(root, "dev"))
    except OSError:
        return ()
    found = (re.fullmatch(r"nvidia(\d+)", name) for name in names)
    return tuple(sorted(int(match.group(1)) for match in found if match))


def _cgroup_folders(root: str) -> Iterator[Tuple[str, int]]:
    """Each cgroup this process is in and every one above it, with the version of its hierarchy.

    Source: cgroups(7), /proc/[pid]/cgroup.
    """
    for line in (_read(os.path.join(root, "proc/self/cgroup")) or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            hierarchy, version = "sys/fs/cgroup", 2
        elif "cpu" in controllers.split(",") or controllers == "memory":
            hierarchy, version = "sys/fs/cgroup/" + controllers, 1
        else:
            continue
        while True:
            yield os.path.join(root, hierarchy, path.lstrip("/")), version
            if path in ("", "/"):
                break
            path = os.path.dirname(path)


def _cpu_limit(folder: str, version: int) -> int:
    if version == 2:
        words = (_read(folder + "/cpu.max") or "max").split()
        quota, period = words[0], words[1] if len(words) > 1 else str(_CPU_PERIOD_US)
    else:
        quota = (_read(folder + "/cpu.cfs_quota_us") or "-1").strip()
        period = (_read(folder + "/cpu.cfs_period_us") or str(_CPU_PERIOD_US)).strip()
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return _NO_LIMIT
    return int(quota) * 1000 // int(period)


def _memory_limit(folder: str, version: int) -> int:
    name = "/memory.max" if version == 2 else "/memory.limit_in_bytes"
    text = (_read(folder + name) or "").strip()
    return int(text) if text.isdigit() else _NO_LIMIT


def _read(path: str) -> Optional[str]:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return None
