"""From file to plan: CPU and memory of whole commands, and reading and validating beside peers.

    python -m tests.benchmarks.loading [--steps 10000 100000] [--rounds 3] [--json PATH]

`plain` steps are independent and have a body alone; `mixed` ones have needs, resources, retries,
durations and variables as well. Memory is the peak over that of the plan of one step. An error is
in the last step: what it costs is what `validate` takes over the same file without it.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple

from tests.benchmarks.contenders import COMMAND_BY_KIND, Contender, compile_orchestra
from tests.benchmarks.descriptions import orchestra
from tests.benchmarks.figures import Figure, cpu_s_of, tell
from tests.benchmarks.graphs import steps_of, wide
from tests.benchmarks.measuring import measure
from tests.benchmarks.own import own_of, telling
from tests.benchmarks.reading import medians

_GOAL_S_PER_STEP = 1e-4
_GOAL_BYTES_PER_STEP = 3000.0
_LOCATED = 10_000
_ERROR = "  last: {run: ':', need: [s1]}\n"


def _plain(path: Path, steps: int) -> Path:
    path.write_text(orchestra(steps_of(wide(steps), COMMAND_BY_KIND["shell"]))["flow.yaml"])
    return path


def mixed(path: Path, steps: int) -> Path:
    """A workflow of that many steps, each below up to two of the 200 before it."""
    rng = random.Random(steps)
    lines = ["version: 1\nname: benchmark\nsteps:\n"]
    for number in range(steps):
        lines.append("  s%d:\n" % number)
        lines.append(
            "    run: |\n      process --input data/%d.csv > out/%d.csv\n" % (number, number)
        )
        above = (
            {rng.randrange(max(0, number - 200), number) for _ in range(rng.randint(0, 2))}
            if number
            else ()
        )
        if above:
            lines.append("    needs: [%s]\n" % ", ".join("s%d" % other for other in sorted(above)))
        if number % 3 == 0:
            amounts = rng.choice((1, 1, 2)), rng.choice((100, 200, 500))
            lines.append("    resources: {cpu: %d, memory: %dMiB}\n" % amounts)
        if number % 5 == 0:
            lines.append("    timeout: 10m\n    retry: 2\n")
        if number % 7 == 0:
            lines.append("    duration: %ds\n" % rng.randint(1, 300))
        if number % 11 == 0:
            lines.append("    env: {MODE: fast, N: '%d'}\n" % number)
    path.write_text("".join(lines))
    return path


SHAPES: Dict[str, Callable[[Path, int], Path]] = {"plain": _plain, "mixed": mixed}
_ORCHESTRA = [sys.executable, "-m", "orchestra"]
_ROOM = ["--budget", "cpu=64,memory=256GiB"]
"""The same on every machine."""


class Plans(NamedTuple):
    """What plans of one workflow took, each time."""

    cpu_s: List[float]
    peak_bytes: List[int]

    def measure(self, file: str, folder: Path) -> None:
        """Plan it once more."""
        plan = Contender("plan", [*_ORCHESTRA, "plan", file, *_ROOM], int, folder)
        self.cpu_s.append(measure(telling(plan, folder / "usage")).cpu_s)
        self.peak_bytes.append(own_of(folder / "usage").peak_bytes)


def plans(folder: Path, sizes: List[int], rounds: int) -> List[Figure]:
    """What `plan` takes, for steps of each shape in each number."""
    figures = []
    for shape, write in SHAPES.items():
        plans_by_size = {size: Plans([], []) for size in (1, *sizes)}
        for size in plans_by_size:
            write(folder / ("%s%d.yaml" % (shape, size)), size)
        for _ in range(rounds):
            for size, found in plans_by_size.items():
                found.measure("%s%d.yaml" % (shape, size), folder)
        base = statistics.median(plans_by_size.pop(1).peak_bytes)
        for size, found in plans_by_size.items():
            what = "plan, %d %s steps" % (size, shape)
            cpu_s = statistics.median(found.cpu_s)
            figures.append(Figure(what, cpu_s, "s CPU", size * _GOAL_S_PER_STEP))
            a_step = (statistics.median(found.peak_bytes) - base) / size
            figures.append(Figure(what + ", memory", a_step, "B/step", _GOAL_BYTES_PER_STEP))
    return figures


def located(folder: Path, rounds: int) -> Figure:
    """What an error in the last step costs."""
    good = mixed(folder / "good.yaml", _LOCATED)
    bad = folder / "bad.yaml"
    bad.write_text(good.read_text() + _ERROR)
    excess = []
    for _ in range(rounds):
        fine = cpu_s_of(["-m", "orchestra", "validate", good.name], folder)
        wrong = cpu_s_of(["-m", "orchestra", "validate", bad.name], folder, code=2)
        excess.append(wrong - fine)
    what = "an error in the last of %d steps, told" % _LOCATED
    return Figure(what, statistics.median(excess), "s CPU", 0.2)


def beside_peers(rounds: int) -> List[Figure]:
    """Reading beside PyYAML's C loader, validating beside jsonschema."""
    median = medians(_LOCATED, rounds)
    read = median["yaml.CSafeLoader"] / median["read with guards"]
    accept = median["jsonschema"] / median["accept by the schema"]
    return [
        Figure("reading %d steps, CSafeLoader = 1" % _LOCATED, read, "times", 5, True),
        Figure("validating %d steps, jsonschema = 1" % _LOCATED, accept, "times", 10, True),
    ]


def main() -> None:
    """Measure, say and write what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", dest="json_path")
    chosen = parser.parse_args()
    compile_orchestra()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = [
            *plans(folder, chosen.steps, chosen.rounds),
            located(folder, chosen.rounds),
            *beside_peers(chosen.rounds),
        ]
    tell(figures, "median of %d" % chosen.rounds, chosen.json_path)


if __name__ == "__main__":
    main()
