"""What it takes to have 500 alike tasks done by Slurm, beside `sbatch` in a loop, interleaved.

    python -m tests.benchmarks.slurm [--tasks 500] [--rounds 3] [--whole] [--json PATH]

The cluster is a private one on this machine. CPU is that of the submitting process and of Slurm's
programs which it starts, not of the cluster; `--whole` adds whole runs of `orchestra run`.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Sequence

from orchestra.executors.places import Gone, Task
from orchestra.model.errand import Errand
from tests.benchmarks.contenders import compile_orchestra
from tests.benchmarks.figures import Figure, tell
from tests.slurm.cluster import Cluster
from tests.slurm.conf import Shape
from tests.slurm.engine import place_on

_ERRAND = Errand("slurm", cpu=1000, memory_bytes=8 << 20)
_SHAPE = Shape(nodes=2, cpus=64, memory_mb=65536, min_job_age_s=5)
_WORKFLOW = """\
executor: slurm
steps:
  each:
    foreach: {numbers}
    resources: {{ cpu: 1, memory: 8MiB }}
    run: "true"
"""


_LIMIT_S = 900.0


class Cost(NamedTuple):
    """Of all tasks together; `taken_s` is until Slurm had them all."""

    cpu_s: float
    taken_s: float
    wall_s: float


def by_place(cluster: Cluster, folder: Path, tasks: int) -> Cost:
    """By the place of this project, polled as it wants to be."""
    made = [_task(folder, number) for number in range(tasks)]
    place = place_on(cluster)
    cpu_s, began = _cpu_s(), time.monotonic()
    left = tasks - _over(place.submit(made))
    taken_s = time.monotonic() - began
    while left:
        time.sleep(place.period_s())
        left -= _over(place.poll())
    return Cost(_cpu_s() - cpu_s, taken_s, time.monotonic() - began)


def by_loop(cluster: Cluster, folder: Path, tasks: int) -> Cost:
    """By a shell that calls sbatch for each, then squeue until none is left."""
    script = (
        """
    n=0
    while [ $n -lt %d ]; do
      sbatch --quiet --mem=8 -o /dev/null --wrap 'echo ran >/dev/null' >/dev/null; n=$((n + 1))
    done
    touch taken
    while [ -n "$(squeue -h)" ]; do sleep 0.5; done
    """
        % tasks
    )
    return _of_command(cluster, folder, ["sh", "-c", script])


def by_run(cluster: Cluster, folder: Path, tasks: int) -> Cost:
    """By `orchestra run`, from its start to its end."""
    (folder / "flow.yaml").write_text(_WORKFLOW.format(numbers=list(range(tasks))))
    return _of_command(cluster, folder, [sys.executable, "-m", "orchestra", "run", "flow.yaml"])


def measure(
    ways: Dict[str, Callable[[Cluster, Path, int], Cost]], tasks: int, rounds: int
) -> List[Figure]:
    """Every way, in rounds in which each has its turn; medians."""
    found: Dict[str, List[Cost]] = {name: [] for name in ways}
    with Cluster(_SHAPE) as cluster:
        for _ in range(rounds):
            for name, way in ways.items():
                with tempfile.TemporaryDirectory() as folder:
                    found[name].append(way(cluster, Path(os.path.realpath(folder)), tasks))
                cluster.wait_for(lambda: not cluster.ask("squeue", "-h"), "jobs are left")
    return [figure for name in ways for figure in _figures(name, found[name], tasks)]


def _figures(name: str, costs: Sequence[Cost], tasks: int) -> List[Figure]:
    cpu_s, taken_s, wall_s = (statistics.median(each) for each in zip(*costs))
    return [
        Figure("%s, CPU a task" % name, cpu_s / tasks * 1e6, "µs"),
        Figure("%s, until all are taken in" % name, taken_s, "s"),
        Figure("%s, until all are over" % name, wall_s, "s"),
    ]


def _task(folder: Path, number: int) -> Task:
    own = folder / "errands" / ("%s.%d" % (folder.name, number))
    own.mkdir(parents=True)
    (own / "start").write_text("echo ran >%s\n" % shlex.quote(str(own / "end")))
    return Task(own.name, str(own), "each", _ERRAND)


def _over(news: Sequence[object]) -> int:
    return sum(isinstance(each, Gone) for each in news)


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _of_command(cluster: Cluster, folder: Path, command: Sequence[str]) -> Cost:
    cpu_s, began = _cpu_s(), time.monotonic()
    at = time.time()
    subprocess.run(
        command,
        cwd=str(folder),
        env={**os.environ, **cluster.environ},
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=_LIMIT_S,
    )
    taken = folder / "taken"
    wall_s = time.monotonic() - began
    taken_s = taken.stat().st_mtime - at if taken.exists() else wall_s
    return Cost(_cpu_s() - cpu_s, taken_s, wall_s)


def main() -> None:
    """Measure, say and write what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--json", dest="json_path")
    chosen = parser.parse_args()
    compile_orchestra()
    ways: Dict[str, Callable[[Cluster, Path, int], Cost]] = {
        "the place": by_place,
        "sbatch in a loop": by_loop,
    }
    if chosen.whole:
        ways["orchestra run"] = by_run
    figures = measure(ways, chosen.tasks, chosen.rounds)
    tell(figures, "%d tasks, median of %d" % (chosen.tasks, chosen.rounds), chosen.json_path)


if __name__ == "__main__":
    main()
