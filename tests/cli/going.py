"""Runs that go on while a test does something with them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import Callable, List

from tests.cli.commandline import CommandLine


def until(is_so: Callable[[], bool]) -> None:
    """Wait, for a while, for what another process does."""
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ledger(cli: CommandLine) -> List[str]:
    """The words that steps have left in the file `ledger`."""
    path = cli.folder / "ledger"
    return path.read_text().split() if path.exists() else []


def engine_of(process: subprocess.Popen) -> int:
    """The engine that a keeper has."""
    found: List[str] = []

    def has_come() -> bool:
        with open("/proc/%d/task/%d/children" % (process.pid, process.pid)) as file:
            found[:] = file.read().split()
        return bool(found)

    until(has_come)
    return int(found[0])


def is_dead(pid: int) -> bool:
    """Whether a process has ended, be it that nobody has taken its end yet."""
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            return not file.read()
    except (FileNotFoundError, ProcessLookupError):
        return True


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
