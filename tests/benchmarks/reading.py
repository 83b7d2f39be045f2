"""Reading a workflow: each part beside what it is measured against, interleaved, medians.

python -m tests.benchmarks.reading [--steps 10000] [--rounds 7]
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
from typing import Any, Callable, Dict, List

import jsonschema
import yaml

from orchestra.spec.accept import is_workflow
from orchestra.spec.load import load
from orchestra.spec.reader import read
from orchestra.spec.schema import schema_text


def text_of(steps: int) -> bytes:
    """A chain of steps of three keys."""
    lines = ["version: 1", "steps:", "  s0: {run: 'true', needs: [], timeout: 10m}"]
    for number in range(1, steps):
        lines.append("  s%d:" % number)
        lines.append("    run: echo %d" % number)
        lines.append("    needs: s%d" % (number - 1))
        lines.append("    timeout: 10m")
    return "\n".join(lines).encode()


def cpu_s(task: Callable[[], object]) -> float:
    """CPU seconds of one call, with a heap as empty of garbage as it gets."""
    gc.collect()
    start = time.process_time()
    task()
    return time.process_time() - start


def medians(steps: int, rounds: int) -> Dict[str, float]:
    """CPU seconds of each part, in rounds in which each has its turn."""
    data = text_of(steps)
    root = read(data).root
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    tasks: Dict[str, Callable[[], Any]] = {
        "read with guards": lambda: read(data),
        "yaml.CSafeLoader": lambda: yaml.load(data, Loader=yaml.CSafeLoader),
        "accept by the schema": lambda: is_workflow(root),
        "jsonschema": lambda: validator.is_valid(root),
        "load, the whole": lambda: load("flow.yaml", data),
    }
    seconds: Dict[str, List[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            seconds[name].append(cpu_s(task))
    return {name: statistics.median(found) for name, found in seconds.items()}


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    median = medians(options.steps, options.rounds)
    faster = {
        "read, times faster": median["yaml.CSafeLoader"] / median["read with guards"],
        "accept, times faster": median["jsonschema"] / median["accept by the schema"],
    }
    lines = ["%-24s %8.1f ms" % (name, found * 1000) for name, found in median.items()]
    lines += ["%-24s %8.1f" % pair for pair in faster.items()]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
