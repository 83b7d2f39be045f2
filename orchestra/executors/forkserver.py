"""An interpreter that waits to fork: it is started, asked for processes, ended. Linux only.

The other end, and what is said between the two, is `orchestra/steps/serving.py`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import struct
import time
from typing import Mapping, Optional, Tuple

from orchestra.executors.output import output_pipe
from orchestra.executors.process import NO_ROOM, NotYet, ignored_signals
from orchestra.model.run import SERVER_MARK, Invocation

MARK_BYTES = 1000
"""Room for the marks of a step in the environment that /proc shows."""

ARGV_BYTES = 1000
"""Room for its arguments; what is longer is not shown whole."""

START_S = 60.0
"""How long an interpreter may take to import what it is to have."""

ANSWER_S = 10.0
"""How long it may take to fork; more than a machine takes that is very busy."""

_SOCKET = 3
_PLAIN = 0
_SIZE = struct.Struct("<I")
_ANSWER = struct.Struct("<i")
_LONGEST_LINE = 4096
_LOWEST = 10  # out of the way of the number at which the server finds it


class Gone(Exception):
    """The server can be asked no more."""


class ForkServer:
    """One server, from its start on: `pid`, and `fd`, readable when it says whether it can serve.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, invocation: Invocation, env: Mapping[bytes, bytes]) -> None:
        self.is_ready = False
        self.due_at = time.monotonic() + START_S
        program, script = invocation.argv[:2]
        modules = ",".join(invocation.preload or ()).encode()
        argv = (program, script, b"serve", b"%d" % _SOCKET, modules, b" " * ARGV_BYTES)
        with contextlib.ExitStack() as opened:
            ours, theirs = socket.socketpair()
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
            line = self._socket.recv(_LONGEST_LINE)
        except BlockingIOError:
            return None
        except OSError:
            line = b""
        if not line:
            return "the server ended before it could serve"
        self.is_ready = line == b"\n"
        self._socket.settimeout(ANSWER_S)
        return line.decode("utf-8", "replace").strip()

    def fork(self, invocation: Invocation, output_fd: int) -> Optional[int]:
        """The pid of a new child of this process, in the working directory that this one is in.

        None where only a plain interpreter will do.

        Raises:
            NotYet: there is no room for a process.
            Gone: it does not answer, or does not serve any longer; nothing was started.
        """
        with contextlib.ExitStack() as opened:
            try:
                passed, gate = os.pipe()
                opened.callback(os.close, passed)
                opened.callback(os.close, gate)
                folder = os.open(".", os.O_PATH | os.O_DIRECTORY)
                opened.callback(os.close, folder)
            except OSError as error:
                raise NotYet("no descriptors for it: %s" % error.strerror) from error
            pid = self._ask(invocation, (output_fd, passed, folder))
            if pid > 0:
                _see_that_it_is_ours(pid)
                os.write(gate, b"!")
                return pid
        if pid == _PLAIN:
            return None
        if -pid in NO_ROOM:
            raise NotYet("%s: %s" % (os.fsdecode(invocation.argv[0]), os.strerror(-pid)))
        raise Gone

    def close(self) -> None:
        """Ask it no more, by which it ends."""
        self._socket.close()

    def _ask(self, invocation: Invocation, descriptors: Tuple[int, int, int]) -> int:
        argv, env = invocation.argv, invocation.env
        words = [b"%d" % len(argv), *argv, *map(b"=".join, env.items())]
        data = b"\0".join(words)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("3i", *descriptors))]
        try:
            self._socket.sendmsg([_SIZE.pack(len(data))], rights)
            self._socket.sendall(data)
            answer = self._socket.recv(_ANSWER.size)
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
