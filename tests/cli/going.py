"""Runs that go on while a test does something with them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import Callable, List

from tests.cli.commandline import CommandLine

LIMIT_S = 200.0  # Slurm tries again after 2 minutes to start what it could not


def until(is_so: Callable[[], bool]) -> None:
    """Wait for what another process does; a hang is a failure."""
    deadline = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ledger(cli: CommandLine) -> List[str]:
    """The words that steps have left in the file `ledger`."""
    path = cli.folder / "ledger"
    return path.read_text().split() if path.exists() else []


def children_of(pid: int) -> List[int]:
    """The processes whose parent is that one's main thread."""
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return [int(word) for word in file.read().split()]


def engine_of(process: subprocess.Popen) -> int:
    """The engine that a keeper has."""
    until(lambda: bool(children_of(process.pid)))
    return children_of(process.pid)[0]


def words_of(pid: int) -> bytes:
    """The command line of a process, nothing of one that has ended."""
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def is_dead(pid: int) -> bool:
    """Whether a process has ended, be it that nobody has taken its end yet."""
    return not words_of(pid)


def die(process: subprocess.Popen) -> None:
    """Kill a keeper and its engine, as loss of power would."""
    engine = engine_of(process)
    process.send_signal(signal.SIGSTOP)  # it must not see the engine die
    os.kill(engine, signal.SIGKILL)
    process.kill()
    process.communicate()


def running(cli: CommandLine, text: str) -> subprocess.Popen:
    """A run of that workflow whose first step has written that it has `begun`."""
    process = cli.file("flow.yaml", text).start("run", "flow.yaml")
    until(lambda: "begun" in ledger(cli))
    return process


def plant(cli: CommandLine, code: str) -> CommandLine:
    """Have every command run this before all else."""
    cli.file("planted/sitecustomize.py", code)
    paths = [str(cli.folder / "planted"), cli.environ["PYTHONPATH"]]
    cli.environ["PYTHONPATH"] = os.pathsep.join(paths)
    return cli
