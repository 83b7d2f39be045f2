"""Runs commands of orchestra to their end, in processes that have imported it before they begin.

Two servers take turns, so that what depends on the order of a set differs from one command to the
next, as it does where each is started anew. What is read when Python or a library starts has to be
the same for all of a server's commands: where one asks for an unusual environment, or no server is
free, it is not begun, and is to be started as people start it.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import json
import locale
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import (
    BinaryIO,
    Dict,
    FrozenSet,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

ROOT = str(Path(__file__).resolve().parents[2])
BLOCK = 1 << 16
_READ_EARLY = frozenset(["COLUMNS", "GITHUB_ACTIONS", "LANG", "PYTHONPATH", "TMPDIR"])
_FREE = frozenset(["API_TOKEN", "CI", "HOME", "KEY", "LEDGER", "PATH", "SLURM_CONF", "TOKEN"])
_FREE_PREFIXES = ("ORCHESTRA_", "OTEL_")
"""Variables that nothing looks at before a command begins."""

Fixed = FrozenSet[Tuple[str, str]]


class Command(NamedTuple):
    """What is run, where, and how long that may take."""

    arguments: Sequence[str]
    folder: Path
    environ: Mapping[str, str]
    timeout: float

    @property
    def fixed(self) -> Optional[Fixed]:
        """The variables that have to be as they were at the start; None if one is unusual."""
        if self.environ.get("PYTHONPATH") not in (ROOT, os.environ.get("PYTHONPATH")):
            return None  # it may be one of a folder that only this command has
        fixed = []
        for name, value in self.environ.items():
            if name in _READ_EARLY:
                fixed.append((name, value))
            elif name not in _FREE and not name.startswith(_FREE_PREFIXES):
                return None
        return frozenset(fixed)


class Ended(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


class Server:
    """One process that becomes the commands it is asked for; see `tests.warm.server`."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        # with nothing of a command's own: tests look for what commands leave by its environment
        self._channel, theirs = socket.socketpair()
        with theirs:
            # pipes, as most commands have them: Python asks for that when it starts
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.warm.server", str(theirs.fileno())],
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], **environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
            )

    def close(self) -> None:
        """End it."""
        self._channel.close()
        self._process.communicate()

    def begin(self, command: Command, out: int, err: int) -> Begun:
        """Begin a command, with these descriptors as its output; one at a time."""
        asked = [command.arguments, str(command.folder), dict(command.environ)]
        line = json.dumps(asked).encode() + b"\n"
        ends = array.array("i", [out, err])
        sent = self._channel.sendmsg([line], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, ends)])
        self._channel.sendall(line[sent:])
        return Begun(command, self._channel)


class Begun:
    """A command that runs; it is to be waited for."""

    def __init__(self, command: Command, channel: socket.socket) -> None:
        self._command = command
        self._channel = channel
        self._deadline = time.monotonic() + command.timeout
        self._pid = self._told()

    def wait(self) -> int:
        """Its exit code, that of `subprocess`.

        Raises:
            subprocess.TimeoutExpired: it did not end, and was killed.
        """
        in_time = select.select([self._channel], [], [], self.left_s)[0]
        if not in_time:
            os.kill(self._pid, signal.SIGKILL)
        status = self._told()
        if not in_time:
            words = ["orchestra", *self._command.arguments]
            raise subprocess.TimeoutExpired(words, self._command.timeout)
        return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)

    @property
    def left_s(self) -> float:
        """How long it may still take."""
        return max(0.0, self._deadline - time.monotonic())

    def _told(self) -> int:
        data = self._channel.recv(4, socket.MSG_WAITALL)
        assert len(data) == 4, "the server has died"
        return int.from_bytes(data, "big")


class Starter:
    """The servers of this process, which are started when they are first asked."""

    def __init__(self) -> None:
        self._all: List[Server] = []
        self._idle: Dict[Fixed, List[Server]] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the servers."""
        self._idle.clear()
        while self._all:
            self._all.pop().close()

    def run(self, command: Command) -> Optional[Ended]:
        """Run a command to its end, or not at all.

        Raises:
            subprocess.TimeoutExpired: it did not come to it, and was killed.
        """
        with self._turn(command) as server:
            return None if server is None else _run_in_pipes(server, command)

    def run_into(self, command: Command, out: BinaryIO, err: BinaryIO) -> Optional[int]:
        """Run a command to its end, with its output in these files, or not at all: its exit code.

        Raises:
            subprocess.TimeoutExpired: it did not come to it, and was killed.
        """
        with self._turn(command) as server:
            if server is None:
                return None
            return server.begin(command, out.fileno(), err.fileno()).wait()

    @contextlib.contextmanager
    def _turn(self, command: Command) -> Iterator[Optional[Server]]:
        """A server for the command, if there is one that has nothing to do."""
        fixed = command.fixed
        server = None if fixed is None else self._taken(fixed)
        yield server
        if fixed is not None and server is not None:
            self._idle[fixed].append(server)  # not after a fault: it may still be at work

    def _taken(self, fixed: Fixed) -> Optional[Server]:
        with self._lock:
            if fixed not in self._idle:
                self._idle[fixed] = [Server(dict(fixed)), Server(dict(fixed))]
                self._all += self._idle[fixed]
            idle = self._idle[fixed]
            return idle.pop(0) if idle else None


def _run_in_pipes(server: Server, command: Command) -> Ended:
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    try:
        begun = server.begin(command, out_end, err_end)
        os.close(out_end)
        os.close(err_end)
        try:
            blocks = _read([out, err], begun)
        finally:
            code = begun.wait()
        return Ended(code, _text(blocks[out]), _text(blocks[err]))
    finally:
        os.close(out)
        os.close(err)


def _read(readers: Sequence[int], begun: Begun) -> Dict[int, List[bytes]]:
    """What comes until all are closed, or there is no time left."""
    blocks: Dict[int, List[bytes]] = {reader: [] for reader in readers}
    with selectors.DefaultSelector() as selector:
        for reader in readers:
            selector.register(reader, selectors.EVENT_READ)
        while selector.get_map() and begun.left_s:
            for key, _ in selector.select(begun.left_s):
                block = os.read(key.fd, BLOCK)
                blocks[key.fd].append(block)
                if not block:
                    selector.unregister(key.fd)
    return blocks


def _text(blocks: List[bytes]) -> str:
    """As `subprocess` has it."""
    text = b"".join(blocks).decode(locale.getpreferredencoding(False))
    return text.replace("\r\n", "\n").replace("\r", "\n")


STARTER = Starter()
atexit.register(STARTER.close)
