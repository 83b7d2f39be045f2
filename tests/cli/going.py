"""Runs that go on while a test does something with them."""

from __future__ import annotations

import subprocess
import time
from typing import Callable, List

from tests.cli.commandline import CommandLine


def until(is_so: Callable[[], bool]) -> None:
    """Wait, for a while, for what another process does."""
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ledger(cli: CommandLine) -> List[str]:
    """The words that steps have left in the file `ledger`."""
    path = cli.folder / "ledger"
    return path.read_text().split() if path.exists() else []


def running(cli: CommandLine, text: str) -> subprocess.Popen:
    """A run of that workflow whose first step has written that it has `begun`."""
    process = cli.file("flow.yaml", text).start("run", "flow.yaml")
    until(lambda: "begun" in ledger(cli))
    return process
