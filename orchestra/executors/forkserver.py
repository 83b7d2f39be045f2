"""An interpreter that waits to fork: it is started, asked for processes, ended. Linux only.

The other end, and what is said between the two, is `orchestra/steps/serving.py`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import struct
import time
from typing import Mapping, NamedTuple, Optional

from orchestra.executors.output import output_pipe
from orchestra.executors.process import NO_ROOM, NotYet, ignored_signals
from orchestra.executors.shelf import Shelf
from orchestra.model.run import SERVER_MARK, Invocation

MARK_BYTES = 1000
"""Room for the marks of a step in the environment that /proc shows."""

ARGV_BYTES = 1000
"""Room for its arguments; what is longer is not shown whole."""

START_S = 60.0
"""How long an interpreter may take to import what it is to have."""

ANSWER_S = 0.5
"""How long it may take to fork, which takes a thousandth of that: meanwhile everything waits."""

_SOCKET = 3
_HEAD = struct.Struct("<II")
_ANSWER = struct.Struct("<i")
_F_GETPIPE_SZ = 1032  # `fcntl` names it from Python 3.10 on. Source: fcntl(2).
_LONGEST_SAYING = 1 << 20
_LOWEST = 10  # out of the way of the number at which the server finds it


class Gone(Exception):
    """The server can be asked no more."""


class Silent(Gone):
    """It did not answer in time: halted, or on a machine on which it would not be worth it."""


class Unborn(NamedTuple):
    """A process that does nothing before it is told what it is to be, and is killed otherwise."""

    pid: int
    gate: int
    told: bytes

    def begin(self) -> None:
        """Let it begin; it has room for what it is told. If it is dead, that is its end."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self.gate, self.told)
        os.close(self.gate)


class ForkServer:
    """One server, from its start on: `pid`, and `fd`, readable when it says whether it can serve.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, invocation: Invocation, env: Mapping[bytes, bytes]) -> None:
        self.is_ready = False
        self._shelf = Shelf({}, ((), ()))
        self.due_at = time.monotonic() + START_S
        program, script = invocation.argv[:2]
        modules = ",".join(invocation.preload or ()).encode()
        argv = (program, script, b"serve", b"%d" % _SOCKET, modules, b" " * ARGV_BYTES)
        with contextlib.ExitStack() as opened:
            ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
            opened.callback(theirs.close)
            failed = opened.enter_context(contextlib.ExitStack())
            failed.callback(ours.close)
            number = fcntl.fcntl(theirs, fcntl.F_DUPFD_CLOEXEC, _LOWEST)
            opened.callback(os.close, number)
            # its streams are made for pipes, as those of steps are
            for end in output_pipe():
                opened.callback(os.close, end)
            self.pid = os.posix_spawn(
                program,
                argv,
                {SERVER_MARK: b"-" * MARK_BYTES, **env},
                file_actions=(
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, end, 1),
                    (os.POSIX_SPAWN_DUP2, end, 2),
                    (os.POSIX_SPAWN_DUP2, number, _SOCKET),
                ),
                setsid=True,
                setsigmask=(),
                setsigdef=ignored_signals(),
            )
            failed.pop_all()
        ours.setblocking(False)
        self._socket = ours
        self.fd = ours.fileno()

    def hear(self) -> Optional[str]:
        """Whether it can serve, once it has said so: empty, else why not. None before."""
        try:
            said = self._socket.recv(_LONGEST_SAYING)
        except BlockingIOError:
            return None
        except OSError:
            said = b""
        if not said:
            return "the server ended before it could serve"
        told = json.loads(said)
        fault: str = " ".join(told["fault"].split())
        self._shelf = Shelf(told["stamps"], told["more"])
        self.is_ready = not fault
        self._socket.settimeout(ANSWER_S)
        return fault

    def fork(self, invocation: Invocation, output_fd: int) -> Optional[Unborn]:
        """A new child of this process, for the working directory that this one is in.

        None where only a plain interpreter will do.

        Raises:
            NotYet: there is no room for a process.
            Gone: it does not answer, or does not serve any longer; nothing was begun.
        """
        argv, env = invocation.argv, invocation.env
        if self._shelf.is_stale():
            raise Gone
        if self._shelf.hides(*argv[2:5]):
            return None
        words = b"\0".join([*argv, *map(b"=".join, env.items()), b""])
        with contextlib.ExitStack() as opened:
            try:
                passed, gate = os.pipe()
                opened.callback(os.close, passed)
                unpassed = opened.enter_context(contextlib.ExitStack())
                unpassed.callback(os.close, gate)
                folder = os.open(".", os.O_PATH | os.O_DIRECTORY)
                opened.callback(os.close, folder)
            except OSError as error:
                raise NotYet("no descriptors for it: %s" % error.strerror) from error
            if fcntl.fcntl(gate, _F_GETPIPE_SZ) < _HEAD.size + len(words):
                return None  # to write it would have to wait for the process to read
            pid = self._ask(output_fd, passed, folder)
            if pid > 0:
                _see_that_it_is_ours(pid)
                unpassed.pop_all()
                return Unborn(pid, gate, _HEAD.pack(len(argv), len(words)) + words)
        if -pid in NO_ROOM:
            raise NotYet("%s: %s" % (os.fsdecode(argv[0]), os.strerror(-pid)))
        raise Gone

    def close(self) -> None:
        """Ask it no more, by which it ends."""
        self._socket.close()

    def _ask(self, *descriptors: int) -> int:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("3i", *descriptors))]
        try:
            self._socket.sendmsg([b"?"], rights)
            answer = self._socket.recv(_ANSWER.size)
        except socket.timeout as error:
            raise Silent from error
        except OSError as error:
            raise Gone from error
        if len(answer) < _ANSWER.size:
            raise Gone
        pid: int = _ANSWER.unpack(answer)[0]
        return pid


def _see_that_it_is_ours(pid: int) -> None:
    """Look that a process is a child of this one; its end could be waited for by nobody else.

    Raises:
        Gone: orphans come to somebody else.
    """
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except OSError as error:
        if error.errno == errno.ECHILD:
            raise Gone from error
        raise
