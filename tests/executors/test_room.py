"""What a run may use by default: the machine, as its cgroups and affinity allow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, Tuple

import pytest

from orchestra.executors.room import machine_amounts, visible_devices

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def tree(root: Path, files: Dict[str, str]) -> str:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, (CORES * 1000, MEMORY)),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/memory.max": "max\n",
                "sys/fs/cgroup/a/memory.max": "1048576\n",
                "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
            },
            (CORES * 1000, 1048576),
        ),
        (
            {
                "proc/self/cgroup": "0::/\n",
                "sys/fs/cgroup/cpu.max": "100000 100000\n",
                "sys/fs/cgroup/memory.max": "2097152\n",
            },
            (1000, 2097152),
        ),
        (
            {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"},
            (1000, MEMORY),
        ),
        (
            {
                "proc/self/cgroup": "4:memory:/x\n2:cpu,cpuacct:/y\n1:name=systemd:/z\n",
                "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "4194304\n",
                "sys/fs/cgroup/cpu,cpuacct/y/cpu.cfs_quota_us": "100000\n",
                "sys/fs/cgroup/cpu,cpuacct/y/cpu.cfs_period_us": "100000\n",
            },
            (1000, 4194304),
        ),
        (
            {
                "proc/self/cgroup": "4:memory:/x\n2:cpu:/y\n",
                "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "9223372036854771712\n",
                "sys/fs/cgroup/cpu/y/cpu.cfs_quota_us": "-1\n",
            },
            (CORES * 1000, MEMORY),
        ),
    ],
)
def test_the_tightest_limit_holds(
    tmp_path: Path, files: Dict[str, str], expected: Tuple[int, int]
) -> None:
    found = machine_amounts(tree(tmp_path, files))
    assert (found["cpu"], found["memory"]) == expected


@pytest.mark.parametrize(
    ("environ", "devices"),
    [
        ({}, (0, 2, 10)),
        ({"CUDA_VISIBLE_DEVICES": "3,1"}, (3, 1)),
        ({"CUDA_VISIBLE_DEVICES": ""}, ()),
        ({"CUDA_VISIBLE_DEVICES": "0,-1,2"}, (0,)),
        ({"CUDA_VISIBLE_DEVICES": "0,0"}, (0,)),
    ],
)
def test_gpus_are_those_seen_or_named(
    tmp_path: Path, environ: Dict[str, str], devices: Tuple[int, ...]
) -> None:
    names = ["dev/nvidia10", "dev/nvidia0", "dev/nvidia2", "dev/nvidiactl", "dev/nvidia-uvm"]
    root = tree(tmp_path, dict.fromkeys(names, ""))
    assert visible_devices(environ, root) == devices


def test_a_machine_without_devices_has_no_gpu(tmp_path: Path) -> None:
    assert visible_devices({}, str(tmp_path)) == ()
