"""A command line in a folder of its own: files in, exact output and exit code out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, NamedTuple

from tests.warm.starter import STARTER, Command

ROOT = str(Path(__file__).resolve().parents[2])
"""What is tested is beside the tests, whatever is installed."""

RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
SECONDS = re.compile(r"\b\d+\.\d+s\b")
HINT = re.compile(r"^go on with it: orchestra resume .*\n", re.MULTILINE)
BUDGET = re.compile(r"budget cpu \S+, memory [\d.]+ GiB, gpu \d+")


class Result(NamedTuple):
    """How a command ended; `out` as it was, `err` but for the line that says how to go on."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> List[str]:
        """Standard output with what changes from run to run named instead."""
        text = RUN_ID.sub("RUN", self.out)
        text = BUDGET.sub("BUDGET", text)
        return SECONDS.sub("TIME", text).splitlines()


def without_hint(err: str) -> str:
    """What stands on standard error but for the line that says how to go on."""
    return HINT.sub("", err)


class CommandLine:
    """Commands in one folder; the environment is bare but for what Python and shells need."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ: Dict[str, str] = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "COLUMNS": "100",
            "PYTHONPATH": ROOT,
        }
        if "PYTHONPATH" in os.environ:
            self.environ["PYTHONPATH"] = os.environ["PYTHONPATH"]

    def file(self, name: str, text: str) -> CommandLine:
        """Put a file into the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return self

    def start(self, *arguments: str, **options: object) -> subprocess.Popen:
        """Start `orchestra` and do not wait for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "orchestra", *arguments],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=options.pop("stderr", subprocess.PIPE),
            text=True,
            **options,
        )

    def run(self, *arguments: str, timeout: float = 180, **options: object) -> Result:
        """Run `orchestra` to its end; see `tests.warm` for how it is started without options."""
        if not options:
            ended = STARTER.run(Command(arguments, self.folder, self.environ, timeout))
            if ended is not None:
                return Result(ended.code, ended.out, without_hint(ended.err))
        with self.start(*arguments, **options) as process:
            try:
                out, err = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Result(process.returncode, out or "", without_hint(err or ""))

    def complete(self, words: str, behind: str = "") -> List[str]:
        """What bash is offered for the last word after `orchestra`, with others `behind` it."""
        script = "from orchestra.cli.app import main; import sys; sys.argv[0] = 'orchestra'; main()"
        asked = {
            "_ORCHESTRA_COMPLETE": "complete_bash",
            "COMP_WORDS": "orchestra %s%s" % (words, behind),
            "COMP_CWORD": str(words.count(" ") + 1),
        }
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=self.folder,
            env={**self.environ, **asked},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.split()

    def read(self, name: str) -> str:
        """A file of the folder."""
        return (self.folder / name).read_text(encoding="utf-8")
