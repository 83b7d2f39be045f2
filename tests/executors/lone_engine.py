"""A process that only runs steps, under limits that a test process could not live with."""

from __future__ import annotations

import collections
import contextlib
import fcntl
import json
import os
import resource
import select
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

from orchestra.engine.ports import Ended
from orchestra.executors.local import LocalExecutor
from orchestra.model.run import AttemptKey, Invocation

ROOT = Path(__file__).parents[2]


def run_alone(folder: Path, wrapper: Sequence[str] = (), **order: Any) -> Dict[str, Any]:
    """Run `count` times `argv`, all submitted at once, logs in `folder`, in a process of its own.

    `limits` are set by name before the executor is made; `spare_processes` leaves room for so many
    processes and no more; `at_once` holds back all but so many.
    Gives what `main` writes. The `wrapper` is a command that starts the process.
    """
    module = [sys.executable, "-m", "tests.executors.lone_engine"]
    order["folder"] = str(folder)
    done = subprocess.run(
        [*wrapper, *module, json.dumps(order), str(folder / "found.json")],
        cwd=str(ROOT),
        timeout=600,
        check=True,
    )
    assert done.returncode == 0
    found: Dict[str, Any] = json.loads((folder / "found.json").read_text())
    return found


def main(order: Mapping[str, Any], result: str) -> None:
    """Run as ordered; writes how attempts ended, and how this process grew."""
    with open(result, "w") as low:
        # Out of the way of 0 to 2, which a test may want closed.
        high = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, 10)
    restrict(order)
    with open(high, "w") as file:
        json.dump(measure(order), file)


def restrict(order: Mapping[str, Any]) -> None:
    """Set the limits; root first becomes somebody to whom they apply."""
    if "spare_processes" in order:
        if os.getuid() == 0:
            os.setresuid(54321, 54321, 54321)
        limit = processes_of(os.getuid()) + order["spare_processes"]
        resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
    for name, value in order.get("limits", {}).items():
        resource.setrlimit(getattr(resource, name), (value, value))


def processes_of(uid: int) -> int:
    """How many tasks a user has; each counts against the limit."""
    found = 0
    for folder in Path("/proc").glob("[0-9]*/task"):
        with contextlib.suppress(FileNotFoundError):
            if folder.stat().st_uid == uid:
                found += len(list(folder.iterdir()))
    return found


def measure(order: Mapping[str, Any]) -> Dict[str, Any]:
    """Run all; the ends by code, signal or refusal, what there was at the start and at the end."""
    executor = LocalExecutor("lone")
    at_once = order.get("at_once", order["count"])
    waiting = [AttemptKey("s%d" % (number + 1), 1) for number in range(order["count"])]
    waiting.reverse()
    ends: List[str] = []
    before = state()
    peaks: List[Optional[int]] = []
    most = 0
    while waiting or executor.running():
        room = at_once - executor.running()
        batch = [waiting.pop() for _ in range(min(room, len(waiting)))]
        executor.submit([(key, invocation(order, key)) for key in batch])
        select.select([executor.fileno()], [], [], executor.due_in())
        for stimulus in executor.collect():
            if isinstance(stimulus, Ended):
                ends.append(stimulus.refusal or stimulus.signal or str(stimulus.exit_code))
                peaks.append(stimulus.max_rss_bytes)
        most = max(most, children())
    after = state()
    faults = executor.faults()
    executor.close()
    return {
        "ends": collections.Counter(ends),
        "faults": faults,
        "before": before,
        "after": after,
        "most_children": most,
        "peaks": peaks,
        "standard": [os.readlink("/proc/self/fd/%d" % number) for number in range(3)],
    }


def invocation(order: Mapping[str, Any], key: AttemptKey) -> Invocation:
    """What starts one of them."""
    return Invocation(
        argv=tuple(map(os.fsencode, order["argv"])),
        env={b"PATH": os.environb[b"PATH"], b"ORCHESTRA_RUN_ID": b"lone"},
        working_dir="/",
        log_path="%s/%s.log" % (order["folder"], key.step),
    )


def state() -> Dict[str, int]:
    """What must not grow."""
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
        "children": children(),
        "memory_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }


def children() -> int:
    """How many children this process has, zombies too."""
    with open("/proc/self/task/%d/children" % os.getpid()) as file:
        return len(file.read().split())


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2])
