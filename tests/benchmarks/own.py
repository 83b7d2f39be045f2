"""What orchestra takes itself, without its steps: CPU, and memory at its peak."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.contenders import Contender

# Orchestra in a process that holds so many bytes more. What wait4 tells of memory includes that of
# who started the process, so Linux is asked where it can be.
_TELLING = """
import contextlib, json, os, resource, sys
path, size = sys.argv.pop(1), int(sys.argv.pop(1))
ballast = b"x" * size
from orchestra.cli.app import main
try:
    main()
finally:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    with contextlib.suppress(FileNotFoundError), open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    with open(path, "w") as file:
        json.dump([usage.ru_utime + usage.ru_stime, peak], file)
"""


class Own(NamedTuple):
    """CPU seconds, and the most bytes of memory at once, of orchestra's own process."""

    cpu_s: float
    peak_bytes: int


def telling(contender: Contender, path: Path, ballast_bytes: int = 0) -> Contender:
    """Orchestra again, in a process that writes at its end what it took, for `own_of`."""
    python, _, _, *rest = contender.argv
    argv = [python, "-c", _TELLING, str(path), str(ballast_bytes), *rest]
    return contender._replace(argv=argv)


def own_of(path: Path) -> Own:
    """What the last of its runs took."""
    return Own(*json.loads(path.read_text()))
