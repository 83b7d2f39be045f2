"""What is measured: programs that run the same silent steps, with the files they need."""

from __future__ import annotations

import compileall
import shutil
import sys
from pathlib import Path
from typing import Callable, Container, Dict, List, Mapping, NamedTuple, Optional, Sequence

from tests.benchmarks.descriptions import DESCRIPTIONS
from tests.benchmarks.graphs import Command, Step
from tests.cli.commandline import ROOT

COMMAND_BY_KIND: Dict[str, Command] = {"shell": "exit 0", "program": ["/bin/true"]}
"""What a silent step is: a script for `sh`, or an external program.

Not `:`, for which GNU make starts nothing, nor `true`, which it runs without a shell.
"""

# As little as Python needs to keep JOBS processes going: what no orchestrator in it can beat.
_LOOP = """
import os, sys
count, jobs, argv = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
environ, running = dict(os.environ), 0
while count or running:
    while count and running < jobs:
        os.posix_spawn(argv[0], argv, environ, setsid=True)
        count, running = count - 1, running + 1
    os.wait4(-1, 0)
    running -= 1
"""


class Contender(NamedTuple):
    """A program to measure; `prepare` is called before each of its runs and not measured."""

    name: str
    argv: List[str]
    prepare: Callable[[], object]
    cwd: Optional[Path] = None
    environ: Mapping[str, str] = {}
    """Variables besides those of the benchmark itself."""


def contender_of(
    name: str, folder: Path, steps: Sequence[Step], jobs: int, program: Optional[Path] = None
) -> Contender:
    """One of `DESCRIPTIONS` that runs these steps, `jobs` at a time, in a folder of its own.

    `program` is where it is; orchestra is the one beside these files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = DESCRIPTIONS[name](steps)
    for file, text in texts.items():
        (folder / file).write_text(text)
    if name == "orchestra":
        return orchestra_run(folder / "flow.yaml", folder / "state", jobs)
    assert program is not None
    options = [option.replace("JOBS", str(jobs)) for option in _OPTIONS[name]]
    # luigi is a module of the Python that stands beside its script
    run = [str(program.with_name("python") if name == "luigi" else program), *options]
    return Contender(name, run, lambda: keep_only(texts, folder), folder, _environ(folder))


_OPTIONS: Mapping[str, Sequence[str]] = {
    "ninja": ["-j", "JOBS"],
    "make": ["-j", "JOBS"],
    "parallel": ["--will-cite", "-j", "JOBS", "-a", "commands"],
    "go-task": ["--concurrency", "JOBS"],
    "doit": ["-n", "JOBS"],
    "luigi": [
        *["-m", "luigi", "--module", "tasks", "Every"],
        *["--local-scheduler", "--log-level", "WARNING", "--workers", "JOBS"],
    ],
    "snakemake": ["--cores", "JOBS"],
}


def _environ(folder: Path) -> Dict[str, str]:
    """Nothing is left in the home of who measures, and a shell is `sh` for all."""
    caches = {"XDG_CACHE_HOME": str(folder / "cache"), "PARALLEL_HOME": str(folder / "cache")}
    return {**caches, "PARALLEL_SHELL": "/bin/sh", "SHELL": "/bin/sh"}


def bare_loop(argv: List[str], steps: int, jobs: int) -> Contender:
    """As little as an orchestrator in Python can do: so many processes, `jobs` at a time."""
    loop = [sys.executable, "-c", _LOOP, str(steps), str(jobs), *argv]
    return Contender("bare loop", loop, int)


def orchestra_run(workflow: Path, state: Path, jobs: int) -> Contender:
    """Orchestra as a user starts it where there is no terminal, with all it does by default."""
    run = ["run", str(workflow), "-j", str(jobs), "--state-dir", str(state), "--output", "plain"]
    argv = [sys.executable, "-m", "orchestra", *run]
    return Contender("orchestra", argv, lambda: forget(state), environ={"PYTHONPATH": ROOT})


def keep_only(names: Container[str], folder: Path) -> None:
    """Remove what a run has left in the folder."""
    for path in folder.iterdir():
        if path.name not in names:
            forget(path)


def compile_orchestra() -> None:
    """As an installation does; where PYTHONDONTWRITEBYTECODE is set each run would do it anew."""
    compileall.compile_dir(ROOT + "/orchestra", quiet=1)


def forget(*paths: Path) -> None:
    """Remove files and folders, as far as they are there."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(str(path))
        elif path.exists():
            path.unlink()
