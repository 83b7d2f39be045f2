"""Has imported what commands import, and forks itself into each command that it is asked for.

`python -m tests.warm.server FD`, of which FD is its end of a socket. A request is a line of JSON,
`[arguments, folder, environ]`, and comes with the descriptors that become standard output and
error; it is answered with the number of the process and, when that has ended, with its status as
wait(2) gives it, in four bytes each. One at a time, until the other end is closed.

A command differs from `python -m orchestra` in that it finds imported what it imports, and leaves
it to the system to clear that away. There is no thread here, and nothing is open that a command
could keep.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Dict, List, NoReturn, Optional, Tuple

import orchestra

LISTED = Path(__file__).parents[1] / "cli" / "imports.txt"
Asked = Tuple[List[str], str, Dict[str, str]]

_ELSEWHERE = ("dask", "otlp")
"""In the names of modules that only other processes import, with libraries that are slow."""


def import_all() -> None:
    """Import the modules of orchestra, and of others those that its commands ask for."""
    own = [module.name for module in pkgutil.walk_packages(orchestra.__path__, "orchestra.")]
    asked = [line.partition(":")[0] for line in LISTED.read_text("utf-8").splitlines()]
    for name in (*own, *asked):
        if not name.endswith("__main__") and not any(word in name for word in _ELSEWHERE):
            with contextlib.suppress(ImportError):  # a name of a module, or not on this Python
                importlib.import_module(name)


def receive(channel: socket.socket) -> Optional[Tuple[Asked, List[int]]]:
    """The next request and its descriptors; None when there is nobody to ask."""
    ends = array.array("i", [0, 0])
    data, ancillary, _, _ = channel.recvmsg(1 << 16, socket.CMSG_SPACE(ends.itemsize * len(ends)))
    if not data:
        return None
    ((_, _, descriptors),) = ancillary
    ends = array.array("i", descriptors)
    while not data.endswith(b"\n"):
        data += channel.recv(1 << 16)
    return tuple(json.loads(data)), list(ends)


def become(asked: Asked, ends: List[int]) -> NoReturn:
    """Be the command that was asked for; what ends it ends this process."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, end in enumerate((nothing, *ends)):
        os.dup2(end, number)
        os.close(end)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    arguments, folder, environ = asked
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    sys.path[0] = os.getcwd()
    sys.argv = ["orchestra", *arguments]
    try:
        runpy.run_module("orchestra", run_name="__main__", alter_sys=True)
    except SystemExit as fault:
        code = fault.code
        if not isinstance(code, int) or threading.active_count() > 1:
            raise
    # all that Python does at its end but to take modules apart, nine tenths of what this costs
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main() -> None:
    """Serve until nobody asks any more."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is meant for those who ask
    import_all()
    gc.collect()
    gc.freeze()
    while True:
        request = receive(channel)
        if request is None:
            return
        asked, ends = request
        pid = os.fork()
        if pid == 0:
            channel.close()
            become(asked, ends)
        for end in ends:
            os.close(end)
        channel.sendall(pid.to_bytes(4, "big"))
        _, status = os.waitpid(pid, 0)
        channel.sendall(status.to_bytes(4, "big"))


if __name__ == "__main__":
    main()
