"""Python steps beside `python -c` in commands: CPU of whole process trees, in interleaved rounds.

    python -m tests.benchmarks.python_steps [--steps 200] [--jobs 2] [--rounds 5] [--folder F]
                                            [--module numpy] [--python PATH] [--json PATH]

Each contender is the same orchestra on as many steps, everything on. A pair does the same work: in
steps of Python, and in commands that start the same interpreter for it. The second pair, where
there is a `--module`, imports that; its Python steps have it preloaded. A ratio over 1 is how many
times less CPU the Python steps take; each is the median of the rounds' own ratios.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Dict, List

from tests.benchmarks.contenders import Contender, orchestra_run
from tests.benchmarks.engine import Cost, race


def contenders(
    folder: Path, python: str, steps: int, jobs: int, modules: List[str]
) -> List[Contender]:
    """For each work a run of Python steps, then one of commands."""
    found = []
    for module in ["", *modules]:
        code = "import %s" % module if module else "pass"
        defaults = {
            "env": {"OMP_NUM_THREADS": "1"},
            "python": {"preload": [module] if module else []},
        }
        bodies = {
            "steps" + module: {"python": code},
            "commands" + module: {"command": [python, "-c", code]},
        }
        for name, body in bodies.items():
            workflow = folder / ("%s.yaml" % name)
            steps_by_id = {"s%d" % number: body for number in range(steps)}
            text = {"version": 1, "name": name, "defaults": defaults, "steps": steps_by_id}
            workflow.write_text(json.dumps(text))
            run = orchestra_run(workflow, folder / ("state-" + name), jobs)
            found.append(run._replace(name=name, argv=[python, *run.argv[1:]]))
    return found


def summarise(
    costs: Dict[str, List[Cost]], steps: int, modules: List[str]
) -> Dict[str, Dict[str, float]]:
    """Microseconds of CPU a step of both kinds, and by how much that of commands is more."""
    found = {}
    for module in ["", *modules]:
        ours, theirs = costs["steps" + module], costs["commands" + module]
        found[module or "nothing"] = {
            "step_us": statistics.median(cost.cpu_s for cost in ours) / steps * 1e6,
            "command_us": statistics.median(cost.cpu_s for cost in theirs) / steps * 1e6,
            "ratio": statistics.median(b.cpu_s / a.cpu_s for a, b in zip(ours, theirs)),
        }
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", help="where to work; the default is a new one that is removed")
    parser.add_argument("--module", help="a module to preload, such as numpy")
    parser.add_argument("--python", default=sys.executable, help="who has orchestra and the module")
    parser.add_argument("--json", help="where to write the figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(options.folder or place)
        modules = [options.module] if options.module else []
        field = contenders(folder, options.python, options.steps, options.jobs, modules)
        found = summarise(race(field, options.rounds), options.steps, modules)
    for name, figures in found.items():
        shape = "import %-8s step %7.0f us   command %7.0f us   ratio %5.2f\n"
        sys.stdout.write(shape % (name, *figures.values()))
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
