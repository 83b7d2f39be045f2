"""Reads what lies in a run's folder: logs, summaries. Never follows a link, waits or raises."""

from __future__ import annotations

import os
import stat

from orchestra.model.log_excerpt import LogExcerpt, cut_excerpt


class LogFolder:
    """The logs below one run's folder."""

    def __init__(self, run_dir: str) -> None:
        self._run_dir = run_dir

    def path(self, log: str) -> str:
        """Where the log lies, absolute."""
        return os.path.abspath(os.path.join(self._run_dir, log))

    def text(self, path: str, most_bytes: int) -> str:
        """The beginning of a text file, whole characters; empty where it cannot be read."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            with open(os.open(self.path(path), flags), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return ""
                return file.read(most_bytes).decode("utf-8", "replace")
        except OSError:
            return ""

    def read(self, log: str, head_bytes: int, tail_bytes: int) -> LogExcerpt:
        """At most so many bytes from either end, cut where a line ends."""
        path = self.path(log)
        try:
            # Not blocking: what a step put in the place of its log may be a FIFO without a writer.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(path, flags)
        except OSError as fault:
            return LogExcerpt(path, problem=fault.strerror or str(fault))
        try:
            return _read(descriptor, path, head_bytes, tail_bytes)
        except OSError as fault:
            return LogExcerpt(path, problem=fault.strerror or str(fault))
        finally:
            os.close(descriptor)


def _read(descriptor: int, path: str, head_bytes: int, tail_bytes: int) -> LogExcerpt:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        return LogExcerpt(path, problem="it is no regular file")
    size = status.st_size
    if size <= head_bytes + tail_bytes:
        return cut_excerpt(path, os.pread(descriptor, size, 0), 0, b"")
    head = os.pread(descriptor, head_bytes, 0)
    tail = os.pread(descriptor, tail_bytes, size - tail_bytes)
    return cut_excerpt(path, head, size - len(head) - len(tail), tail)
