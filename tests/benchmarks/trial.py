"""Whether a peer runs what it is told: every step once, after all that it needs.

Each step writes its beginning and its end into a ledger, and only that is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence, Tuple

from tests.benchmarks.contenders import contender_of
from tests.benchmarks.graphs import Needs, Step, backwards, chain, layered, wide
from tests.benchmarks.measuring import measure

COUNT = 20
# from the end to the start: who left a need out would begin with the first in the file
ORDERED = {"chain": backwards(chain(COUNT)), "layered": backwards(layered(COUNT, width=5))}


class Story(NamedTuple):
    """What a ledger tells: the steps by number, and (step, need) where one began too early."""

    begun: List[int]
    ended: List[int]
    too_early: List[Tuple[int, int]]


RIGHT = Story(list(range(COUNT)), list(range(COUNT)), [])


def story_of(lines: Sequence[str], graph: Sequence[Needs]) -> Story:
    """What the lines of a ledger tell of the steps of a graph."""
    begun = [int(line.split()[1]) for line in lines if line.startswith("begin")]
    ended = [int(line.split()[1]) for line in lines if line.startswith("end")]
    place_by_line = {line: place for place, line in enumerate(lines)}
    too_early = [
        (step, need)
        for step in set(begun)
        for need in graph[step]
        if place_by_line["begin %d" % step] < place_by_line.get("end %d" % need, len(lines))
    ]
    return Story(sorted(begun), sorted(ended), too_early)


def tell(
    name: str, program: Optional[Path], folder: Path, graph: Sequence[Needs], shell: bool
) -> Story:
    """What a real run of COUNT steps tells, as scripts for a `shell` or as programs.

    Raises:
        CalledProcessError, TimeoutExpired: as `measure` does.
    """
    folder.mkdir(parents=True)
    ledger = folder / "the ledger"
    ledger.touch()
    scripts = [
        "echo begin %d >> '%s'; echo end %d >> '%s'" % (n, ledger, n, ledger) for n in range(COUNT)
    ]
    steps = [
        Step(script if shell else ["/bin/sh", "-c", script], needs)
        for script, needs in zip(scripts, graph)
    ]
    measure(contender_of(name, folder / "peer", steps, 2, program), 300.0)
    return story_of(ledger.read_text().splitlines(), graph)


def is_right(name: str, program: Optional[Path], folder: Path) -> bool:
    """Whether all the stories of a peer are as they should be.

    Raises:
        CalledProcessError, TimeoutExpired: as `measure` does.
    """
    graphs = {"wide": wide(COUNT)} if name == "parallel" else ORDERED
    return all(
        tell(name, program, folder / shape / kind, graph, kind == "shell") == RIGHT
        for shape, graph in graphs.items()
        for kind in ("shell", "program")
    )
