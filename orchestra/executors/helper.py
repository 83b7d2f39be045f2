"""How the process in which an engine's client lives is started, and what it begins with.

It is a process of its own, since such clients wait, and have threads and children: the executor of
this machine takes the ends of all children that there are.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
from contextlib import ExitStack, suppress
from typing import Mapping, Optional, Tuple

from orchestra.executors.process import ignored_signals
from orchestra.model.masking import Masker

SOCKET = 3
"""The descriptor at which it finds its end."""

_PATH = b"ORCHESTRA_HELPER_PATH"
_LOWEST = 10  # out of the way of the number at which it finds its socket

# Python is isolated, so that no file in the working directory and no variable is taken for code;
# it is told where it finds what this process found.
_PROGRAM = """
import json, os, sys
sys.path[:] = json.loads(os.environ.pop(%r))
from orchestra.executors.hosting import main
main(%d)
"""


def start_helper(environ: Mapping[bytes, bytes], said: str) -> Tuple[int, socket.socket]:
    """The pid of a new one, and this side's end of its socket, which never blocks.

    It leads a session of its own, has default signals, and ends when the socket does. What it and
    the libraries that it uses write to their standard streams is added to the file `said`.

    Raises:
        OSError: it cannot be started.
    """
    words = (sys.executable, "-I", "-X", "utf8", "-c", _PROGRAM % (_PATH.decode(), SOCKET))
    argv = tuple(map(os.fsencode, words))
    env = {**environ, _PATH: json.dumps([path for path in sys.path if path]).encode()}
    with ExitStack() as opened:
        ours, theirs = socket.socketpair()
        opened.callback(theirs.close)
        failed = opened.enter_context(ExitStack())
        failed.callback(ours.close)
        number = fcntl.fcntl(theirs, fcntl.F_DUPFD_CLOEXEC, _LOWEST)
        opened.callback(os.close, number)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        actions = (
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, said, flags, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            (os.POSIX_SPAWN_DUP2, number, SOCKET),
        )
        signals = ignored_signals()
        try:
            pid = os.posix_spawn(
                argv[0],
                argv,
                env,
                file_actions=actions,
                setsid=True,
                setsigmask=(),
                setsigdef=signals,
            )
        except NotImplementedError:
            pid = os.posix_spawn(
                argv[0],
                argv,
                env,
                file_actions=actions,
                setpgroup=0,
                setsigmask=(),
                setsigdef=signals,
            )
        failed.pop_all()
    ours.setblocking(False)
    return pid, ours


def last_words(said: str, masker: Optional[Masker]) -> str:
    """The last line of the file `said`, masked, behind a colon; empty where there is none."""
    with suppress(OSError), open(said, "rb") as file:
        lines = file.read().strip().splitlines()
        raw = lines[-1] if lines else b""
        shown = raw if masker is None else masker.mask(raw)
        return ": %s" % shown.decode("utf-8", "replace") if shown else ""
    return ""
