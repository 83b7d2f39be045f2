"""Signals to running jobs of Slurm, by scancel, each sent once. Knows nothing of tasks.

As long as another element of its array waits, Slurm sends the signal to a job and yet says that it
is to be tried again; scancel then sends it ten times in a minute. So it is ended before it sends it
a second time, and not before it has sent it once, however slow the machine is.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from contextlib import ExitStack, suppress
from typing import Mapping, Sequence

# It asks with ten threads, each of which sleeps 5 s and more where it is told to try again.
_MOST_AT_ONCE = 10
_RETRIES = b"retrying"
_RETRIES_S = 2.0
_MUTE_S = 4.0
_BLOCK_BYTES = 1 << 16


def send(environ: Mapping[str, str], jobs: Sequence[str], name: str) -> None:
    """Send the signal of that name, as in `SIGTERM`, to all processes of jobs that run."""
    words = ("scancel", "--verbose", "--full", "--signal=" + name[len("SIG") :])
    with ExitStack() as opened:
        heard = opened.enter_context(selectors.DefaultSelector())
        for begin in range(0, len(jobs), _MOST_AT_ONCE):
            with suppress(OSError):
                process = subprocess.Popen(
                    [*words, *jobs[begin : begin + _MOST_AT_ONCE]],
                    env=dict(environ),
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                )
                opened.enter_context(process)
                assert process.stderr is not None
                heard.register(process.stderr, selectors.EVENT_READ, _Sender(process))
        while heard.get_map():
            _hear(heard)


class _Sender:
    """One scancel, which is to be ended at `due_s`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.due_s = time.monotonic() + _MUTE_S
        self._said = b""

    def hear(self, words: bytes) -> None:
        """It has said what it is about to do, or for which job it tries again."""
        is_retrying = _RETRIES in self._said
        self._said += words
        if not is_retrying:
            wait_s = _RETRIES_S if _RETRIES in self._said else _MUTE_S
            self.due_s = time.monotonic() + wait_s


def _hear(heard: selectors.BaseSelector) -> None:
    """Take in what is said, until the first of those that are left is due to be ended."""
    wait_s = min(key.data.due_s for key in heard.get_map().values()) - time.monotonic()
    for key, _ in heard.select(max(0.0, wait_s)):
        words = os.read(key.fd, _BLOCK_BYTES)
        if words:
            key.data.hear(words)
        else:
            heard.unregister(key.fileobj)
    now = time.monotonic()
    for key in [key for key in heard.get_map().values() if key.data.due_s <= now]:
        key.data.process.kill()
        heard.unregister(key.fileobj)
