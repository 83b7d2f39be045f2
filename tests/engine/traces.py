"""Workflows in the shapes of published traces, and plain list scheduling to compare with.

A task is as in WfFormat: what it needs, how long it took, on how many cores, with what memory.
"""

from __future__ import annotations

import random
from heapq import heappop, heappush
from typing import Callable, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from orchestra.model.plan import Plan
from tests.engine.plans import make_plan, step

GIB = 2**30


class Task(NamedTuple):
    """One task; `needs` are numbers of tasks before it, `memory` is bytes."""

    needs: Tuple[int, ...]
    seconds: float
    cpus: int
    memory: int


Shape = Callable[[random.Random, int], List[Tuple[int, ...]]]


def chain(rng: random.Random, count: int) -> List[Tuple[int, ...]]:
    """A few lines side by side."""
    lines = rng.randint(1, 6)
    return [(n - lines,) if n >= lines else () for n in range(count)]


def fork_join(rng: random.Random, count: int) -> List[Tuple[int, ...]]:
    """One task, many beside each other, one that needs all of them, and so on."""
    width = rng.randint(2, 30)
    needs: List[Tuple[int, ...]] = [()]
    while len(needs) < count:
        fork = len(needs) - 1
        needs += [(fork,)] * width
        needs.append(tuple(range(fork + 1, len(needs))))
    return needs


def montage(rng: random.Random, count: int) -> List[Tuple[int, ...]]:
    """Layers: images, differences of two of them, a fit, corrections, a mosaic, its pictures."""
    images = max(2, count // 5)
    needs: List[Tuple[int, ...]] = [()] * images
    pairs = {tuple(sorted(rng.sample(range(images), 2))) for _ in range(2 * images)}
    needs += sorted(pairs)  # type: ignore[arg-type]
    needs.append(tuple(range(images, len(needs))))
    fit = len(needs) - 1
    needs += [(n, fit) for n in range(images)]
    needs.append(tuple(range(fit + 1, len(needs))))
    return [*needs, (len(needs) - 1,), (len(needs) - 1,)]


def epigenomics(rng: random.Random, count: int) -> List[Tuple[int, ...]]:
    """A split for each lane, four tasks in a line for each part of it, merges, and a long end."""
    needs: List[Tuple[int, ...]] = []
    merges: List[int] = []
    while len(needs) < count:
        split = len(needs)
        needs.append(())
        ends = []
        for _ in range(rng.randint(2, 8)):
            needs += [(split,), *((len(needs) + n,) for n in range(3))]
            ends.append(len(needs) - 1)
        merges.append(len(needs))
        needs.append(tuple(ends))
    last = len(needs)
    return [*needs, tuple(merges), (last,), (last + 1,)]


def scattered(rng: random.Random, count: int) -> List[Tuple[int, ...]]:
    """Each task needs a few of those shortly before it."""
    most = rng.choice([0, 1, 2, 4])
    return [
        tuple(sorted({rng.randrange(max(0, n - 30), n) for _ in range(rng.randint(0, most))}))
        if n
        else ()
        for n in range(count)
    ]


SHAPES: Mapping[str, Shape] = {
    shape.__name__: shape for shape in (chain, fork_join, montage, epigenomics, scattered)
}


def trace(shape: str, seed: int, count: int, cpus: int, with_memory: bool) -> List[Task]:
    """A workflow of about so many tasks, each of which fits a machine of `cpus` and 16 GiB."""
    rng = random.Random("%s %d" % (shape, seed))
    times: List[Callable[[], float]] = [
        lambda: rng.lognormvariate(1, 1),
        lambda: rng.uniform(0.5, 5),
        lambda: rng.choice([0.5, 5.0, 50.0]),
        lambda: 3.0,
    ]
    seconds = rng.choice(times)
    wide = rng.choice([0.0, 0.1, 0.4])
    return [
        Task(
            needs,
            seconds(),
            rng.randint(1, min(cpus, 16)) if rng.random() < wide else 1,
            int(rng.choice([0.05, 0.3, 0.6]) * rng.random() * 16 * GIB) if with_memory else 0,
        )
        for needs in SHAPES[shape](rng, count)
    ]


def plan_of_trace(tasks: Sequence[Task], cpus: int) -> Plan:
    """The plan of it, every duration known."""
    steps = [
        step(
            "t%d" % number,
            *("t%d" % need for need in task.needs),
            duration_s=task.seconds,
            resources={"cpu": task.cpus * 1000, "memory": task.memory},
        )
        for number, task in enumerate(tasks)
    ]
    return make_plan(*steps, cpu=cpus, budget={"memory": 16 * GIB})[0]


def list_schedule(tasks: Sequence[Task], cpus: int, by_path: bool) -> float:
    """The makespan when each that is ready starts in turn if it fits, whoever is passed by that."""
    dependents: List[List[int]] = [[] for _ in tasks]
    for number, task in enumerate(tasks):
        for need in task.needs:
            dependents[need].append(number)
    ranks = [0.0] * len(tasks)
    for number in range(len(tasks) - 1, -1, -1):
        below = max((ranks[each] for each in dependents[number]), default=0.0)
        ranks[number] = tasks[number].seconds + below
    waiting = {number: len(task.needs) for number, task in enumerate(tasks)}
    arrived: Dict[int, float] = {n: 0.0 for n, count in waiting.items() if not count}
    ready = list(arrived)
    running: List[Tuple[float, int]] = []
    free_cpus, free_memory, now = cpus, 16 * GIB, 0.0
    while ready or running:
        ready.sort(key=lambda n: (-ranks[n] if by_path else arrived[n], n))
        for number in ready[:]:
            task = tasks[number]
            if task.cpus <= free_cpus and task.memory <= free_memory:
                free_cpus, free_memory = free_cpus - task.cpus, free_memory - task.memory
                heappush(running, (now + task.seconds, number))
                ready.remove(number)
        now = running[0][0]
        while running and running[0][0] == now:
            ended = heappop(running)[1]
            free_cpus += tasks[ended].cpus
            free_memory += tasks[ended].memory
            for below in dependents[ended]:
                waiting[below] -= 1
                if not waiting[below]:
                    arrived[below] = now
                    ready.append(below)
    return now
