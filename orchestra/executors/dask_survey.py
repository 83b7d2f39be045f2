"""Whether tasks still live that were started and that Dask does not run any more.

A worker on the host of a task is asked for the processes there, or this machine if it is the host.
"""

from __future__ import annotations

import contextlib
import subprocess
from enum import Enum
from typing import Callable, Dict, List, Optional, Sequence

from orchestra.executors.dask_link import Link, LinkDown
from orchestra.executors.dask_processes import (
    KILL,
    LIST,
    Process,
    is_alive,
    processes,
    targets,
)
from orchestra.executors.errands import Claim

_FRESH_S = 1.0
_LOCAL_S = 10.0
_ROUNDS = 20


class Word(Enum):
    """What is known of the process that started a task."""

    ALIVE = "alive"
    DEAD = "dead"
    UNSEEN = "unseen"  # nobody is there to look


class Survey:
    """Looks at hosts, each of them once a second at most; of one scheduler."""

    def __init__(self, link: Link, clock: Callable[[], float], here: str) -> None:
        self._link = link
        self._clock = clock
        self._here = here
        self._seen: Dict[str, Optional[List[Process]]] = {}
        self._seen_at: Dict[str, float] = {}

    def word(self, claim: Claim) -> Word:
        """Whether the task of a claim lives, as it was a second ago or later."""
        now = self._clock()
        if claim.node not in self._seen_at or now - self._seen_at[claim.node] >= _FRESH_S:
            self._seen[claim.node] = self._living(claim.node)
            self._seen_at[claim.node] = now
        living = self._seen[claim.node]
        if living is None:
            return Word.UNSEEN
        return Word.ALIVE if is_alive(claim, living) else Word.DEAD

    def send(self, claims: Sequence[Claim], signal: str) -> None:
        """Send a signal to all processes of tasks; by `SIGKILL`, until there are none."""
        by_host: Dict[str, List[Claim]] = {}
        for claim in claims:
            by_host.setdefault(claim.node, []).append(claim)
        for host, group in by_host.items():
            for _ in range(_ROUNDS if signal == "SIGKILL" else 1):
                if not self._send_once(host, group, signal):
                    break

    def _send_once(self, host: str, claims: Sequence[Claim], signal: str) -> bool:
        """Whether there was a process to send it to."""
        living = self._living(host) or []
        whom = [each for claim in claims for each in targets(claim, living)]
        if whom:
            name = signal[len("SIG") :] if signal.startswith("SIG") else signal
            self._run(host, ["sh", "-c", KILL, "sh", name, *whom])
        return bool(whom)

    def _living(self, host: str) -> Optional[List[Process]]:
        listing = self._run(host, ["sh", "-c", LIST])
        return None if listing is None else processes(listing)

    def _run(self, host: str, argv: List[str]) -> Optional[str]:
        """What a program prints on a host; None if nobody there can run it."""
        if host != self._here:
            with contextlib.suppress(LinkDown):
                return self._link.on_host(host, argv)
            return None
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            return subprocess.run(
                argv, capture_output=True, timeout=_LOCAL_S, check=False
            ).stdout.decode("utf-8", "replace")
        return None
