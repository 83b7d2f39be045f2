"""The job servers of the attempts that have one, and what there is to tell of them."""

from __future__ import annotations

import contextlib
from typing import Dict, Iterable, List, Set

from orchestra.engine.ports import Ended, ExecutorStimulus, Handle, Lost, TokensSeen
from orchestra.executors.jobserver import JobServer
from orchestra.executors.poller import Poller
from orchestra.model.run import AttemptKey

LOOK_S = 0.05
"""How often it is looked who leaves tokens untaken, where others might have use for them."""

SELDOM_S = 1.0
"""How often what only one attempt could use is looked at."""


class JobServers:
    """Serves attempts, and has the poller watch for what they give back.

    `look_at` is when `news` wants to be called, while anybody is served.
    """

    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self._server_by_key: Dict[AttemptKey, JobServer] = {}
        self._key_by_fd: Dict[int, AttemptKey] = {}
        self._allowed_by_key: Dict[AttemptKey, int] = {}
        self._told_by_key: Dict[AttemptKey, TokensSeen] = {}
        self._owed: Set[AttemptKey] = set()
        self.look_at = 0.0

    def __bool__(self) -> bool:
        return bool(self._server_by_key)

    def open(self, key: AttemptKey, path: str, goes_on: bool = False) -> None:
        """Serve an attempt from now on; does nothing where it is served.

        Raises:
            OSError: it cannot be served; ValueError: nor can one that goes on.
        """
        if key in self._server_by_key:
            return
        server = self._server_by_key[key] = JobServer(path, goes_on)
        self._key_by_fd[server.returns] = self._key_by_fd[server.free] = key
        self._poller.add(server.returns)
        server.allow(self._allowed_by_key.pop(key, 0))
        self._watch(key, server)

    def take_over(self, handles: Iterable[Handle]) -> None:
        """Serve attempts that go on; where that fails they keep what they have, and get no more."""
        for handle in handles:
            if handle.job_server is not None:
                with contextlib.suppress(OSError, ValueError):
                    self.open(handle.key, handle.job_server, goes_on=True)

    def allow(self, key: AttemptKey, tokens: int) -> None:
        """Let an attempt have so many tokens, which may be served only later."""
        server = self._server_by_key.get(key)
        if server is None:
            self._allowed_by_key[key] = tokens
            return
        server.allow(tokens)
        self._watch(key, server)
        self.look_at = 0.0

    def owns(self, fd: int) -> bool:
        """Whether a descriptor is that of a server."""
        return fd in self._key_by_fd

    def attend(self, fd: int) -> None:
        """See to a descriptor that is readable: something came back."""
        key = self._key_by_fd[fd]
        server = self._server_by_key[key]
        before = server.is_owed, server.surplus
        server.settle()
        self._watch(key, server)
        if before != (False, server.surplus):
            self.look_at = 0.0

    def news(self, now: float) -> List[TokensSeen]:
        """What the attempts have now, as far as it is new, and it is time to look."""
        if now < self.look_at:
            return []
        self.look_at = now + (LOOK_S if len(self._server_by_key) > 1 else SELDOM_S)
        news: List[TokensSeen] = []
        for key, server in self._server_by_key.items():
            server.settle()
            self._watch(key, server)
            seen = TokensSeen(key, server.tokens, server.idle(), server.surplus)
            if self._told_by_key.get(key) != seen:
                self._told_by_key[key] = seen
                news.append(seen)
        return news

    def close_ended(self, stimuli: Iterable[ExecutorStimulus]) -> None:
        """Serve those no longer of which nothing is left."""
        for stimulus in stimuli:
            if type(stimulus) in (Ended, Lost):
                self._close(stimulus.key)

    def close(self) -> None:
        """Serve nobody."""
        for key in list(self._server_by_key):
            self._close(key)

    def _close(self, key: AttemptKey) -> None:
        self._allowed_by_key.pop(key, None)
        self._told_by_key.pop(key, None)
        server = self._server_by_key.pop(key, None)
        if server is None:
            return
        self._poller.remove(server.returns)
        if key in self._owed:
            self._owed.remove(key)
            self._poller.remove(server.free)
        del self._key_by_fd[server.returns], self._key_by_fd[server.free]
        server.close()

    def _watch(self, key: AttemptKey, server: JobServer) -> None:
        """Be told of what comes back into the first fifo, while there is anything to come."""
        if server.is_owed and key not in self._owed:
            self._owed.add(key)
            self._poller.add(server.free)
        elif not server.is_owed and key in self._owed:
            self._owed.remove(key)
            self._poller.remove(server.free)
