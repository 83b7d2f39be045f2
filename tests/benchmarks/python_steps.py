"""Python steps beside `python -c` in commands: CPU of whole process trees, in interleaved rounds.

    python -m tests.benchmarks.python_steps [--steps 600] [--jobs 2] [--rounds 5] [--folder F]
                                            [--module numpy] [--python PATH] [--json PATH]

Each contender is the same orchestra on as many steps, everything on. A pair does the same work: in
steps of Python, and in commands that start the same interpreter for it. The second pair, where
there is a `--module`, imports that; its Python steps have it preloaded.

`processes` is what was started for the steps: their processes, and the fork server with its start.
`orchestra` is what it takes itself, with its own start and its share of each spawn; it is told
apart, as it has little to do with what is compared. A ratio over 1 is how many times less CPU the
Python steps take; each is the median of the rounds' own ratios.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Dict, List, NamedTuple

from tests.benchmarks.contenders import Contender, compile_orchestra, orchestra_run
from tests.benchmarks.measuring import measure
from tests.benchmarks.own import own_of, telling


class Shares(NamedTuple):
    """CPU seconds of one run."""

    processes_s: float
    orchestra_s: float

    @property
    def whole_s(self) -> float:
        """Both together."""
        return self.processes_s + self.orchestra_s


def pair(folder: Path, python: str, steps: int, jobs: int, module: str) -> List[Contender]:
    """A run of Python steps, then one of commands, of the same work."""
    code = "import %s" % module if module else "pass"
    preload = {"preload": [module] if module else []}
    defaults = {"env": {"OMP_NUM_THREADS": "1"}, "python": preload}
    found = []
    for name, body in {
        "steps": {"python": code},
        "commands": {"command": [python, "-c", code]},
    }.items():
        workflow = folder / ("%s%s.yaml" % (name, module))
        steps_by_id = {"s%d" % number: body for number in range(steps)}
        text = {"version": 1, "name": name, "defaults": defaults, "steps": steps_by_id}
        workflow.write_text(json.dumps(text))
        run = orchestra_run(workflow, folder / ("state-" + workflow.stem), jobs)
        run = telling(run, usage_of(folder, name))
        found.append(run._replace(name=name, argv=[python, *run.argv[1:]]))
    return found


def usage_of(folder: Path, name: str) -> Path:
    """Where orchestra writes what it took itself."""
    return folder / (name + ".usage")


def shares(folder: Path, contender: Contender) -> Shares:
    """Run it once."""
    whole_s = measure(contender).cpu_s
    own_s = own_of(usage_of(folder, contender.name)).cpu_s
    return Shares(whole_s - own_s, own_s)


def summarise(ours: List[Shares], theirs: List[Shares], steps: int) -> Dict[str, float]:
    """Microseconds of CPU a step, of both kinds, and by how much those of commands are more."""

    def us(seconds: List[float]) -> float:
        return statistics.median(seconds) / steps * 1e6

    return {
        "steps_processes_us": us([each.processes_s for each in ours]),
        "commands_processes_us": us([each.processes_s for each in theirs]),
        "processes_ratio": statistics.median(
            b.processes_s / a.processes_s for a, b in zip(ours, theirs)
        ),
        "steps_orchestra_us": us([each.orchestra_s for each in ours]),
        "commands_orchestra_us": us([each.orchestra_s for each in theirs]),
        "whole_ratio": statistics.median(b.whole_s / a.whole_s for a, b in zip(ours, theirs)),
    }


def main() -> None:
    """Measure, say and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", default="/dev/shm" if Path("/dev/shm").is_dir() else None)
    parser.add_argument("--module", help="a module to preload, such as numpy")
    parser.add_argument("--python", default=sys.executable, help="who has orchestra and the module")
    parser.add_argument("--json", dest="json_path")
    chosen = parser.parse_args()
    results: Dict[str, object] = dict(vars(chosen))
    compile_orchestra()
    say = sys.stdout.write
    say("%d steps on %d jobs, median of %d rounds\n" % (chosen.steps, chosen.jobs, chosen.rounds))
    heads = (
        "CPU us/step",
        "processes",
        "`python -c`",
        "ratio",
        "orchestra",
        "there",
        "whole ratio",
    )
    say("%-14s %10s %12s %7s %10s %7s %12s\n" % heads)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        for module in ["", chosen.module] if chosen.module else [""]:
            field = pair(folder, chosen.python, chosen.steps, chosen.jobs, module)
            rounds = [[shares(folder, each) for each in field] for _ in range(chosen.rounds)]
            ours, theirs = (list(runs) for runs in zip(*rounds))
            results[module or "pass"] = row = summarise(ours, theirs, chosen.steps)
            cells = ("import " + module if module else "pass", *row.values())
            say("%-14s %10.0f %12.0f %7.2f %10.0f %7.0f %12.2f\n" % cells)
    if chosen.json_path:
        Path(chosen.json_path).write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
