"""Engines that runs of the command line may use, and what is left of a run."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Callable, Dict, NamedTuple

import pytest

from tests.cli.commandline import CommandLine
from tests.dask.cluster import Cluster as DaskCluster
from tests.slurm.cluster import Cluster as SlurmCluster

_ENTRY = "[orchestra.executors]\nprocess = tests.executors.process_place:open_place\n"
_METADATA = "Metadata-Version: 2.1\nName: process-place\nVersion: 1\n"


class Engine(NamedTuple):
    """A command line whose files may name an engine; `root` are the lines that say so in one.

    It runs `room` steps at once that ask for `cpu` cores; `is_idle` says that it runs none at all.
    """

    cli: CommandLine
    name: str
    root: str
    room: int
    cpu: int
    is_idle: Callable[[], bool]

    def flow(self, steps: str) -> CommandLine:
        """The file `flow.yaml` with these steps, which go to the engine unless they say else."""
        return self.cli.file("flow.yaml", "version: 1\n%s%s" % (self.root, steps))


def process_engine(cli: CommandLine) -> Engine:
    """Processes of this machine, by an entry point of a package that is installed beside it."""
    cli.file("site/process_place-1.dist-info/METADATA", _METADATA)
    cli.file("site/process_place-1.dist-info/entry_points.txt", _ENTRY)
    paths = [str(cli.folder / "site"), cli.environ["PYTHONPATH"]]
    cli.environ["PYTHONPATH"] = os.pathsep.join(paths)
    return Engine(cli, "process", "executor: process\n", 8, 1, lambda: True)


def slurm_engine(cli: CommandLine, cluster: SlurmCluster) -> Engine:
    """A cluster of Slurm."""
    cli.environ.update(cluster.environ)
    root = "executor: slurm\n"
    return Engine(cli, "slurm", root, 2, 4, lambda: not cluster.ask("squeue", "-h"))


def dask_engine(cli: CommandLine, cluster: DaskCluster) -> Engine:
    """A scheduler of Dask and its workers."""
    root = 'executor: dask\ndask: {scheduler: "%s"}\n' % cluster.address
    return Engine(cli, "dask", root, 2, 2, lambda: True)


def engine_named(name: str, cli: CommandLine, request: pytest.FixtureRequest) -> Engine:
    """The engine of that name; a cluster is started when it is first asked for."""
    makers: Dict[str, Callable[[], Engine]] = {
        "process": lambda: process_engine(cli),
        "slurm": lambda: slurm_engine(cli, request.getfixturevalue("shared_cluster")),
        "dask": lambda: dask_engine(cli, request.getfixturevalue("shared_scheduler")),
    }
    return makers[name]()


def left_of(cli: CommandLine) -> Dict[int, str]:
    """The processes that have come of commands in its folder, and their words."""
    mark = str(cli.folder).encode()
    found: Dict[int, str] = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                words = file.read()
            with open("/proc/%s/environ" % pid, "rb") as file:
                environ = file.read()
            place = os.fsencode(os.readlink("/proc/%s/cwd" % pid))
            # a dead one has no words
            if words and (mark in words or mark in environ or place.startswith(mark)):
                found[int(pid)] = words.replace(b"\0", b" ").decode(errors="replace")
    return found
