"""Reads a file that a person named, whole and bounded; opens nothing that could hang."""

from __future__ import annotations

import os
import stat

from orchestra.errors import UsageError

MAX_BYTES = 16 * 2**20
"""The largest file that is read: a workflow of 100,000 steps takes 5 to 15 MB."""

_SPLIT = "split the workflow, or let a script read the data from a file of its own"
_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


def read_file(path: str, most_bytes: int = MAX_BYTES, hint: str = _SPLIT) -> bytes:
    """The bytes of the regular file `path`; `hint` is for one that has more than `most_bytes`.

    Raises:
        UsageError: it is missing, unreadable or too large; no regular file is not even opened.
    """
    try:
        _refuse_odd_kind(path, os.stat(path).st_mode)
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            _refuse_odd_kind(path, os.fstat(fd).st_mode)
            data = file.read(most_bytes + 1)
    except OSError as error:
        raise UsageError("cannot read %s: %s" % (path, error.strerror or error)) from None
    except ValueError:
        raise UsageError("cannot read %r: no path has a NUL in it" % path) from None
    if len(data) > most_bytes:
        raise UsageError("%s is larger than %d MiB" % (path, most_bytes // 2**20), hint)
    return data


def odd_kind(mode: int) -> str:
    """What a path is when it is no regular file (`a directory`, `a pipe` …), else nothing."""
    return next((words for test, words in _KINDS if test(mode)), "")


def _refuse_odd_kind(path: str, mode: int) -> None:
    kind = odd_kind(mode)
    if kind:
        raise UsageError("cannot read %s: it is %s, not a file" % (path, kind))
