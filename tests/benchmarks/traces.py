"""Traces of many tasks: CPU seconds of each command, from a file that is made up.

python -m tests.benchmarks.traces [--tasks 25000] [--version 1.5]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from typing import List

from tests.cli.commandline import ROOT
from tests.formats.traces import Made, split_instance


def mosaic(size: int) -> List[Made]:
    """About so many tasks as montage has them: projections, pairs, one model, corrections, one sum.

    Each pair is of neighbours, so the middle waits for many and much waits for the middle.
    """
    images = max(2, (size - 4) // 4)
    tasks = [Made("ID%07d" % n, "mProject", (), 10.0 + n % 7, 1, 10**8) for n in range(images)]
    pairs = []
    for n in range(images * 2):
        id = "ID%07d" % (images + n)
        first = n // 2
        second = (first + 1 + n % 2 * 50) % images
        pairs.append(Made(id, "mDiffFit", sorted({tasks[first].id, tasks[second].id}), 0.5))
    concat = Made("concat", "mConcatFit", [made.id for made in pairs], 30.0)
    model = Made("model", "mBgModel", ["concat"], 60.0, 4)
    correct = [
        Made("background_%d" % n, "mBackground", [tasks[n].id, "model"], 0.75)
        for n in range(images)
    ]
    add = Made("add", "mAdd", [made.id for made in correct], 120.0, 2, 10**9)
    return [*tasks, *pairs, concat, model, *correct, add]


def measured(folder: str, *arguments: str) -> str:
    """CPU seconds and peak memory of one command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "orchestra", *arguments]
    environ = {**os.environ, "PYTHONPATH": ROOT}
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, env=environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    words = "%-48s %6.2f s CPU   peak so far %5d MiB\n"
    return words % (" ".join(arguments), cpu_s, after.ru_maxrss // 1024)


def main() -> None:
    """Prints a line for each command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=25_000)
    parser.add_argument("--version", choices=["1.5", "1.6"], default="1.5")
    options = parser.parse_args()
    machines = [{"nodeName": "n", "cpu": {"coreCount": 64}, "memoryInBytes": 2**38}]
    tasks = mosaic(options.tasks)
    edges = sum(len(made.parents) for made in tasks)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "trace.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(split_instance(tasks, options.version, machines=machines), file, indent=4)
        size = os.path.getsize(path) / 2**20
        sys.stdout.write("%d tasks, %d edges, %.1f MiB\n" % (len(tasks), edges, size))
        for arguments in (
            ["import", "wfformat", "trace.json", "-o", "trace.yaml"],
            ["import", "wfformat", "trace.json", "--simulate"],
            ["validate", "trace.yaml"],
            ["plan", "trace.yaml"],
            ["plan", "trace.yaml", "--format", "json"],
        ):
            sys.stdout.write(measured(folder, *arguments))


if __name__ == "__main__":
    main()
