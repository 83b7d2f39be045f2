"""The secrets of a workflow, read when a run starts. Never shows a value, in no fault either."""

from __future__ import annotations

import os
import stat
from typing import Callable, Dict, List, Mapping, Sequence, Tuple

from orchestra.errors import UsageError
from orchestra.model.masking import Masker
from orchestra.model.secret_forms import SHORTEST_BYTES, needles_of, raw_of
from orchestra.model.secrets import Secrets
from orchestra.model.workflow import FromCommand, FromFile, FromVariable, SecretSource, Workflow

LARGEST_BYTES = 64 * 1024
"""A secret is looked for in every block of output; a larger one is no secret but a file."""

_MOST_LINES = 1000

Capture = Callable[[Sequence[str]], bytes]
"""Runs a program in the workflow's folder; what it writes. Raises ValueError where it fails."""


def read_secrets(
    workflow: Workflow, environ: Mapping[str, str], capture: Capture
) -> Tuple[Secrets, Masker]:
    """The secrets, each from where it is, and what masks them.

    The end of the last line of what a file holds or a program writes is no part of a secret.

    Raises:
        UsageError: secrets are missing or cannot be used: all of them, and why.
    """
    values: Dict[str, str] = {}
    faults: List[str] = []
    for name, source in workflow.secrets.items():
        try:
            values[name] = _checked(_read(source, workflow.folder, environ, capture))
        except ValueError as fault:
            faults.append("secret `%s`: %s" % (name, fault))
    if faults:
        raise UsageError("\n".join(faults), "nothing was started: a run needs all of its secrets")
    return Secrets(values), Masker(needles_of(values.values()))


def _read(source: SecretSource, folder: str, environ: Mapping[str, str], capture: Capture) -> str:
    if isinstance(source, FromVariable):
        if source.name not in environ:
            raise ValueError("the variable %s is not set" % source.name)
        return environ[source.name]
    if isinstance(source, FromCommand):
        return _text(capture(source.argv))
    return _text(_content(source, folder))


def _content(source: FromFile, folder: str) -> bytes:
    path = os.path.join(folder, source.path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ValueError("%s is no regular file" % path)
            with open(descriptor, "rb", closefd=False) as file:
                return file.read(LARGEST_BYTES + 3)  # with the end of a line
        finally:
            os.close(descriptor)
    except OSError as fault:
        raise ValueError("%s cannot be read: %s" % (path, fault.strerror)) from None


def _text(data: bytes) -> str:
    if data.endswith(b"\n"):
        data = data[: -2 if data.endswith(b"\r\n") else -1]
    return data.decode("utf-8", "surrogateescape")


def _checked(value: str) -> str:
    """The value, if it can be handed over and masked."""
    raw = raw_of(value)
    if "\0" in value:
        raise ValueError("it has a NUL byte, which no process can be given")
    if len(raw.strip()) < SHORTEST_BYTES:
        about = "is empty" if not raw else "has less than %d bytes" % SHORTEST_BYTES
        raise ValueError("it %s, and could not be masked" % about)
    if len(raw) > LARGEST_BYTES:
        raise ValueError("it has more than %d KiB" % (LARGEST_BYTES // 1024))
    if raw.count(b"\n") >= _MOST_LINES:
        raise ValueError("it has more than %d lines" % _MOST_LINES)
    return value
