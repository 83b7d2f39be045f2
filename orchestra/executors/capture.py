"""Runs one program to its end and gives back what it wrote. Shows nothing of it to anybody.

For the short time before a run starts: it takes the ends of all children that there are then.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from typing import List, Mapping, Optional, Sequence

from orchestra.executors.orphans import Children
from orchestra.executors.proc import Proc
from orchestra.executors.process import CAN_PEEK, kill_group, signal_name
from orchestra.executors.subreaper import Subreaper

_TICK_S = 0.05
"""How long a program may have ended until that is seen while another one holds its output."""

_DEATH_S = 5.0
_NAP_S = 0.01
_BLOCK_BYTES = 1 << 16


class CaptureFault(Exception):
    """The program gave nothing that can be used; `reason` says why, without what it wrote."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CaptureStopped(Exception):
    """There was a reason to stop before the program had ended."""


def capture(
    argv: Sequence[str],
    environ: Mapping[str, str],
    folder: str,
    *,
    timeout_s: float,
    most_bytes: int,
    stop_fd: int,
) -> bytes:
    """What a program writes to its standard output; what it writes to the other one is lost.

    It is started without a shell, in `folder`, in a session of its own. Whatever of it and below
    it is alive at the end is killed. It is given up when `stop_fd` is readable.

    Raises:
        CaptureFault: it cannot be started, fails, takes or writes more than it may.
        CaptureStopped: `stop_fd` has become readable.
    """
    with contextlib.ExitStack() as opened:
        children = Children(Proc())
        opened.callback(children.close)
        opened.callback(Subreaper().close)
        strangers = children.pids()
        try:
            process = subprocess.Popen(  # as the workflow says
                list(argv),
                cwd=folder,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as fault:
            reason = getattr(fault, "strerror", None) or "it has a NUL byte"
            raise CaptureFault("cannot be started: %s" % reason) from None
        assert process.stdout is not None
        opened.callback(process.stdout.close)
        opened.callback(_end_all, process, children, strangers)
        written = _read(process, time.monotonic() + timeout_s, most_bytes, stop_fd)
        if written is None:
            raise CaptureFault("has not ended after %g s" % timeout_s)
    code = process.returncode
    if code:
        ended = "code %d" % code if code > 0 else signal_name(-code)
        raise CaptureFault("ended with %s; what it says is not shown" % ended)
    return written


def _read(
    process: subprocess.Popen[bytes], deadline: float, most_bytes: int, stop_fd: int
) -> Optional[bytes]:
    """All that is written until the program has ended; None where that takes too long."""
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    os.set_blocking(pipe, False)
    poller = select.poll()
    poller.register(pipe, select.POLLIN)
    poller.register(stop_fd, select.POLLIN)
    written = b""
    while time.monotonic() < deadline:
        ended = _has_ended(process)
        ready = [fd for fd, _ in poller.poll(0 if ended else _TICK_S * 1000)]
        if stop_fd in ready:
            raise CaptureStopped
        block = os.read(pipe, _BLOCK_BYTES) if pipe in ready else b""
        written += block
        if len(written) > most_bytes:
            raise CaptureFault("writes more than %d bytes" % most_bytes)
        if ended and not block:
            return written
        if pipe in ready and not block:
            poller.unregister(pipe)
    return None


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has; its number stays its own where the system can peek."""
    if not CAN_PEEK:
        return process.poll() is not None
    how = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, process.pid, how) is not None


def _end_all(
    process: subprocess.Popen[bytes], children: Children, strangers: Sequence[int]
) -> None:
    """Kill the program's group and whatever descends from it, and take their ends."""
    kill_group(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + _DEATH_S
    while time.monotonic() < deadline:
        orphans: List[int] = [pid for pid in children.pids() if pid not in strangers]
        if not orphans:
            return
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_NAP_S)
        for pid in orphans:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
