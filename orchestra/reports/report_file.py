"""Writes a report to a file, whole or not at all."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

_DEVICES = ("/dev/fd/", "/dev/stderr", "/dev/stdout", "/proc/")


def write_report(path: str, text: str) -> None:
    """Put the text where `path` leads; a reader sees the old file or the new one, never half of it.

    What is no regular file (`/dev/stdout`, a FIFO) is written to, not replaced.

    Raises:
        OSError: it cannot be written; a regular file that stood there is untouched.
    """
    data = text.encode("utf-8", "backslashreplace")
    if _is_special(path):
        with open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC), "wb") as special:
            special.write(data)
        return
    target = os.path.realpath(path)
    name = ".orchestra-report-%s.tmp" % os.urandom(6).hex()
    temporary = os.path.join(os.path.dirname(target), name)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _is_special(path: str) -> bool:
    """Whether it must not be replaced; `/dev/stdout` is special even where it leads to a file."""
    if os.path.abspath(path).startswith(_DEVICES):
        return True
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        return False


def append_text(path: str, text: str) -> None:
    """Add the text to a file, such as that of which a CI system makes a page.

    Raises:
        OSError: it cannot be written.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    with open(os.open(path, flags, 0o666), "wb") as file:
        file.write(text.encode("utf-8", "backslashreplace"))
