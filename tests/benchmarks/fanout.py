"""What a fan-out costs that is known only while the run goes on: 10,000 items beside 1,000.

    python -m tests.benchmarks.fanout [--items 10000] [--rounds 3] [--folder F] [--json PATH]

The list is an output of a step before it. CPU of the whole process tree, in interleaved rounds; a
ratio of 10 is linear.
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
from tests.benchmarks.measuring import measure

_WORKFLOW = """version: 1
steps:
  list:
    python: outputs["items"] = list(range(%d))
    outputs: {items: json}
  each:
    needs: list
    foreach: ${{ steps.list.outputs.items }}
    command: [/bin/true]
"""


def fan_out(folder: Path, items: int) -> Contender:
    """A run of so many instances, two at a time."""
    path = folder / ("items%d.yaml" % items)
    path.write_text(_WORKFLOW % items)
    run = orchestra_run(path, folder / ("state%d" % items), 2)
    return run._replace(name="%d items" % items)


def main() -> None:
    """Measure, say and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", default="/dev/shm" if Path("/dev/shm").is_dir() else None)
    parser.add_argument("--json", dest="json_path")
    chosen = parser.parse_args()
    seconds: Dict[str, List[float]] = {}
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        field = [fan_out(Path(name), count) for count in (chosen.items // 10, chosen.items)]
        for _ in range(chosen.rounds):
            for contender in field:
                seconds.setdefault(contender.name, []).append(measure(contender).cpu_s)
    few, many = seconds.values()
    ratio = statistics.median(b / a for a, b in zip(few, many))
    for label, found in seconds.items():
        sys.stdout.write("%-14s %8.2f CPU-s\n" % (label, statistics.median(found)))
    sys.stdout.write("ratio %.1f, where 10 is linear\n" % ratio)
    if chosen.json_path:
        text = json.dumps({"seconds": seconds, "ratio": ratio}, indent=2)
        Path(chosen.json_path).write_text(text + "\n")


if __name__ == "__main__":
    main()
