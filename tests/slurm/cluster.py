"""A private Slurm cluster on the loopback of this machine, for as long as it is needed.

    python -m tests.slurm.cluster [--nodes 2] [--cpus 4] [--mem 4096] [--gpus N]
        [--licenses db:2] -- COMMAND…

runs the command with `SLURM_CONF` set and ends everything after it. It needs the programs munged,
slurmctld, slurmd and Slurm's client; no systemd, no cgroups, and root only to run jobs as others.
"""

from __future__ import annotations

import argparse
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Callable, Dict, List, Mapping, NoReturn, Optional, Sequence, Type

from tests.slurm.conf import Shape, files
from tests.slurm.node_processes import end_processes_of, end_watchers_of

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "sinfo")
_LIMIT_S = 180.0
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def missing_programs() -> List[str]:
    """What is not installed of all that a cluster needs."""
    return [name for name in PROGRAMS if shutil.which(name, path=_PATH) is None]


class Cluster:
    """A cluster that runs from `with` to its end; `environ` is what its clients need."""

    def __init__(self, shape: Optional[Shape] = None) -> None:
        self.shape = shape or Shape()
        # not below pytest's folder: the path of a socket has 107 bytes at most
        self.folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="slurm-")))
        self.environ: Mapping[str, str] = {"SLURM_CONF": str(self.folder / "slurm.conf")}
        self._daemons: Dict[str, subprocess.Popen[bytes]] = {}
        self._prefixes: Dict[str, Sequence[str]] = {}

    def __enter__(self) -> Cluster:
        try:
            self._configure()
            self._start_munge()
            self.up_controller(wait=False)
            for name in self.shape.names:
                self.up_node(name, wait=False)
            self._until(self._is_up, "the cluster did not come up")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    @property
    def daemon_pids(self) -> List[int]:
        """The processes of the daemons that are up."""
        return [daemon.pid for daemon in self._daemons.values()]

    def ask(self, *argv: str) -> str:
        """What a client's program says; a failure has no words."""
        done = subprocess.run(
            argv,
            env=self._client_environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=_LIMIT_S,
        )
        return done.stdout if done.returncode == 0 else ""

    def wait_for(self, is_so: Callable[[], bool], what: str) -> None:
        """Until it is so; `what` is the complaint when it does not come to be."""
        self._until(is_so, what)

    def kill_node(self, name: str) -> None:
        """As at a loss of power: its daemon and all processes of its jobs, at one stroke."""
        self._kill("slurmd." + name)
        end_processes_of(str(self.folder), name)

    def up_node(self, name: str, wait: bool = True, prefix: Optional[Sequence[str]] = None) -> None:
        """Start the daemon of a node, by the words of `prefix` if there are any."""
        self._start("slurmd." + name, [*(prefix or ()), self._program("slurmd"), "-D", "-N", name])
        if wait:
            self._until(lambda: self._state(name) in _GOOD, "node %s did not come up" % name)

    def kill_controller(self) -> None:
        """It is gone at once, with whatever it had not written yet."""
        self._kill("slurmctld")

    def save_state(self, job: str) -> None:
        """Have the controller write what it knows; it does when a job is changed."""
        state = self.folder / "state" / "job_state"
        before = _written_at(state)
        self.ask("scontrol", "update", "JobId=" + job, "Comment=saved")
        self._until(lambda: _written_at(state) != before, "nothing was saved")

    def up_controller(self, wait: bool = True) -> None:
        """Start the controller, which reads the state that the one before it has left."""
        self._start("slurmctld", [self._program("slurmctld"), "-D"])
        if wait:
            self._until(lambda: bool(self.ask("scontrol", "ping")), "slurmctld did not come up")

    def close(self) -> None:
        """End all daemons and all processes of jobs, by their ids, and remove the folder."""
        for name in list(self._daemons):
            if name != "munged":
                self._kill(name)
        end_watchers_of(str(self.folder))  # first: they start processes
        for name in self.shape.names:
            end_processes_of(str(self.folder), name)
        if "munged" in self._daemons:
            self._kill("munged")
        shutil.rmtree(str(self.folder), ignore_errors=True)

    def _configure(self) -> None:
        self.folder.chmod(0o755)
        (self.folder / "state").mkdir()
        for number in range(self.shape.gpus):
            (self.folder / ("gpu%d" % number)).touch()
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        host = socket.gethostname().split(".")[0]
        ports = _free_ports(self.shape.nodes + 1)
        texts = files(self.shape, str(self.folder), host, getpass.getuser(), ports)
        for name, text in texts.items():
            (self.folder / name).write_text(text)

    def _start_munge(self) -> None:
        names = {
            "--socket": "munge.socket",
            "--key-file": "munge.key",
            "--pid-file": "munge.pid",
            "--seed-file": "munge.seed",
            "--log-file": "munge.log",
        }
        options = ["%s=%s/%s" % (option, self.folder, name) for option, name in names.items()]
        self._start("munged", [self._program("munged"), "--foreground", "--force", *options])
        self._until((self.folder / "munge.socket").exists, "munged did not come up")

    def _start(self, name: str, argv: Sequence[str]) -> None:
        with open(str(self.folder / (name + ".out")), "ab") as out:
            self._daemons[name] = subprocess.Popen(
                [*_dying_with_us(), *argv],
                env=self._client_environ(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def _kill(self, name: str) -> None:
        daemon = self._daemons.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait()

    def _client_environ(self) -> Dict[str, str]:
        return {"PATH": _PATH, "LC_ALL": "C", **self.environ}

    def _program(self, name: str) -> str:
        found = shutil.which(name, path=_PATH)
        if found is None:
            raise RuntimeError("%s is not installed" % name)
        return found

    def _state(self, node: str) -> str:
        return self.ask("sinfo", "-h", "-N", "-n", node, "-p", "main", "-o", "%T").strip()

    def _is_up(self) -> bool:
        states = self.ask("sinfo", "-h", "-N", "-p", "main", "-o", "%T").split()
        return len(states) == self.shape.nodes and set(states) <= _GOOD

    def _until(self, is_so: Callable[[], bool], complaint: str) -> None:
        deadline = time.monotonic() + _LIMIT_S
        while not is_so():
            if time.monotonic() > deadline:
                raise TimeoutError("%s\n%s" % (complaint, self._last_words()))
            time.sleep(0.03)

    def _last_words(self) -> str:
        logs = [*self.folder.glob("*.log"), *self.folder.glob("*.out")]
        return "\n".join(
            "%s: %s" % (log.name, "\n".join(log.read_text(errors="replace").splitlines()[-5:]))
            for log in sorted(logs)
        )


_GOOD = {"idle", "mixed", "allocated"}


def _written_at(path: Path) -> int:
    """When, in nanoseconds; 0 where a new controller has written nothing yet."""
    return path.stat().st_mtime_ns if path.exists() else 0


def _dying_with_us() -> Sequence[str]:
    """What makes a daemon end when this process is killed, where there is such a thing."""
    setpriv = shutil.which("setpriv", path=_PATH)
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def _free_ports(count: int) -> List[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _stop(number: int, frame: Optional[FrameType]) -> NoReturn:
    raise SystemExit(128 + number)


def main() -> int:
    """Run a command beside a cluster of its own; its exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    default = Shape()
    parser.add_argument("--nodes", type=int, default=default.nodes)
    parser.add_argument("--cpus", type=int, default=default.cpus)
    parser.add_argument("--mem", type=int, default=default.memory_mb, help="MiB of each node")
    parser.add_argument("--gpus", type=int, default=default.gpus)
    parser.add_argument("--licenses", default=default.licenses)
    parser.add_argument("--min-job-age", type=int, default=default.min_job_age_s)
    parser.add_argument("command", nargs="+")
    chosen = parser.parse_args()
    shape = Shape(
        chosen.nodes,
        chosen.cpus,
        chosen.mem,
        chosen.gpus,
        chosen.licenses,
        chosen.min_job_age,
    )
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    with Cluster(shape) as cluster:
        return _run(chosen.command, {**os.environ, **cluster.environ})


def _run(command: Sequence[str], environ: Mapping[str, str]) -> int:
    with subprocess.Popen(command, env=dict(environ)) as process:
        try:
            return process.wait()
        except BaseException:
            process.terminate()
            raise


if __name__ == "__main__":
    sys.exit(main())
