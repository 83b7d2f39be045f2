"""What thousands of attempts cost that wait in the queue of an engine."""

from __future__ import annotations

import os
import select
import tracemalloc
from pathlib import Path
from typing import List

from orchestra.engine.ports import Queued
from orchestra.executors.hosted import HostedExecutor
from orchestra.executors.known import Opening
from orchestra.model.errand import Errand
from orchestra.model.run import AttemptKey, Invocation

MANY = 5000
MOST_HERE = 5000  # bytes for each, in the process of the engine
MOST_THERE = 15000  # in that of the helper, its unused pages included


def resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    pages = Path("/proc/%d/statm" % pid).read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def taken_in(executor: HostedExecutor, count: int) -> None:
    """Wait until so many were told of as queued."""
    while count:
        select.select([executor.fileno()], [], [], executor.due_in())
        count -= sum(isinstance(each, Queued) for each in executor.collect())


def waiting(folder: Path, number: int) -> Invocation:
    """With an environment of some 2 kB, as steps have."""
    env = {b"NAME_%d" % each: b"x" * 50 for each in range(30)}
    words = (b"sh", b"-c", b"exec sleep 1000")
    log = "%s/%d.log" % (folder, number)
    return Invocation(words, env, str(folder), log, errand=Errand("process"))


def test_what_waits_costs_little_here_and_in_the_helper(tmp_path: Path) -> None:
    hired: List[int] = []
    executor = HostedExecutor(
        Opening("process", "tests.executors.process_place"),
        {"slots": 1},
        "run",
        str(tmp_path),
        environ=dict(os.environb),
        on_hired=hired.append,
    )
    try:
        executor.submit([(AttemptKey("first", 1), waiting(tmp_path, 0))])
        taken_in(executor, 1)
        there = resident(hired[0])
        tracemalloc.start()
        batch = [(AttemptKey("s[%d]" % n, 1), waiting(tmp_path, n)) for n in range(MANY)]
        executor.submit(batch)
        del batch
        taken_in(executor, MANY)
        here, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert here / MANY < MOST_HERE
        assert (resident(hired[0]) - there) / MANY < MOST_THERE
    finally:
        executor.close()
        os.waitpid(hired[0], 0)
