"""The engine beside ninja and a bare loop: CPU of whole process trees, in interleaved rounds.

    python -m tests.benchmarks.engine [--steps 10000] [--jobs 2] [--rounds 5] [--folder F]
                                      [--kind shell|program] [--json PATH]

Everything is on: validation, plan, output pipes, a commit per turn, plain view. A ratio over 1 is
better than ninja; each is the median of the rounds' own ratios. At the end: what orchestra itself
takes per step, without its steps, when its process holds 10 MB and 500 MB.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Dict, List

from tests.benchmarks.contenders import (
    COMMAND_BY_KIND,
    Contender,
    bare_loop,
    compile_orchestra,
    contender_of,
)
from tests.benchmarks.graphs import steps_of, wide
from tests.benchmarks.measuring import Cost, measure
from tests.benchmarks.own import own_of, telling
from tests.benchmarks.programs import default_cache, provide

RESIDENT_BYTES = (10 * 10**6, 500 * 10**6)


def field_of(folder: Path, kind: str, steps: int, jobs: int, ninja: Path) -> List[Contender]:
    """Orchestra, ninja and the bare loop, for the same independent steps."""
    command = COMMAND_BY_KIND[kind]
    graph = steps_of(wide(steps), command)
    bare = command if isinstance(command, list) else ["/bin/sh", "-c", command]
    return [
        contender_of("orchestra", folder / "orchestra", graph, jobs),
        contender_of("ninja", folder / "ninja", graph, jobs, ninja),
        bare_loop(bare, steps, jobs),
    ]


def race(field: List[Contender], rounds: int) -> Dict[str, List[Cost]]:
    """The costs of each, in rounds in which each has its turn."""
    costs: Dict[str, List[Cost]] = {contender.name: [] for contender in field}
    for _ in range(rounds):
        for contender in field:
            costs[contender.name].append(measure(contender))
    return costs


def summarise(costs: Dict[str, List[Cost]], steps: int) -> Dict[str, Dict[str, float]]:
    """Microseconds a step, and the rate of each as a multiple of ninja's."""
    peer = costs["ninja"]
    return {
        name: {
            "cpu_us": statistics.median(cost.cpu_s for cost in own) / steps * 1e6,
            "wall_us": statistics.median(cost.wall_s for cost in own) / steps * 1e6,
            "ratio": statistics.median(b.cpu_s / a.cpu_s for a, b in zip(own, peer)),
        }
        for name, own in costs.items()
    }


def resident(folder: Path, steps: int, jobs: int, rounds: int) -> Dict[str, float]:
    """Microseconds a step that orchestra itself takes, by what its process holds."""
    usage = folder / "usage.json"
    plain = contender_of(
        "orchestra", folder, steps_of(wide(steps), COMMAND_BY_KIND["program"]), jobs
    )
    field = [
        telling(plain, usage, size)._replace(name="%d MB" % (size // 10**6))
        for size in RESIDENT_BYTES
    ]
    own: Dict[str, List[float]] = {contender.name: [] for contender in field}
    for _ in range(rounds):
        for contender in field:
            measure(contender)
            own[contender.name].append(own_of(usage).cpu_s)
    return {name: statistics.median(seconds) / steps * 1e6 for name, seconds in own.items()}


def main() -> None:
    """Measure, say and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kind", action="append", choices=COMMAND_BY_KIND, dest="kinds")
    parser.add_argument("--folder", default="/dev/shm" if Path("/dev/shm").is_dir() else None)
    parser.add_argument("--json", dest="json_path")
    chosen = parser.parse_args()
    results: Dict[str, object] = {"python": sys.version.split()[0], **vars(chosen)}
    say = sys.stdout.write
    compile_orchestra()
    ninja = provide(["ninja"], default_cache())["ninja"]
    if ninja is None:
        raise SystemExit("there is no ninja, and it could not be installed")
    say("%d steps on %d jobs, median of %d rounds\n" % (chosen.steps, chosen.jobs, chosen.rounds))
    with tempfile.TemporaryDirectory(dir=chosen.folder) as place:
        folder = Path(place)
        for kind in chosen.kinds or COMMAND_BY_KIND:
            field = field_of(folder, kind, chosen.steps, chosen.jobs, ninja.path)
            results[kind] = summary = summarise(race(field, chosen.rounds), chosen.steps)
            say(
                "\n%-10s %12s %12s %16s\n"
                % (kind, "CPU µs/step", "wall µs/step", "rate, ninja = 1")
            )
            for name, row in summary.items():
                cells = (name, row["cpu_us"], row["wall_us"], row["ratio"])
                say("%-10s %12.0f %12.0f %16.2f\n" % cells)
        results["resident"] = own = resident(folder, chosen.steps, chosen.jobs, chosen.rounds)
        say("\norchestra itself, CPU µs/step: ")
        say(", ".join("%.0f at %s resident" % (cost, size) for size, cost in own.items()) + "\n")
    if chosen.json_path:
        Path(chosen.json_path).write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
