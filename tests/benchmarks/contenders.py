"""What is measured: programs that run the same silent steps, with the files they need."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Tuple

BODY_BY_KIND: Dict[str, Tuple[object, str]] = {
    "shell": ({"run": ":", "shell": "sh"}, ":"),
    "program": ({"command": ["/bin/true"]}, "/bin/true"),
}
"""What a silent step is, for orchestra and for ninja: a script for `sh`, or an external program."""

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

# Orchestra in a process that holds so many bytes; says what it took itself, without its steps.
_BALLAST = """
import json, os, resource, sys
path, size = sys.argv.pop(1), int(sys.argv.pop(1))
ballast = b"x" * size
from orchestra.cli.app import main
try:
    main()
finally:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    with open(path, "w") as file:
        json.dump(usage.ru_utime + usage.ru_stime, file)
"""


class Contender(NamedTuple):
    """A program to measure; `prepare` is called before each of its runs and not measured."""

    name: str
    argv: List[str]
    prepare: Callable[[], object]


def contenders(folder: Path, kind: str, steps: int, jobs: int, ninja: str) -> List[Contender]:
    """Orchestra, ninja and the bare loop, for the same steps."""
    body, command = BODY_BY_KIND[kind]
    workflow = write_workflow(folder / "flow.yaml", body, steps)
    build = folder / "build.ninja"
    lines = ["rule step\n  command = %s\n" % command]
    lines += ["build s%d: step\n" % number for number in range(steps)]
    build.write_text("".join(lines))
    bare = ["/bin/sh", "-c", ":"] if kind == "shell" else ["/bin/true"]
    return [
        orchestra_run(workflow, folder / "state", jobs),
        Contender(
            "ninja",
            [ninja, "-C", str(folder), "-f", build.name, "-j", str(jobs)],
            lambda: forget(folder / ".ninja_log", folder / ".ninja_deps"),
        ),
        Contender("bare loop", [sys.executable, "-c", _LOOP, str(steps), str(jobs), *bare], int),
    ]


def orchestra_run(workflow: Path, state: Path, jobs: int) -> Contender:
    """Orchestra as a user starts it where there is no terminal, with all it does by default."""
    run = ["run", str(workflow), "-j", str(jobs), "--state-dir", str(state), "--output", "plain"]
    return Contender("orchestra", [sys.executable, "-m", "orchestra", *run], lambda: forget(state))


def with_ballast(contender: Contender, size: int, usage: Path) -> Contender:
    """Orchestra again, in a process that holds `size` bytes; writes its own CPU seconds."""
    _, _, _, *rest = contender.argv
    argv = [sys.executable, "-c", _BALLAST, str(usage), str(size), *rest]
    return contender._replace(name="%d MB" % (size // 10**6), argv=argv)


def write_workflow(path: Path, body: object, steps: int) -> Path:
    """A workflow of that many steps, independent of each other; JSON is YAML."""
    step = json.dumps(body)
    lines = ["  s%d: %s\n" % (number, step) for number in range(steps)]
    path.write_text("version: 1\nname: benchmark\nsteps:\n" + "".join(lines))
    return path


def forget(*paths: Path) -> None:
    """Remove files and folders, as far as they are there."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(str(path))
        elif path.exists():
            path.unlink()


def find_ninja(folder: Path) -> str:
    """The ninja of this machine, else one from PyPI in an environment of its own in `folder`."""
    found = shutil.which("ninja")
    if found is None:
        place = folder / "ninja"
        venv.create(str(place), with_pip=True)
        install = [str(place / "bin/python"), "-m", "pip", "install", "--quiet", "ninja"]
        subprocess.run(install, check=True)
        found = str(place / "bin/ninja")
    return os.path.realpath(found) if found.endswith("/ninja") else found
