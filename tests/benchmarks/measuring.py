"""What one run of a program costs: CPU of its whole process tree, wall time, memory."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from typing import IO, NamedTuple, Optional

from tests.benchmarks.contenders import Contender

# A shell starts the program, says how it ended and becomes a Python that says what it has cost.
# Started from here, a small program would be held to have the memory of this Python process.
_LAUNCHER = """usage=$1; shift; "$@" >/dev/null; echo $?; exec "$0" -I -S -c "$usage" """
_USAGE = """
import json, resource
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([usage.ru_utime + usage.ru_stime, usage.ru_maxrss]))
"""
_GRACE_S = 10.0
_RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


class Cost(NamedTuple):
    """What one run took; `peak_bytes` is the largest process of the tree: its orchestrator."""

    cpu_s: float
    wall_s: float
    peak_bytes: int


def measure(contender: Contender, limit_s: Optional[float] = None) -> Cost:
    """Run it once, prepared.

    Raises:
        CalledProcessError: it did not end well; `stderr` is what it said.
        TimeoutExpired: it was stopped at the limit.
    """
    contender.prepare()
    launch = ["/bin/sh", "-c", _LAUNCHER, sys.executable, _USAGE, *contender.argv]
    with tempfile.TemporaryFile("w+", errors="replace") as errors:
        began = time.monotonic()
        with subprocess.Popen(
            launch,
            cwd=contender.cwd,
            env={**os.environ, **contender.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            try:
                code = _exit_code(process.stdout, limit_s)
                wall_s = time.monotonic() - began
                if code is None:
                    raise subprocess.TimeoutExpired(contender.argv, limit_s or 0.0)
                usage = process.stdout.read()
            except BaseException:
                _stop(process)
                raise
        if code:
            errors.seek(0)
            raise subprocess.CalledProcessError(code, contender.argv, stderr=errors.read())
    cpu_s, peak = json.loads(usage)
    return Cost(cpu_s, wall_s, peak * _RSS_UNIT_BYTES)


def _exit_code(stream: IO[str], limit_s: Optional[float]) -> Optional[int]:
    """How the program ended; None when it has not ended within the limit."""
    ready, _, _ = select.select([stream], [], [], limit_s)
    return int(stream.readline()) if ready else None


def _stop(process: subprocess.Popen[str]) -> None:
    """End the program and its launcher: asked first, so that it can end its own steps."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + _GRACE_S
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
            while time.monotonic() < until:
                process.poll()
                os.killpg(process.pid, 0)
                time.sleep(0.05)
