"""The job server of one attempt: tokens for its children, in fifos. Decides nothing.

Whoever takes a token runs one more process, and gives it back after that. Free tokens are in one
fifo, which has a path and is the step's descriptor 3. What make gives back, on descriptor 4, comes
through a second one: so it is not taken again before it was seen here. Whoever goes by the path
gives back into the first, and may be faster than we are.

Source: GNU make's manual, "POSIX Jobserver Interaction".
"""

from __future__ import annotations

import array
import contextlib
import errno
import fcntl
import os
import stat
import termios
from typing import Tuple

_TOKEN = b"+"
_BLOCK_BYTES = 1 << 16


def fifos_of(path: str) -> Tuple[str, str]:
    """Where the fifos of a server are, by the path of the first."""
    return path, path + ".back"


class JobServer:
    """Gives tokens, up to `allowed`, and takes back what is above. The attempt has `tokens`.

    `free` and `returns` are the descriptors of the fifos. `surplus` is how many came back, or stood
    free, that it never had: they are gone. How many it has is kept in a file, so that another
    orchestrator can go on.
    """

    def __init__(self, path: str, goes_on: bool = False) -> None:
        """Make the fifos, or open those of an attempt that goes on.

        Raises:
            OSError: they cannot be made, or opened; ValueError: the count is not there.
        """
        self._fifos = fifos_of(path)
        self._count_path = path + ".count"
        self.allowed = 0
        self.surplus = 0
        with contextlib.ExitStack() as opened:
            if not goes_on:
                self._make()
            self.free, self.returns = (_open_fifo(each, opened) for each in self._fifos)
            flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | (0 if goes_on else os.O_CREAT)
            self._count = os.open(self._count_path, flags, 0o600)
            opened.callback(os.close, self._count)
            self.tokens = int(os.pread(self._count, 16, 0)) if goes_on else 0
            self._opened = opened.pop_all()

    @property
    def is_owed(self) -> bool:
        """Whether it has more than it may."""
        return self.tokens > self.allowed

    def allow(self, tokens: int) -> None:
        """Let it have so many from now on."""
        self.allowed = tokens
        self.settle()

    def settle(self) -> None:
        """Take what came back, then give what is missing, or take what is too much."""
        back = self._take_returns()
        given = max(0, self.allowed - (self.tokens - back))
        if given > back:  # what is counted is never less than what is there
            self._note(self.tokens - back + given)
        with contextlib.suppress(BlockingIOError):  # somebody has filled it, who then has too few
            os.write(self.free, _TOKEN * given)
        if given < back:
            self._note(self.tokens - back + given)
        if self.is_owed:
            self._note(self.tokens - len(_read(self.free, self.tokens - self.allowed)))

    def idle(self) -> int:
        """How many tokens nobody has taken."""
        size = array.array("i", [0])
        fcntl.ioctl(self.free, termios.FIONREAD, size)
        return size[0]

    def close(self) -> None:
        """Give everything back; nobody uses it any more."""
        self._opened.close()
        for path in (*self._fifos, self._count_path):
            with contextlib.suppress(OSError):
                os.unlink(path)

    def _make(self) -> None:
        for path in self._fifos:
            with contextlib.suppress(FileNotFoundError):  # of a launch that came to nothing
                os.unlink(path)
            os.mkfifo(path, 0o600)

    def _take_returns(self) -> int:
        """How many tokens came back; what a process wrote that had taken nothing is dropped."""
        back = len(_read(self.returns, _BLOCK_BYTES))
        surplus = back + self.idle() - self.tokens
        if surplus <= 0:
            return back
        self.surplus += surplus
        if surplus > back:
            _read(self.free, surplus - back)
        return max(0, back - surplus)

    def _note(self, tokens: int) -> None:
        self.tokens = tokens
        os.pwrite(self._count, b"%-15d\n" % tokens, 0)


def _open_fifo(path: str, opened: contextlib.ExitStack) -> int:
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    opened.callback(os.close, fd)
    if not stat.S_ISFIFO(os.fstat(fd).st_mode):
        raise OSError(errno.EINVAL, "this is no fifo", path)
    return fd


def _read(fd: int, most: int) -> bytes:
    try:
        return os.read(fd, most)
    except BlockingIOError:
        return b""
