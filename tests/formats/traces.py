"""Small traces of different shapes, made up, as each version of WfFormat writes them."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Set, Tuple


class Made(NamedTuple):
    """A task that is made up: its parents are ids of tasks before it."""

    id: str
    name: str
    parents: Sequence[str] = ()
    runtime_s: float = 1.0
    cores: float = 1
    memory_bytes: int = 0


def chain(length: int = 4) -> List[Made]:
    """One after the other."""
    return [Made("c%d" % n, "link", ["c%d" % (n - 1)] if n else [], n + 0.5) for n in range(length)]


def fork_join(width: int = 5) -> List[Made]:
    """One, many beside each other, one."""
    middle = [Made("work_%d" % n, "work", ["split"], 4.0, 2, 2**20) for n in range(width)]
    ends = [made.id for made in middle]
    return [Made("split", "split"), *middle, Made("join", "join", ends, 2.5)]


def layered(lanes: int = 3, samples: int = 2) -> List[Made]:
    """As in epigenomics: each sample is split into lanes, chains of four, and merged again."""
    tasks: List[Made] = []
    for sample in range(samples):
        split = "split-%d" % sample
        tasks.append(Made(split, "fastqSplit", (), 3.0))
        last = []
        for lane in range(lanes):
            above = split
            for name in ("filter", "convert", "encode", "map"):
                id = "%s-%d-%d" % (name, sample, lane)
                tasks.append(Made(id, name, [above], 1.25 + lane, 1, 10**6))
                above = id
            last.append(above)
        tasks.append(Made("merge-%d" % sample, "mapMerge", last, 2.0))
    merges = ["merge-%d" % sample for sample in range(samples)]
    return [*tasks, Made("index", "maqIndex", merges, 5.0, 4), Made("pileup", "pileup", ["index"])]


def mosaic(images: int = 4) -> List[Made]:
    """As in montage: neighbours are compared pair by pair, then everything waits for one model."""
    project = [Made("project.%d" % n, "mProject", (), 10.0 + n, 1, 10**6) for n in range(images)]
    pairs = [(n, m) for n in range(images) for m in (n + 1, n + 2) if m < images]
    compare = [
        Made("diff.%d.%d" % pair, "mDiffFit", ["project.%d" % n for n in pair], 0.5)
        for pair in pairs
    ]
    concat = Made("concat", "mConcatFit", [made.id for made in compare], 2.0)
    model = Made("model", "mBgModel", ["concat"], 30.0, 1.5)
    correct = [
        Made("background.%d" % n, "mBackground", ["project.%d" % n, "model"], 0.75)
        for n in range(images)
    ]
    add = Made("add", "mAdd", [made.id for made in correct], 12.0, 2, 10**9)
    return [*project, *compare, concat, model, *correct, add, Made("view", "mViewer", ["add"])]


SHAPES: Mapping[str, List[Made]] = {
    "chain": chain(),
    "fork-join": fork_join(),
    "layered": layered(),
    "mosaic": mosaic(),
}


def split_instance(tasks: Sequence[Made], version: str = "1.5", **execution: Any) -> Dict[str, Any]:
    """As 1.5 and 1.6 have it."""
    children: Dict[str, List[str]] = {made.id: [] for made in tasks}
    for made in tasks:
        for parent in made.parents:
            children[parent].append(made.id)
    return {
        "name": "made-up",
        "schemaVersion": version,
        "workflow": {
            "specification": {
                "tasks": [
                    {
                        "name": made.name,
                        "id": made.id,
                        "parents": list(made.parents),
                        "children": children[made.id],
                        "inputFiles": [],
                        "outputFiles": [],
                    }
                    for made in tasks
                ],
                "files": [],
            },
            "execution": {
                "makespanInSeconds": 100.5,
                "executedAt": "2026-01-31T10:15:00Z",
                "tasks": [
                    {
                        "id": made.id,
                        "runtimeInSeconds": made.runtime_s,
                        "coreCount": made.cores,
                        "memoryInBytes": made.memory_bytes,
                    }
                    for made in tasks
                ],
                **execution,
            },
        },
    }


def flat_instance(tasks: Sequence[Made]) -> Dict[str, Any]:
    """As 1.4 has it: one list, parents by name, nothing of the children."""
    full = {made.id: "%s_%s" % (made.name, made.id) for made in tasks}
    return {
        "name": "made-up",
        "schemaVersion": "1.4",
        "workflow": {
            "makespanInSeconds": 100.5,
            "executedAt": "2026-01-31T10:15:00Z",
            "tasks": [
                {
                    "name": full[made.id],
                    "id": made.id,
                    "type": "compute",
                    "parents": [full[parent] for parent in made.parents],
                    "runtimeInSeconds": made.runtime_s,
                    "cores": made.cores,
                    "memoryInBytes": made.memory_bytes,
                }
                for made in tasks
            ],
        },
    }


def edges_of(tasks: Sequence[Made]) -> Set[Tuple[str, str]]:
    """Who waits for whom: parent and child."""
    return {(parent, made.id) for made in tasks for parent in made.parents}


def as_json(instance: Any) -> str:
    """The text of the file."""
    return json.dumps(instance, indent=2)
