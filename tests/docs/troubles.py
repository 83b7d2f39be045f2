"""Plays the troubles that the guide to clusters tells of, each against the engine that has it.

Each gives back all that orchestra said. Those that harm a cluster have one of their own.
"""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import contextmanager
from typing import Callable, Dict, Iterator, Mapping

from tests.cli.commandline import CommandLine
from tests.dask.cluster import Cluster as DaskCluster
from tests.dask.waiting import until
from tests.slurm.cluster import Cluster
from tests.slurm.conf import Shape

WAITS = "while [ ! -e go ]; do sleep 0.05; done"


class Scene:
    """A folder with a workflow of one step, and what is told to start it."""

    def __init__(self, cli: CommandLine, shared: Cluster) -> None:
        self.cli = cli
        self.shared = shared

    def run(
        self, engine: str, step: str, settings: str = "", environ: Mapping[str, str] = {}
    ) -> str:
        """All that a run of a step with these keys says, to its end."""
        with self.started(engine, step, settings, environ):
            pass
        return self.said()

    @contextmanager
    def started(
        self, engine: str, step: str, settings: str = "", environ: Mapping[str, str] = {}
    ) -> Iterator[None]:
        """A run that goes on; its end is waited for at the end of the block."""
        told = "%s: %s\n" % (engine, settings) if settings else ""
        text = "version: 1\nexecutor: %s\n%ssteps:\n  work: %s\n" % (engine, told, step)
        self.cli.file("troubled.yaml", text)
        self.cli.environ.update(environ)
        with (self.cli.folder / "said").open("wb") as out:
            process = self.cli.start("run", "troubled.yaml", stdout=out, stderr=out)
        try:
            yield
            process.wait(300)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()

    def said(self) -> str:
        """What it has said so far."""
        return self.cli.read("said")

    def runs(self) -> bool:
        """Whether the step has begun."""
        return (self.cli.folder / "began").exists()

    def go(self) -> None:
        """Let the step end."""
        (self.cli.folder / "go").touch()


def programs_missing(scene: Scene) -> str:
    folder = scene.cli.folder / "bin"
    folder.mkdir()
    for name in ("sh", "uname", "env"):
        os.symlink(str(shutil.which(name)), str(folder / name))
    step = "{run: exit 0, shell: sh}"
    return scene.run("slurm", step, environ={"PATH": str(folder)})


def controller_missing(scene: Scene) -> str:
    with Cluster(Shape(nodes=1)) as cluster:
        cluster.kill_controller()
        return scene.run("slurm", "{run: exit 0}", environ=cluster.environ)


def too_much(scene: Scene) -> str:
    step = "{run: exit 0, resources: {cpu: 64}}"
    return scene.run("slurm", step, environ=scene.shared.environ)


def partition_missing(scene: Scene) -> str:
    return scene.run("slurm", "{run: exit 0}", "{partition: nosuch}", scene.shared.environ)


def time_too_long(scene: Scene) -> str:
    settings = "{partition: short, time: 2h}"
    return scene.run("slurm", "{run: exit 0}", settings, scene.shared.environ)


def never_started(scene: Scene) -> str:
    settings = "{partition: short, time: 2h, qos: any}"  # one may allow more than a partition
    return scene.run("slurm", "{run: exit 0}", settings, scene.shared.environ)


def folder_unseen(scene: Scene) -> str:
    hide = 'mount -t tmpfs none "$0" && exec "$@"'
    words = ["unshare", "-m", "sh", "-c", hide, str(scene.cli.folder)]
    with Cluster(Shape(nodes=1)) as cluster:
        cluster.kill_node("n1")
        cluster.up_node("n1", prefix=words)
        return scene.run("slurm", "{run: exit 0}", environ=cluster.environ)


def cancelled_in_slurm(scene: Scene) -> str:
    step = '{run: "echo $SLURM_JOB_ID > began.new; mv began.new began; %s"}' % WAITS
    with scene.started("slurm", step, environ=scene.shared.environ):
        until(scene.runs)
        scene.shared.ask("scancel", scene.cli.read("began").strip())
    return scene.said()


def over_memory(scene: Scene) -> str:
    step = "{python: 'x = bytearray(300 * 2**20); import time; time.sleep(60)',"
    step += " resources: {memory: 100MiB}}"
    return scene.run("slurm", step, environ=scene.shared.environ)


def node_failed(scene: Scene) -> str:
    step = '{run: "touch began; %s", resources: {cpu: 4}}' % WAITS
    shape = Shape(nodes=1, node_timeout_s=10)
    with Cluster(shape) as cluster, scene.started("slurm", step, environ=cluster.environ):
        until(scene.runs)
        cluster.kill_node("n1")
        cluster.wait_for(lambda: "down" in _state(cluster), "the node is not held for down")
        scene.go()
        cluster.up_node("n1")
    return scene.said()


def controller_away(scene: Scene) -> str:
    step = '{run: "touch began; %s"}' % WAITS
    with Cluster(Shape(nodes=1)) as cluster, scene.started("slurm", step, environ=cluster.environ):
        until(scene.runs)
        cluster.kill_controller()
        until(lambda: "does not answer" in scene.said())
        cluster.up_controller()
        until(lambda: "answers again" in scene.said())
        scene.go()
    return scene.said()


def scheduler_missing(scene: Scene) -> str:
    return scene.run("dask", "{run: exit 0}", "{scheduler: 'tcp://127.0.0.1:9'}")


def workers_too_small(scene: Scene) -> str:
    return scene.run("dask", "{run: exit 0, resources: {cpu: 4096}}")


def workers_missing(scene: Scene) -> str:
    cluster = DaskCluster(scene.cli.folder)
    try:
        cluster.start_scheduler()
        return scene.run("dask", "{run: exit 0}", "{scheduler: '%s'}" % cluster.address)
    finally:
        cluster.end()


def gpu_undeclared(scene: Scene) -> str:
    return scene.run("dask", "{run: exit 0, resources: {gpu: 1}}")


def worker_died(scene: Scene) -> str:
    step = '{run: "echo $PPID > began.new; mv began.new began; %s"}' % WAITS
    with DaskCluster(scene.cli.folder) as cluster:
        settings = "{scheduler: '%s'}" % cluster.address
        with scene.started("dask", step, settings):
            until(scene.runs)
            for worker in cluster.worker_by_name.values():
                cluster.kill(worker)
            os.killpg(os.getpgid(int(scene.cli.read("began"))), signal.SIGKILL)
            scene.go()
            cluster.start_worker("w3", "cpu=2")
    return scene.said()


def server_of_jobs(scene: Scene) -> str:
    return scene.run("slurm", "{run: exit 0, jobserver: true}", environ=scene.shared.environ)


def executor_unknown(scene: Scene) -> str:
    return scene.run("slrum", "{run: exit 0}")


Play = Callable[[Scene], str]
ON_SLURM: Dict[str, Play] = {
    play.__name__: play
    for play in (
        programs_missing, controller_missing, too_much, partition_missing, time_too_long,
        never_started,
        folder_unseen, cancelled_in_slurm, over_memory, node_failed, controller_away,
        server_of_jobs, executor_unknown,
    )
}  # fmt: skip
ON_DASK: Dict[str, Play] = {
    play.__name__: play
    for play in (
        scheduler_missing, workers_missing, workers_too_small, gpu_undeclared, worker_died,
    )
}  # fmt: skip


def _state(cluster: Cluster) -> str:
    return cluster.ask("sinfo", "-h", "-N", "-p", "main", "-o", "%T")
