"""A scheduler of Dask and workers, each a process of its own, on a free port of loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Dict, List

from tests.dask.waiting import until

_QUIET = {"DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False"}


class Cluster:
    """Processes that are ended by their numbers: a scheduler, a worker with a gpu, one without."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = ""
        self.scheduler: subprocess.Popen[bytes]
        self.worker_by_name: Dict[str, subprocess.Popen[bytes]] = {}
        self._all: List[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Cluster:
        try:
            self.start_scheduler()
            self.start_worker("w1", "cpu=2 gpu=1")
            self.start_worker("w2", "cpu=2")
            self.wait()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        self.end()

    def start_scheduler(self, port: int = 0) -> None:
        self.scheduler = self._start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"
        )
        self.address = until(self._told_address)

    def start_worker(self, name: str, resources: str, threads: int = 2) -> None:
        self.worker_by_name[name] = self._start(
            "dask_worker", self.address, "--name", name, "--nthreads", str(threads),
            "--no-nanny", "--no-dashboard", "--resources", resources,
            "--local-directory", str(self.folder / "dask-space"),
        )  # fmt: skip

    def wait(self) -> None:
        """Until all workers have come."""
        until(lambda: self._log().count("Register worker") >= len(self.worker_by_name))

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """As `kill -9`, which leaves what it started alone."""
        process.kill()
        process.wait()

    def end(self) -> None:
        for process in self._all:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def _start(self, module: str, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / "cluster.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "distributed.cli." + module, *words],
                cwd=str(self.folder),
                env={**os.environ, **_QUIET, "PYTHONPATH": ""},  # no orchestra on workers
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._all.append(process)
        return process

    def _log(self) -> str:
        return (self.folder / "cluster.log").read_text(errors="replace")

    def _told_address(self) -> str:
        lines = [line for line in self._log().splitlines() if "Scheduler at:" in line]
        return lines[-1].rpartition(" ")[2] if lines else ""
