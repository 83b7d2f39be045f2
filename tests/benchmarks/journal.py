"""The journal: what recording a turn of three events costs, on tmpfs and on a disk.

python -m tests.benchmarks.journal [--turns 10000] [--rounds 5] [FOLDER…]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from contextlib import closing
from typing import List, Tuple

from orchestra.model.events import AttemptEnded, AttemptStarted, Envelope, RunStarted, StepEnded
from orchestra.store.directory import StateDirectory
from orchestra.store.sqlite import RunStore


def turns_of(count: int) -> List[List[Envelope]]:
    """Turns as they are most often: a step ends, the next begins."""
    return [turn_of(number) for number in range(count)]


def turn_of(number: int) -> List[Envelope]:
    step, at, seq = "s%d" % number, 1e9 + number, number * 3
    ended = AttemptEnded(step, 1, "succeeded", 0, None, "", 0.001, 1 << 20, None, 0)
    return [
        Envelope(seq + 2, at, ended),
        Envelope(seq + 3, at, StepEnded(step, "succeeded", "", {})),
        Envelope(seq + 4, at, AttemptStarted("s%d" % (number + 2), 1, 0.01, ())),
    ]


def measure(folder: str, turns: List[List[Envelope]]) -> Tuple[float, float]:
    """CPU and wall microseconds a turn."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        store = RunStore(StateDirectory(place + "/state"))
        with closing(store.begin_run(time.time())) as journal:
            start = RunStarted("r", "w", "/w", {}, {}, None, None, "h", 1, "0", {}, ())
            journal.append([Envelope(1, 1e9, start)])
            cpu, wall = time.process_time(), time.perf_counter()
            for turn in turns:
                journal.append(turn)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return cpu / len(turns) * 1e6, wall / len(turns) * 1e6


def main() -> None:
    """Measure and say what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--turns", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("folders", nargs="*", default=["/dev/shm", tempfile.gettempdir()])
    chosen = parser.parse_args()
    turns = turns_of(chosen.turns)
    for folder in chosen.folders:
        costs = [measure(folder, turns) for _ in range(chosen.rounds)]
        cpu, wall = (statistics.median(column) for column in zip(*costs))
        sys.stdout.write("%-20s CPU %5.1f µs/turn, wall %5.1f µs/turn\n" % (folder, cpu, wall))


if __name__ == "__main__":
    main()
