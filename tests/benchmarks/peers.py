"""Orchestra beside its peers: the same silent steps in three shapes, in interleaved rounds.

    python -m tests.benchmarks.peers [--steps 100,1000,10000] [--shapes wide,chain,layered]
        [--kinds shell,program] [--peers orchestra,ninja,…] [--jobs N] [--rounds 3]
        [--limit 300] [--folder F] [--cache F] [--json PATH]

What is missing of the peers is installed into a cache folder. CPU is that of whole process trees;
a rate over 1 is better than ninja, each the median of the rounds' own ratios. The limit is in
seconds: a run is stopped there; a peer that was stopped is not tried with more steps; who would
need more for all rounds together has fewer of them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Set, Tuple

from orchestra import __version__
from tests.benchmarks.contenders import (
    COMMAND_BY_KIND,
    Contender,
    compile_orchestra,
    contender_of,
    forget,
)
from tests.benchmarks.descriptions import DESCRIPTIONS
from tests.benchmarks.graphs import SHAPES, steps_of
from tests.benchmarks.measuring import measure
from tests.benchmarks.programs import Installed, default_cache, provide
from tests.benchmarks.tables import (
    Group,
    Result,
    Results,
    cpu_cell,
    detail,
    overview,
    values,
    wall_and_memory_cell,
)
from tests.benchmarks.trial import is_right


def race(field: List[Contender], rounds: int, limit_s: float) -> Results:
    """What each has cost, in rounds in which each has its turn.

    Who fails is out, and who would need more than the limit for all rounds together has fewer.
    """
    results: Results = {contender.name: Result([]) for contender in field}
    for _ in range(rounds):
        for contender in field:
            found = results[contender.name]
            if has_time(found, limit_s):
                results[contender.name] = _one_more(contender, found, limit_s)
    return results


def _one_more(contender: Contender, found: Result, limit_s: float) -> Result:
    try:
        return Result([*found.costs, measure(contender, limit_s)])
    except subprocess.TimeoutExpired:
        return found._replace(fault=over(limit_s))
    except subprocess.CalledProcessError as error:
        said = [line.strip() for line in error.stderr.splitlines() if line.strip()]
        return found._replace(fault="failed: %s" % (said[-1] if said else error.returncode))


def has_time(found: Result, limit_s: float) -> bool:
    """Whether it has not failed, and its rounds with one more like them are within the limit."""
    count = len(found.costs)
    wall_s = sum(cost.wall_s for cost in found.costs)
    return not found.fault and (count == 0 or wall_s * (count + 1) / count <= limit_s)


def over(limit_s: float) -> str:
    """How a run is called that has not ended by then."""
    return "> %g s" % limit_s


class Course:
    """Group after group, in one folder; remembers who was too slow."""

    def __init__(
        self, folder: Path, programs: Mapping[str, Optional[Installed]], options: argparse.Namespace
    ) -> None:
        self._folder = folder
        self._faults: Dict[str, str] = {}
        self._programs = programs
        self._options = options
        self._too_slow: Set[Tuple[str, str, str]] = set()

    def try_all(self) -> None:
        """Have each show that it runs every step once and in order: who does not is left out."""
        for name, program in self._programs.items():
            if program is not None:
                forget(self._folder)
                self._faults[name] = self._fault(name, program.path)

    def _fault(self, name: str, program: Path) -> str:
        try:
            right = is_right(name, program, self._folder)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            return "does not run: %s" % error
        return "" if right else "runs other steps than it was told"

    def run(self, group: Group) -> Results:
        """Measure all who can run it; the others have a fault instead."""
        graph = steps_of(SHAPES[group.shape](group.steps), COMMAND_BY_KIND[group.kind])
        faults = {name: self._hindrance(name, group) for name in self._options.peers}
        forget(self._folder)
        field = [
            contender_of(name, self._folder / name, graph, self._options.jobs, self._path(name))
            for name, fault in faults.items()
            if not fault
        ]
        found = race(field, self._options.rounds, self._options.limit)
        results = {name: found.get(name, Result([], fault)) for name, fault in faults.items()}
        slow = over(self._options.limit)
        self._too_slow.update(
            (name, group.kind, group.shape) for name in results if results[name].fault == slow
        )
        return results

    def _hindrance(self, name: str, group: Group) -> str:
        if name != "orchestra" and self._programs[name] is None:
            return "not installed"
        if self._faults.get(name):
            return self._faults[name]
        if name == "parallel" and group.shape != "wide":
            return "knows no order"
        too_slow = (name, group.kind, group.shape) in self._too_slow
        return over(self._options.limit) if too_slow else ""

    def _path(self, name: str) -> Optional[Path]:
        installed = self._programs.get(name)
        return installed.path if installed else None


def main() -> None:
    """Measure, say and write what came out, after each group."""
    chosen = parser_of_options().parse_args()
    compile_orchestra()
    wanted = [name for name in chosen.peers if name != "orchestra"]
    programs = provide(wanted, Path(chosen.cache))
    versions = {name: found.version if found else None for name, found in programs.items()}
    about = {
        "machine": "%s, %d cores" % (platform.platform(), os.cpu_count() or 1),
        "python": platform.python_version(),
        "jobs": chosen.jobs,
        "rounds": chosen.rounds,
        "limit_s": chosen.limit,
        "versions": {"orchestra": __version__, **versions},
    }
    sys.stdout.write("%s\n" % json.dumps(about, indent=2))
    found: Dict[Group, Results] = {}
    with tempfile.TemporaryDirectory(dir=chosen.folder) as place:
        course = Course(Path(place) / "course", programs, chosen)
        course.try_all()
        for group in _groups(chosen):
            found[group] = course.run(group)
            sys.stdout.write("\n" + detail(group, found[group]))
            sys.stdout.flush()
            if chosen.json_path:
                text = json.dumps({**about, "results": values(found)}, indent=2)
                Path(chosen.json_path).write_text(text + "\n")
    for cell, title in (
        (cpu_cell, "CPU µs a step (rate, ninja = 1)"),
        (wall_and_memory_cell, "wall time and peak memory of the orchestrating process"),
    ):
        for kind in chosen.kinds:
            sys.stdout.write("\n%s\n\n%s" % (title, overview(kind, found, cell)))


def _groups(chosen: argparse.Namespace) -> List[Group]:
    """Small ones first: who is too slow for them is spared the larger ones."""
    return [
        Group(kind, shape, steps)
        for steps in sorted(chosen.steps)
        for kind in chosen.kinds
        for shape in chosen.shapes
    ]


def parser_of_options() -> argparse.ArgumentParser:
    """What the command line may hold."""
    memory = Path("/dev/shm")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--steps", type=_counts, default=[100, 1_000, 10_000])
    for option, known in (
        ("--shapes", list(SHAPES)),
        ("--kinds", list(COMMAND_BY_KIND)),
        ("--peers", list(DESCRIPTIONS)),
    ):
        parser.add_argument(option, type=_some_of(known), default=known, help=", ".join(known))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for a run")
    parser.add_argument("--folder", default=str(memory) if memory.is_dir() else None)
    parser.add_argument("--cache", default=str(default_cache()))
    parser.add_argument("--json", dest="json_path")
    return parser


def _counts(text: str) -> List[int]:
    return [int(word) for word in text.split(",")]


def _some_of(known: Sequence[str]) -> Callable[[str], List[str]]:
    """A list of some of these names, as argparse reads it from a word."""

    def names(text: str) -> List[str]:
        chosen = text.split(",")
        unknown = ", ".join(name for name in chosen if name not in known)
        if unknown:
            raise argparse.ArgumentTypeError("%s: known are %s" % (unknown, ", ".join(known)))
        return chosen

    return names


if __name__ == "__main__":
    main()
