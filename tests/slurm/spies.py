"""Programs in front of Slurm's own: they note that they were called, and may do worse."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import List

from tests.slurm.cluster import PROGRAMS

_SPY = """#!/bin/sh
echo "$(basename "$0") $*" >>{calls}
env >>{environs}
{before}
exec {program} "$@"
"""


class Spies:
    """A folder that goes first in a PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "spies"
        self.folder.mkdir()
        self._calls = self.folder / "calls"
        self._environs = self.folder / "environs"
        for name in PROGRAMS:
            self.set(name)

    @property
    def path(self) -> str:
        """The PATH."""
        return os.pathsep.join([str(self.folder), os.environ["PATH"]])

    @property
    def environs(self) -> str:
        """All environments that the programs were called with."""
        return self._environs.read_text()

    def calls(self, name: str) -> List[str]:
        """The words of all calls of a program."""
        lines = self._calls.read_text().splitlines() if self._calls.exists() else []
        return [line for line in lines if line.split()[0] == name]

    def forget(self) -> None:
        """Count from zero again."""
        self._calls.write_text("")

    def set(self, name: str, before: str = "") -> None:
        """What a program does before what it is there for; `$program` is that."""
        program = shutil.which(name)
        if program is None:
            return
        script = _SPY.format(
            calls=shlex.quote(str(self._calls)),
            environs=shlex.quote(str(self._environs)),
            before="program=%s\n%s" % (program, before),
            program=program,
        )
        path = self.folder / name
        path.write_text(script)
        path.chmod(0o755)
