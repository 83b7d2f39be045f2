"""One attempt's output, from its pipe to its log. Must never wait for a step, nor fail one.

Secrets are masked on the way, before the log and before anybody else is shown the output.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import sys
from typing import Callable, Optional, Tuple

from orchestra.model.masking import MaskStream

BLOCK_BYTES = 1 << 18
DEFAULT_PIPE_BYTES = 1 << 16

# Linux; `fcntl` names it from Python 3.10 on. Source: fcntl(2).
F_SETPIPE_SZ = 1031

LOG_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
ADDING_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK


def output_pipe() -> Tuple[int, int]:
    """A pipe: what reads it, and what a step writes to.

    On Linux the step holds both its ends by that: it does not die of SIGPIPE when the reader does,
    but waits as soon as the pipe is full, until somebody opens it again through /proc.

    Raises:
        OSError: there is no room for one.
    """
    reader, writer = os.pipe()
    if sys.platform != "linux":
        return reader, writer
    try:
        both = os.open("/proc/self/fd/%d" % writer, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:  # there is no /proc
        return reader, writer
    except OSError:
        os.close(reader)
        os.close(writer)
        raise
    os.close(writer)
    return reader, both


class Output:
    """A pipe and the log behind it.

    The writing end is held until `let_go`, so that the end of the pipe is no news while the step's
    process runs: a process gives up its descriptors just before it ends, and would wake us twice.
    The log is created at the first byte, mode 0600, never through a link, never over something
    that is there. When it cannot be written `on_fault` is told why, once, and the pipe is read on:
    a step neither blocks nor dies because a disk is full. `log_bytes` is what went into the log;
    what `adds` goes on with one that may be there.
    """

    __slots__ = (
        "_flags",
        "_grown",
        "_log",
        "_log_path",
        "_lost",
        "_mask",
        "_masked",
        "_on_fault",
        "_writer",
        "fd",
        "log_bytes",
    )

    def __init__(
        self,
        fd: int,
        writer: int,
        log_path: str,
        on_fault: Callable[[str], None],
        mask: Optional[MaskStream] = None,
        adds: bool = False,
    ) -> None:
        self.fd = fd
        self._mask = mask
        self._masked = b""
        self._writer = writer
        self.log_bytes = 0
        self._log_path = log_path
        self._on_fault = on_fault
        self._flags = ADDING_FLAGS if adds else LOG_FLAGS
        self._log = -1
        self._lost = False
        self._grown = False

    def pump(self, block: memoryview) -> Optional[int]:
        """Move what is there, at most one block, and leave it at the head of `block`.

        Returns how many bytes it was: 0 at the end of the pipe, None if there is nothing now.
        """
        try:
            count = os.readv(self.fd, [block])
        except BlockingIOError:
            return None
        if not count:
            return 0
        if count >= DEFAULT_PIPE_BYTES and not self._grown:
            self._grow()
        if self._mask is not None:
            self._masked = self._mask.feed(bytes(block[:count]))
            self._write(memoryview(self._masked))
        else:
            self._write(block[:count])
        return count

    def shown(self, block: memoryview, count: int) -> bytes:
        """What others may see of the `count` bytes that `pump` has just left in `block`."""
        return bytes(block[:count]) if self._mask is None else self._masked

    def finish(self) -> bytes:
        """Move what was held back, as it might have been the beginning of a secret; gives it."""
        if self._mask is None:
            return b""
        rest = self._mask.finish()
        self._write(memoryview(rest))
        return rest

    def let_go(self) -> None:
        """Give up the writing end: the pipe ends when nobody else has it."""
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1

    def close(self) -> None:
        """Close the pipe and the log."""
        self.let_go()
        os.close(self.fd)
        if self._log >= 0:
            os.close(self._log)

    def _grow(self) -> None:
        """Give a step that fills its pipe a larger one, where that is allowed."""
        self._grown = True
        with contextlib.suppress(OSError):
            fcntl.fcntl(self.fd, F_SETPIPE_SZ, BLOCK_BYTES)

    def _write(self, view: memoryview) -> None:
        if self._lost or not view:
            return
        try:
            if self._log < 0:
                self._log = os.open(self._log_path, self._flags, 0o600)
            while view:
                written = os.write(self._log, view)
                self.log_bytes += written
                view = view[written:]
        except OSError as error:
            self._lost = True
            reason = os.strerror(error.errno or errno.EIO)
            self._on_fault("cannot write %s: %s" % (self._log_path, reason))
