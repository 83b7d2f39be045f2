"""What a fork server has before it serves: modules, and nothing that a fork would break.

Loaded by `serving.py` from beside it; needs nothing of orchestra.
"""

import importlib
import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterable, List


class Preloading:
    """Imports modules, and sees that none leaves what a process that forks must not have."""

    def __init__(self, descriptors: "Iterable[int]") -> None:
        self._descriptors = {0, 1, 2, *descriptors}
        self._handlers = handlers()

    def fault(self, names: "Iterable[str]") -> str:
        """Why they cannot be served; empty where they can."""
        for name in ["", *names]:
            try:
                if name:
                    importlib.import_module(name)
                found = self._left()
            except BaseException as fault:
                found = "%s: %s" % (type(fault).__name__, fault)
            if found:
                return "preload %s: %s" % (name, found) if name else found
        return ""

    def _left(self) -> str:
        forked = os.fork()  # some libraries end their threads when they are told of one
        if not forked:
            os._exit(0)
        os.waitpid(forked, 0)
        if len(os.listdir("/proc/self/task")) > 1:
            return "it keeps a thread running"
        with open("/proc/self/task/%d/children" % os.getpid()) as file:
            if file.read():
                return "it keeps a process running"
        if not self._descriptors.issuperset(open_descriptors()):
            return "it keeps a file open"
        if handlers() != self._handlers:
            return "it handles signals"
        return ""


def handlers() -> "Dict[int, object]":
    """What is done at each signal."""
    return {number: signal.getsignal(number) for number in signal.valid_signals()}


def open_descriptors() -> "List[int]":
    """The numbers that are open here, without the one that tells them."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            os.fstat(int(name))
        except OSError:
            continue
        found.append(int(name))
    return found


def is_told_of_forks() -> bool:
    """Whether a library may have asked the C library to be told of forks.

    OpenBLAS has too, but all it does is to end its threads before one: here there are none.
    """
    with open("/proc/self/maps", "rb") as file:
        paths = {line.rstrip(b"\n").partition(b"/")[2] for line in file if b" r-xp " in line}
    for path in filter(None, paths):
        name = os.path.basename(path)
        if name.startswith((b"libc.so", b"libc-", b"libpthread")) or b"openblas" in name:
            continue
        with open(b"/" + path, "rb") as file:
            if b"\0__register_atfork\0" in file.read():
                return True
    return False
