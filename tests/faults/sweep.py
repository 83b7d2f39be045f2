"""The whole sweep: `python -m tests.faults.sweep --kills all --random 200 --seed 1`.

Says how many moments were tried and every promise that was broken; ends with 1 if there was any.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, List, NamedTuple, Sequence, Tuple

from tests.faults import kills, stops
from tests.faults.kills import Verdict
from tests.faults.workflows import forty_steps

Trying = Callable[[Path], Verdict]


class Case(NamedTuple):
    """A moment to be tried, by a name that tells how to try it again."""

    name: str
    try_it: Trying


def kill_cases(wanted: str) -> List[Case]:
    """Every journal write, or so many of them, at even distances."""
    with tempfile.TemporaryDirectory() as folder:
        points = kills.points_of(Path(folder), forty_steps())
    count = len(points) if wanted == "all" else min(int(wanted), len(points))
    chosen = [points[at * len(points) // count] for at in range(count)]
    return [Case("%s %d" % point, _kill_at(point)) for point in chosen]


def _kill_at(point: kills.Point) -> Trying:
    return lambda folder: kills.kill_at(folder, forty_steps(), point)


def random_cases(count: int, seed: int) -> List[Case]:
    """So many runs killed at random; the name of each is its own seed."""
    seeds = [random.Random("%d/%d" % (seed, n)).getrandbits(32) for n in range(count)]
    return [Case("random %d" % each, _kill_at_random(each)) for each in seeds]


def _kill_at_random(seed: int) -> Trying:
    return lambda folder: kills.kill_at_random(folder, random.Random(seed))


def stop_cases(step_ms: int) -> List[Case]:
    """INT, TERM and HUP, once and twice, every so many milliseconds of a short run."""
    return [Case(str(stop), _stop_at(stop)) for stop in stops.all_stops(step_ms)]


def _stop_at(stop: stops.Stop) -> Trying:
    return lambda folder: Verdict(True, stops.stop_at(folder, stop))


def attempt(case: Case) -> Tuple[Case, Verdict]:
    """Try one; the folder of one that breaks a promise is kept and named."""
    folder = Path(tempfile.mkdtemp(prefix="orchestra-fault-"))
    try:
        verdict = case.try_it(folder)
    except Exception as fault:  # what the trial itself meets is told like a broken promise
        verdict = Verdict(True, ["%s: %s" % (type(fault).__name__, fault)])
    if verdict.broken:
        return case, Verdict(verdict.hit, [*verdict.broken, "see %s" % folder])
    shutil.rmtree(folder)
    return case, verdict


def sweep(cases: Sequence[Case], at_once: int, say: Callable[[str], object]) -> int:
    """Try all; how many of them broke a promise."""
    failed = hits = 0
    with ThreadPoolExecutor(at_once) as pool:
        for number, (case, verdict) in enumerate(pool.map(attempt, cases), 1):
            hits += verdict.hit
            failed += bool(verdict.broken)
            for line in verdict.broken:
                say("%s: %s" % (case.name, line))
            if number % 25 == 0:
                say("%d of %d tried, %d violations" % (number, len(cases), failed))
    say("%d moments tried, %d of them hit, %d violations" % (len(cases), hits, failed))
    return failed


def main(arguments: Sequence[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.sweep", description=__doc__)
    parser.add_argument("--kills", default="0", metavar="all|N", help="journal writes to kill at")
    parser.add_argument("--random", type=int, default=0, metavar="N", help="random kills")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the random")
    parser.add_argument("--signals", type=int, default=0, metavar="MS", help="stop every MS ms")
    parser.add_argument("--at-once", type=int, default=2, metavar="N", help="trials side by side")
    parser.add_argument("--again", type=int, metavar="SEED", help="one random kill by its own seed")
    asked = parser.parse_args(arguments)
    print("seed %d" % asked.seed, flush=True)  # noqa: T201  # a command that prints
    cases = kill_cases(asked.kills) if asked.kills != "0" else []
    cases += random_cases(asked.random, asked.seed)
    cases += stop_cases(asked.signals) if asked.signals else []
    if asked.again is not None:
        cases.append(Case("random %d" % asked.again, _kill_at_random(asked.again)))
    failed = sweep(cases, asked.at_once, lambda text: print(text, flush=True))  # noqa: T201  # as above
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
