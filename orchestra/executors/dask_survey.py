"""Whether tasks still live that were started and that Dask does not run any more.

A worker on the host of a task is asked for the processes there, or this machine if it is the host.
"""

from __future__ import annotations

import contextlib
import subprocess
from enum import Enum
from typing import Callable, Dict, List, Optional, Sequence, Set, Union

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
_LOCAL_S = 30.0  # a busy machine lists its processes slowly
_ROUNDS = 20


class Word(Enum):
    """What is known of the process that started a task."""

    ALIVE = "alive"
    DEAD = "dead"
    UNSEEN = "unseen"  # nobody is there to look
    UNTOLD = "untold"  # who is there has not answered


class Unanswered(Exception):
    """Who is on a host has not answered."""


class Survey:
    """Looks at hosts, each of them once a second at most; of one scheduler."""

    def __init__(self, link: Link, clock: Callable[[], float], here: str) -> None:
        self._link = link
        self._clock = clock
        self._here = here
        self._seen: Dict[str, Union[List[Process], Word]] = {}
        self._seen_at: Dict[str, float] = {}

    def word(self, claim: Claim) -> Word:
        """Whether the task of a claim lives, as it was a second ago or later."""
        now = self._clock()
        if claim.node not in self._seen_at or now - self._seen_at[claim.node] >= _FRESH_S:
            self._seen[claim.node] = self._look(claim.node)
            self._seen_at[claim.node] = self._clock()  # it may have taken long
        seen = self._seen[claim.node]
        if isinstance(seen, Word):
            return seen
        return Word.ALIVE if is_alive(claim, seen) else Word.DEAD

    def send(self, claims: Sequence[Claim], signal: str) -> List[Claim]:
        """Send a signal to all processes of tasks; by `SIGKILL`, until there are none.

        Those are given back to which it was not sent, since nobody told who they are.
        """
        by_host: Dict[str, List[Claim]] = {}
        for claim in claims:
            by_host.setdefault(claim.node, []).append(claim)
        unsent: List[Claim] = []
        for host, group in by_host.items():
            doomed: Set[str] = set()
            for _ in range(_ROUNDS if signal == "SIGKILL" else 1):
                living = self._look(host)
                if isinstance(living, Word):
                    unsent.extend(group)
                    break
                whom = [each for claim in group for each in targets(claim, living)]
                # one whose parent died first is known for what it is no more
                if not whom and doomed.isdisjoint(str(process.pid) for process in living):
                    break
                doomed.update(whom)
                self._kill(host, signal, whom)
        return unsent

    def _kill(self, host: str, signal: str, whom: Sequence[str]) -> None:
        """Send it once: where that is not answered, it may have come all the same."""
        name = signal[len("SIG") :] if signal.startswith("SIG") else signal
        with contextlib.suppress(Unanswered):
            if whom:
                self._run(host, ["sh", "-c", KILL, "sh", name, *whom])

    def _look(self, host: str) -> Union[List[Process], Word]:
        """The processes of a host, or why nobody says which."""
        try:
            listing = self._run(host, ["sh", "-c", LIST])
        except Unanswered:
            return Word.UNTOLD
        if listing is None:
            return Word.UNSEEN
        return processes(listing) or Word.UNTOLD  # whoever lists them is one

    def _run(self, host: str, argv: List[str]) -> Optional[str]:
        """What a program prints on a host; None if nobody is there.

        Raises:
            Unanswered: it does not come to its end in time, or cannot be started.
        """
        try:
            if host != self._here:
                return self._link.on_host(host, argv)
            done = subprocess.run(argv, capture_output=True, timeout=_LOCAL_S, check=False)
        except (LinkDown, OSError, subprocess.SubprocessError) as error:
            raise Unanswered from error
        return done.stdout.decode("utf-8", "replace")
