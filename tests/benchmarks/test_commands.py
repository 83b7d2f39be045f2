"""Every benchmark is a command that starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commandline import ROOT

COMMANDS = [
    path.stem
    for path in sorted(Path(__file__).parent.glob("*.py"))
    if "if __name__ ==" in path.read_text(encoding="utf-8") and path.name != Path(__file__).name
]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_benchmark_says_how_it_is_used(name: str) -> None:
    command = [sys.executable, "-m", "tests.benchmarks." + name, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr, done.stdout[:6]) == (0, "", "usage:")
