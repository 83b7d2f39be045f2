"""Writes a report to a file, whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import Mapping

STDOUT = "-"
"""The path that stands for standard output."""

_DEVICES = ("/dev/fd/", "/dev/stderr", "/dev/stdout", "/proc/")
_WORDS: Mapping[int, str] = {
    errno.ENOENT: "its folder is not there",
    errno.ENOTDIR: "a part of its path is a file",
    errno.EISDIR: "it is a folder",
    errno.ENXIO: "nobody reads from it",
}


def write_report(path: str, text: str) -> None:
    """Put the text where `path` leads; a reader sees the old file or the new one, never half of it.

    What is no regular file (`/dev/stdout`, a FIFO) is written to, not replaced; `-` is standard
    output.

    Raises:
        OSError: it cannot be written; a regular file that stood there is untouched. It has the path
            as it was given, and words for people.
    """
    data = text.encode("utf-8", "backslashreplace")
    try:
        if path == STDOUT:
            with suppress(BrokenPipeError):  # its reader has seen enough
                _write_to(os.dup(1), data)
        elif is_special(path):
            _write_to(_open_to_add(path), data)
        else:
            _replace(os.path.realpath(path), data)
    except OSError as fault:
        code = fault.errno or 0
        raise OSError(code, _WORDS.get(code, os.strerror(code)), path) from fault


def is_special(path: str) -> bool:
    """Whether it is not replaced; `/dev/stdout` is special even where it leads to a file."""
    if path == STDOUT or os.path.abspath(path).startswith(_DEVICES):
        return True
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False  # writing will tell


def _open_to_add(path: str, flags: int = 0) -> int:
    # a FIFO that nobody reads would be waited for without end
    flags |= os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)
    os.set_blocking(descriptor, True)
    return descriptor


def _write_to(descriptor: int, data: bytes) -> None:
    with open(descriptor, "wb") as file:
        file.write(data)


def _replace(target: str, data: bytes) -> None:
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


def append_text(path: str, text: str) -> None:
    """Add the text to a file, such as that of which a CI system makes a page.

    Raises:
        OSError: it cannot be written.
    """
    _write_to(_open_to_add(path, os.O_CREAT), text.encode("utf-8", "backslashreplace"))
