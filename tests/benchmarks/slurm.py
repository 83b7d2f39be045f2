"""What it takes to have 500 alike tasks done by Slurm, beside `sbatch` in a loop, interleaved.

    python -m tests.benchmarks.slurm [--tasks 500] [--rounds 3] [--whole] [--snakemake-tasks N]
        [--limit 600] [--cache F] [--json PATH]

The cluster is a private one on this machine, the same for all, and each task asks for 1 core and
1,000 MiB. CPU is that of the submitting process and of Slurm's programs which it starts; with
cluster and jobs, that of Slurm's daemons and of the jobs besides. `--whole` adds whole runs of
`orchestra run`; `--snakemake-tasks` has so many tasks done by Snakemake and its plugin for Slurm,
which are installed into the cache folder where they are missing, as single jobs and as an array. It
starts itself anew in each job, with 0.4 GB of memory: mind how much there is. A program that has
not ended after `--limit` seconds is ended with its jobs, and is left out from then on.
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
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from orchestra.executors.places import Gone, Task
from orchestra.executors.subreaper import Subreaper
from orchestra.model.errand import Errand
from tests.benchmarks.contenders import Contender, compile_orchestra
from tests.benchmarks.figures import Figure, tell
from tests.benchmarks.measuring import measure
from tests.benchmarks.programs import default_cache, provide
from tests.benchmarks.slurm_snakemake import snakemake_on
from tests.cli.commandline import ROOT
from tests.slurm.cluster import Cluster
from tests.slurm.conf import Shape
from tests.slurm.engine import place_on

# With less Slurm ends some of Snakemake's jobs: they have 380 MB at times. So much for each core is
# there: it is not memory that limits how many run at once.
_MEMORY_MB = 1000
_ERRAND = Errand("slurm", cpu=1000, memory_bytes=_MEMORY_MB << 20)
# for Snakemake, which looks less and less often, a job must be known for a while after its end
_SHAPE = Shape(nodes=2, cpus=64, memory_mb=65536, min_job_age_s=120)
_WORKFLOW = """\
executor: slurm
steps:
  each:
    foreach: {numbers}
    resources: {{ cpu: 1, memory: {memory_mb}MiB }}
    run: "true"
"""


class Cost(NamedTuple):
    """Of all tasks together; `taken_s` is until Slurm had them all, where that is known."""

    cpu_s: float
    wall_s: float
    taken_s: Optional[float] = None


class Way(NamedTuple):
    """A way to have so many tasks done in a folder.

    Raises:
        CalledProcessError, TimeoutExpired: as `measure` of `measuring` does.
    """

    name: str
    tasks: int
    go: Callable[[Cluster, Path, int], Cost]


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
    return Cost(_cpu_s() - cpu_s, time.monotonic() - began, taken_s)


def by_loop(limit_s: float, cluster: Cluster, folder: Path, tasks: int) -> Cost:
    """By a shell that calls sbatch for each, then squeue until none is left."""
    script = """
    n=0
    while [ $n -lt %d ]; do
      sbatch --quiet --mem=%d -o /dev/null --wrap 'echo ran >/dev/null' >/dev/null; n=$((n + 1))
    done
    touch taken
    while [ -n "$(squeue -h)" ]; do sleep 0.5; done
    """
    command = ["sh", "-c", script % (tasks, _MEMORY_MB)]
    at = time.time()
    cost = _of_program(Contender("loop", command, int, folder, cluster.environ), limit_s)
    return cost._replace(taken_s=(folder / "taken").stat().st_mtime - at)


def by_run(limit_s: float, cluster: Cluster, folder: Path, tasks: int) -> Cost:
    """By `orchestra run`, from its start to its end."""
    text = _WORKFLOW.format(numbers=list(range(tasks)), memory_mb=_MEMORY_MB)
    (folder / "flow.yaml").write_text(text)
    command = [sys.executable, "-m", "orchestra", "run", "flow.yaml"]
    environ = {**cluster.environ, "PYTHONPATH": ROOT}
    return _of_program(Contender("orchestra", command, int, folder, environ), limit_s)


def by_snakemake(
    program: Path,
    options: Sequence[str],
    limit_s: float,
    cluster: Cluster,
    folder: Path,
    tasks: int,
) -> Cost:
    """By Snakemake with its plugin, from its start to its end."""
    run = snakemake_on(cluster.environ, program, folder, tasks, _MEMORY_MB)
    return _of_program(run._replace(argv=[*run.argv, *options]), limit_s)


def turn(cluster: Cluster, way: Way) -> Union[Cost, str]:
    """What a way has cost, or why it is not known; no job is left on the cluster."""
    found: Union[Cost, str]
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = way.go(cluster, Path(os.path.realpath(folder)), way.tasks)
        except subprocess.TimeoutExpired as error:
            found = "not finished in %g s" % error.timeout
        except subprocess.CalledProcessError as error:
            said = [line.strip() for line in error.stderr.splitlines() if line.strip()]
            found = "failed: %s" % (said[-1] if said else error.returncode)
        if isinstance(found, str):
            cluster.ask("scancel", "--partition=main")
        cluster.wait_for(lambda: not cluster.ask("squeue", "-h"), "jobs are left")
    return found


def compare(ways: Sequence[Way], rounds: int) -> Tuple[List[Figure], List[str]]:
    """Every way, in rounds in which each has its turn: medians, and why some have none."""
    figures_by_way: Dict[Way, List[List[Figure]]] = {way: [] for way in ways}
    faults: Dict[Way, str] = {}
    try:
        # what watches over a job is orphaned as it starts: so it comes to be a child of this
        with closing(Subreaper()), Cluster(_SHAPE) as cluster:
            for way in [way for _ in range(rounds) for way in ways]:
                if way in faults:
                    continue
                before_s = _whole_cpu_s(cluster)
                found = turn(cluster, way)
                if isinstance(found, str):
                    faults[way] = "%s: %s" % (way.name, found)
                else:
                    whole_s = _whole_cpu_s(cluster) - before_s
                    figures_by_way[way].append(_figures(way, found, whole_s))
    finally:
        _reap()
    return [
        figures[0]._replace(value=statistics.median(figure.value for figure in figures))
        for found_figures in figures_by_way.values()
        for figures in zip(*found_figures)
    ], list(faults.values())


def _figures(way: Way, cost: Cost, whole_s: float) -> List[Figure]:
    figures = [
        Figure("%s, CPU a task" % way.name, cost.cpu_s / way.tasks * 1e3, "ms"),
        Figure("%s, … with cluster and jobs" % way.name, whole_s / way.tasks * 1e3, "ms"),
        Figure("%s, until all are over" % way.name, cost.wall_s, "s"),
        Figure("%s, tasks a second" % way.name, way.tasks / cost.wall_s, "tasks/s"),
    ]
    if cost.taken_s is not None:
        figures.append(Figure("%s, until all are taken in" % way.name, cost.taken_s, "s"))
    return figures


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


def _of_program(contender: Contender, limit_s: float) -> Cost:
    cost = measure(contender, limit_s)
    return Cost(cost.cpu_s, cost.wall_s)


def _whole_cpu_s(cluster: Cluster) -> float:
    """So far, of this process, of all that it started and has ended, and of the daemons."""
    _reap()
    ticks = 0
    for pid in cluster.daemon_pids:
        stat = Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()
        ticks += sum(map(int, stat[11:15]))
    return _cpu_s() + ticks / os.sysconf("SC_CLK_TCK")


def _reap() -> None:
    """Take what has ended and is waited for by nobody; its CPU counts from then on."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _ways(chosen: argparse.Namespace) -> Tuple[List[Way], List[str]]:
    """All that were asked for, and why some cannot be had."""
    ways = [
        Way("the place", chosen.tasks, by_place),
        Way("sbatch in a loop", chosen.tasks, partial(by_loop, chosen.limit)),
    ]
    if chosen.whole:
        ways.append(Way("orchestra run", chosen.tasks, partial(by_run, chosen.limit)))
    if not chosen.snakemake_tasks:
        return ways, []
    installed = provide(["snakemake-slurm"], Path(chosen.cache))["snakemake-slurm"]
    if installed is None:
        return ways, ["Snakemake: not installed"]
    for kind, options in (("jobs", []), ("array", ["--slurm-array-jobs", "all"])):
        name = "Snakemake, %d as %s" % (chosen.snakemake_tasks, kind)
        go = partial(by_snakemake, installed.path, options, chosen.limit)
        ways.append(Way(name, chosen.snakemake_tasks, go))
    return ways, []


def main() -> None:
    """Measure, say and write what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--snakemake-tasks", type=int, default=0)
    parser.add_argument("--limit", type=float, default=600.0, help="seconds for a program")
    parser.add_argument("--cache", default=str(default_cache()))
    parser.add_argument("--json", dest="json_path")
    chosen = parser.parse_args()
    compile_orchestra()
    ways, missing = _ways(chosen)
    figures, faults = compare(ways, chosen.rounds)
    how = "%d tasks, median of %d" % (chosen.tasks, chosen.rounds)
    tell(figures, "; ".join([how, *missing, *faults]), chosen.json_path)


if __name__ == "__main__":
    main()
