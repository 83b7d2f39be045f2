"""What it costs to hand small tasks to Dask: a place with their folders beside plain `Client.map`.

    python -m tests.benchmarks.dask_engine [--tasks 500] [--rounds 3] [--json PATH]

One scheduler and two workers of two threads are the same for all, in interleaved rounds. `map` is
what Dask itself does with `sh -c :`; `map of start` with the same folders that a place is given.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List

from orchestra.executors.dask import open_place
from orchestra.executors.errands import current_umask, make_errand
from orchestra.executors.places import Gone, Place, Task
from orchestra.model.errand import Errand
from orchestra.model.run import Invocation
from tests.benchmarks.figures import Figure, tell
from tests.dask.cluster import Cluster


def tasks_in(folder: Path, count: int) -> List[Task]:
    """Tasks that do nothing, with their folders."""
    folder.mkdir()
    env = {b"PATH": os.environb[b"PATH"]}
    found = []
    for number in range(count):
        name = "%s-%d" % (folder.name, number)
        path = str(folder / name)
        make_errand(path, Invocation((b"true",), env, "/", path + ".log"), current_umask())
        found.append(Task(name, path, name, Errand("dask")))
    return found


def by_place(place: Place, tasks: List[Task]) -> None:
    """Hand them over and poll until all are over."""
    news = place.submit(tasks)
    gone = sum(isinstance(one, Gone) for one in news)
    while gone < len(tasks):
        time.sleep(place.period_s())
        gone += sum(isinstance(one, Gone) for one in place.poll())


def by_map(client: Any, commands: List[List[str]]) -> None:
    """Have Dask run them, as one does without orchestra."""
    keys = ["map-%s-%d" % (os.urandom(4).hex(), number) for number in range(len(commands))]
    client.gather(client.map(subprocess.call, commands, key=keys, pure=False))


def rate(count: int, act: Callable[[], None]) -> float:
    """Tasks per second."""
    began = time.perf_counter()
    act()
    return count / (time.perf_counter() - began)


def main() -> None:
    """Measure, say and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", dest="json_path")
    chosen = parser.parse_args()
    count = chosen.tasks
    rates: Dict[str, List[float]] = {}
    distributed = importlib.import_module("distributed")  # not there for all that ask for --help
    with tempfile.TemporaryDirectory() as name, Cluster(Path(name)) as cluster:
        client = distributed.Client(cluster.address, set_as_default=False)
        place = open_place({"scheduler": cluster.address}, "run")
        for number in range(chosen.rounds):
            given = tasks_in(Path(name, "place%d" % number), count)
            plain = tasks_in(Path(name, "plain%d" % number), count)
            scripts = [["sh", task.folder + "/start"] for task in plain]
            field: Dict[str, Callable[[], None]] = {
                "place": partial(by_place, place, given),
                "map of start": partial(by_map, client, scripts),
                "map": partial(by_map, client, [["sh", "-c", ":"]] * count),
            }
            for what, act in field.items():
                rates.setdefault(what, []).append(rate(count, act))
        place.close()
        client.close()
    middle = {what: statistics.median(found) for what, found in rates.items()}
    figures = [
        Figure("%d tasks by %s" % (count, what), one, "tasks/s") for what, one in middle.items()
    ]
    share = middle["place"] / middle["map of start"]
    figures.append(Figure("place beside map of start", share, "times", 0.8, is_least=True))
    tell(figures, "median of %d rounds" % chosen.rounds, chosen.json_path)


if __name__ == "__main__":
    main()
