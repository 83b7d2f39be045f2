"""Where programs are, and why one cannot be started, in plain words. Starts nothing."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import List, Mapping, Sequence

from orchestra.model.run import LONGEST_STRING_BYTES

DEFAULT_PATH = b"/bin:/usr/bin"
"""Where programs are looked for when PATH is not set. Source: execvp(3), confstr(_CS_PATH)."""


def program_places(name: bytes, env: Mapping[bytes, bytes]) -> List[bytes]:
    """The paths at which a program of that name may be, in order; an empty entry of PATH is `.`."""
    if b"/" in name:
        return [name]
    entries = env.get(b"PATH", DEFAULT_PATH).split(b":")
    return [(entry or b".") + b"/" + name for entry in entries]


def not_found(name: bytes, places: Sequence[bytes]) -> str:
    """Why none of the places holds a program that can be started, in plain words."""
    for path in places:
        if os.path.exists(path):
            return "%s: %s" % (os.fsdecode(path), why_not(path, errno.EACCES))
    folders = b":".join(os.path.dirname(path) for path in places)
    return "%s: no such program in PATH (%s)" % (os.fsdecode(name), os.fsdecode(folders))


def why_not(path: bytes, number: int) -> str:
    """Why the kernel refused to start a program, in plain words."""
    if number == errno.EACCES and os.path.isdir(path):
        return "it is a directory, not a program"
    if number == errno.EACCES and not os.access(path, os.X_OK):
        return "no permission to execute it"
    if number == errno.ENOENT and os.path.exists(path):
        return "the interpreter that it names is missing%s" % _first_line(path)
    if number == errno.ENOENT:
        return "no such file"
    if number == errno.ENOEXEC:
        return "no program that this machine can run (a script needs a first line like #!/bin/sh)"
    if number == errno.E2BIG:
        return (
            "its arguments and environment are too long (one string may have %d bytes)"
            % LONGEST_STRING_BYTES
        )
    if number == errno.ETXTBSY:
        return "another process is writing it"
    return os.strerror(number)


def _first_line(path: bytes) -> str:
    with contextlib.suppress(OSError), open(path, "rb") as file:
        line = file.read(256).split(b"\n")[0]
        if line.startswith(b"#!"):
            return ": " + ascii(os.fsdecode(line))[1:-1]
    return ""
