"""The fork servers of a run, and which process may be forked from which. Never waits for a start.

A server is started when the first process is wanted that it could fork. What an interpreter, the C
library and libraries for numbers read of the environment when they start has to be the same in the
server, so there is one for each such environment and list of modules; everything else of a step is
set once its process has been forked. What fits no server is started as ever.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import signal
import sys
from typing import Callable, Dict, List, NamedTuple, Optional, Set, Tuple

from orchestra.executors.board import Board
from orchestra.executors.forkserver import MARK_BYTES, ForkServer, Gone, Silent, Unborn
from orchestra.executors.poller import Poller
from orchestra.model.run import Invocation

MOST = 4
"""How many servers there may be at once: each holds the memory of an interpreter."""

MOST_STARTS = 4
"""How often a server is started again that had died, or that what is installed had outlived."""

_READ_AT_START = re.compile(
    rb"(?:PYTHON|LD_|LC_|GLIBC_|MALLOC_|OMP_|KMP_|GOMP_|GOTO_|OPENBLAS_|MKL_|BLIS_|NPY_|NUMPY_|CUDA_"
    rb"|VECLIB_).*|.*_NUM_THREADS|LANG|LANGUAGE|TZ|TZDIR|HOME|PATH|TMPDIR"
)
_LEFT_TO_THE_SERVER = frozenset(
    b"PYTHON" + name
    for name in (
        b"UNBUFFERED",
        b"HASHSEED",
        b"IOENCODING",
        b"UTF8",
        b"DONTWRITEBYTECODE",
        b"NOUSERSITE",
        b"WARNINGS",
        b"OPTIMIZE",
        b"SAFEPATH",
    )
)
_PATHS = frozenset((b"PYTHONPATH", b"LD_LIBRARY_PATH"))
_RUN = b"ORCHESTRA_RUN_ID"
_MARKS = (_RUN, b"ORCHESTRA_STEP", b"ORCHESTRA_ATTEMPT")


class _Kind(NamedTuple):
    """What all have in common that one server can fork."""

    program: bytes
    script: bytes
    preload: Tuple[str, ...]
    env: Tuple[Tuple[bytes, bytes], ...]


class Servers:
    """Those of one executor; `pids` are theirs, while they are children of this process.

    `on_note` is told, once for each list of modules, why it cannot be had.
    """

    def __init__(self, poller: Poller, board: Board, on_note: Callable[[str], None]) -> None:
        self.pids: Set[int] = set()
        self._poller = poller
        self._board = board
        self._on_note = on_note
        self._server_by_kind: Dict[_Kind, ForkServer] = {}
        self._starts_by_kind: Dict[_Kind, int] = {}
        self._kind_by_fd: Dict[int, _Kind] = {}
        self._refused: Set[Tuple[str, ...]] = set()
        self._role_by_name: Dict[bytes, bool] = {}
        self._news = False

    def hire(self, pid: int) -> None:
        """Take a child of this process for no attempt's, until its end is taken."""
        self.pids.add(pid)
        self._board.hired(pid)

    def server_for(self, invocation: Invocation) -> Optional[ForkServer]:
        """The server that can fork this, or will be able to; None where it is started as ever."""
        kind = self._kind_of(invocation)
        if kind is None or kind.preload in self._refused:
            return None
        server = self._server_by_kind.get(kind)
        return self._start(kind, invocation) if server is None else server

    def fork(self, server: ForkServer, invocation: Invocation, output_fd: int) -> Optional[Unborn]:
        """A new child, None where it is to be started as ever.

        Raises:
            NotYet: there is no room for a process.
        """
        try:
            return server.fork(invocation, output_fd)
        except Silent:
            self._refuse(server, "it does not answer")
            return None
        except Gone:
            self._drop(server)
            return None

    def owns(self, fd: int) -> bool:
        """Whether a descriptor is that of a server which starts."""
        return fd in self._kind_by_fd

    def attend(self, fd: int) -> None:
        """Hear whether a server can serve."""
        server = self._server_by_kind[self._kind_by_fd[fd]]
        fault = server.hear()
        if fault is not None:
            self._decide(server, fault)

    def have_news(self, now: float) -> bool:
        """Whether one that started has become ready since this was asked last, or was given up.

        Those are given up here that take too long.
        """
        for server in self._starting():
            if server.due_at <= now:
                self._decide(server, "it takes too long to import")
        news, self._news = self._news, False
        return news

    @property
    def due_at(self) -> float:
        """When the first of those that start has had its time; infinity where none starts."""
        return min((server.due_at for server in self._starting()), default=math.inf)

    def note_end(self, pid: int) -> None:
        """The end of a server was taken."""
        self.pids.discard(pid)
        self._board.dismissed(pid)
        for server in list(self._server_by_kind.values()):
            if server.pid == pid:
                if not server.is_ready:
                    self._decide(server, "the server ended before it could serve")
                else:
                    self._drop(server)

    def close(self) -> None:
        """End them all, and take their ends."""
        for server in list(self._server_by_kind.values()):
            self._drop(server)
        for pid in self.pids:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        self.pids.clear()

    def _starting(self) -> List[ForkServer]:
        return [self._server_by_kind[kind] for kind in self._kind_by_fd.values()]

    def _start(self, kind: _Kind, invocation: Invocation) -> Optional[ForkServer]:
        starts = self._starts_by_kind.get(kind, 0)
        if starts == MOST_STARTS or len(self._server_by_kind) == MOST:
            return None
        self._starts_by_kind[kind] = starts + 1
        env = {_RUN: invocation.env[_RUN], **dict(kind.env)}
        try:
            server = ForkServer(invocation, env)
        except (OSError, NotImplementedError):
            return None
        self.pids.add(server.pid)
        self._board.hired(server.pid)
        self._server_by_kind[kind] = server
        self._kind_by_fd[server.fd] = kind
        self._poller.add(server.fd)
        return server

    def _decide(self, server: ForkServer, fault: str) -> None:
        """One that starts is ready, or never will be."""
        self._news = True
        del self._kind_by_fd[server.fd]
        self._poller.remove(server.fd)
        if fault:
            self._refuse(server, fault)

    def _refuse(self, server: ForkServer, fault: str) -> None:
        """Ask no such server any more; say so, once."""
        for kind in [kind for kind, each in self._server_by_kind.items() if each is server]:
            if kind.preload not in self._refused:
                self._refused.add(kind.preload)
                if kind.preload or server.is_ready:
                    self._on_note("Python steps start an interpreter each: %s" % fault)
        self._drop(server)

    def _drop(self, server: ForkServer) -> None:
        if self._kind_by_fd.pop(server.fd, None) is not None:
            self._poller.remove(server.fd)
        for kind, each in list(self._server_by_kind.items()):
            if each is server:
                del self._server_by_kind[kind]
        server.close()
        if server.pid in self.pids:  # its number is held until its end is taken
            os.kill(server.pid, signal.SIGKILL)

    def _kind_of(self, invocation: Invocation) -> Optional[_Kind]:
        """Which server can fork this; None where none can."""
        program, script = invocation.argv[:2]
        env = invocation.env
        told = sum(len(name) + len(env.get(name, b"")) + 2 for name in _MARKS)
        if (
            invocation.limits is not None
            or invocation.job_server is not None
            or not program.startswith(b"/")
            or sys.platform != "linux"
            or _RUN not in env
            or told > MARK_BYTES
        ):
            return None
        read = tuple((name, value) for name, value in env.items() if self._is_read(name))
        if not all(_can_be_served(*each) for each in read):
            return None
        return _Kind(program, script, invocation.preload or (), read)

    def _is_read(self, name: bytes) -> bool:
        role = self._role_by_name.get(name)
        if role is None:
            role = self._role_by_name[name] = _READ_AT_START.fullmatch(name) is not None
        return role


def _can_be_served(name: bytes, value: bytes) -> bool:
    """Whether an interpreter that was started with it somewhere else is the same."""
    if name in _PATHS:
        return all(part.startswith(b"/") for part in value.split(b":"))
    return not name.startswith((b"PYTHON", b"LD_")) or name in _LEFT_TO_THE_SERVER
