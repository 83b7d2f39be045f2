"""Figures beside their goals: as a table for people, and as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence


class Figure(NamedTuple):
    """One figure; its goal is a most, or a least where `is_least`, None where there is none."""

    what: str
    value: float
    unit: str
    goal: Optional[float] = None
    is_least: bool = False

    @property
    def verdict(self) -> str:
        """Whether the goal is reached, in a word; empty where there is none."""
        if self.goal is None:
            return ""
        is_met = self.value >= self.goal if self.is_least else self.value <= self.goal
        return "ok" if is_met else "MISSED"


def table(figures: Sequence[Figure]) -> str:
    """A line for each."""
    lines = ["%-54s %10s %14s" % ("", "measured", "goal")]
    for figure in figures:
        goal = ""
        if figure.goal is not None:
            goal = "%s %g" % ("at least" if figure.is_least else "at most", figure.goal)
        words = (figure.what, figure.value, goal, figure.unit, figure.verdict)
        lines.append("%-54s %10.2f %14s %-8s %s" % words)
    return "".join(line.rstrip() + "\n" for line in lines)


def as_json(figures: Sequence[Figure]) -> List[Dict[str, object]]:
    """The same for programs."""
    return [{**figure._asdict(), "verdict": figure.verdict} for figure in figures]


def cpu_s_of(
    arguments: Sequence[str], folder: Path, environ: Mapping[str, str] = {}, code: int = 0
) -> float:
    """Run Python with these arguments once; its CPU seconds, user and system.

    Raises:
        CalledProcessError: it did not end with this exit code.
    """
    command = [sys.executable, *arguments]
    null = subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=str(folder), env={**os.environ, **environ}, stdout=null, stderr=null
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1
    if process.returncode != code:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_utime + usage.ru_stime


def tell(figures: Sequence[Figure], how: str, json_path: Optional[str]) -> None:
    """Print the figures, measured in this way by this Python; write them as JSON if asked to."""
    about = "Python %s, %s" % (sys.version.split()[0], how)
    sys.stdout.write(about + "\n" + table(figures))
    if json_path:
        found = {"about": about, "figures": as_json(figures)}
        Path(json_path).write_text(json.dumps(found, indent=2) + "\n")
