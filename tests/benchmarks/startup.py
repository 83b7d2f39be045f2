"""What commands take before they do anything: CPU beyond that of bare Python, interleaved.

    python -m tests.benchmarks.startup [--rounds 15] [--json PATH]

Each figure is the median of the rounds' own differences to `python -c pass`. Folders in which
nothing ever ran and in which a run is recorded are measured apart.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Sequence

from tests.benchmarks.contenders import COMMAND_BY_KIND, compile_orchestra
from tests.benchmarks.descriptions import orchestra
from tests.benchmarks.figures import Figure, cpu_s_of, tell
from tests.benchmarks.graphs import steps_of, wide

_STEPS = 10
_MAIN = ["-m", "orchestra"]


class Case(NamedTuple):
    """A command, and the most milliseconds that it may take over bare Python."""

    arguments: Sequence[str]
    goal_ms: float
    environ: Mapping[str, str] = {}


def _complete(words: str) -> Mapping[str, str]:
    return {
        "_ORCHESTRA_COMPLETE": "complete_bash",
        "COMP_WORDS": "orchestra " + words,
        "COMP_CWORD": str(words.count(" ") + 1),
    }


CASES: Mapping[str, Case] = {
    "--version": Case([*_MAIN, "--version"], 10),
    "--help": Case([*_MAIN, "--help"], 100),
    "plan --help": Case([*_MAIN, "plan", "--help"], 100),
    "completion of a command": Case(_MAIN, 100, _complete("pl")),
    "completion of an option": Case(_MAIN, 100, _complete("plan --fo")),
    "completion of a step": Case(_MAIN, 100, _complete("plan new/flow.yaml --only s")),
    "validate, 10 steps": Case([*_MAIN, "validate", "new/flow.yaml"], 120),
    "plan, 10 steps": Case([*_MAIN, "plan", "new/flow.yaml"], 120),
    "plan --format json, 10 steps": Case(
        [*_MAIN, "plan", "new/flow.yaml", "--format", "json"], 120
    ),
    "plan, 10 steps that ran before": Case([*_MAIN, "plan", "flow.yaml"], 120),
}


def measure(folder: Path, rounds: int) -> List[Figure]:
    """Every case, in rounds in which each has its turn after bare Python."""
    excess: Dict[str, List[float]] = {name: [] for name in CASES}
    bare: List[float] = []
    for _ in range(rounds):
        for name, case in CASES.items():
            bare.append(cpu_s_of(["-c", "pass"], folder))
            taken = cpu_s_of(case.arguments, folder, case.environ)
            excess[name].append(taken - bare[-1])
    figures = [
        Figure(name, statistics.median(excess[name]) * 1000, "ms CPU", case.goal_ms)
        for name, case in CASES.items()
    ]
    return [Figure("bare Python", statistics.median(bare) * 1000, "ms CPU"), *figures]


def main() -> None:
    """Measure, say and write what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", dest="json_path")
    chosen = parser.parse_args()
    compile_orchestra()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(os.path.realpath(name))
        (folder / "new").mkdir()
        text = orchestra(steps_of(wide(_STEPS), COMMAND_BY_KIND["shell"]))["flow.yaml"]
        for path in (folder / "flow.yaml", folder / "new" / "flow.yaml"):
            path.write_text(text)
        cpu_s_of([*_MAIN, "run", "flow.yaml"], folder)
        figures = measure(folder, chosen.rounds)
    tell(figures, "over bare Python, median of %d" % chosen.rounds, chosen.json_path)


if __name__ == "__main__":
    main()
