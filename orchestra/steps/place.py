"""Where an attempt runs and where its files lie. Writes private files, decides nothing."""

from __future__ import annotations

import os
from typing import Dict, NamedTuple


class Place(NamedTuple):
    """What every kind of step gives its process, whatever it starts.

    `env` is complete and the attempt's own; `private` is how the paths of its private files begin,
    to which each adds a suffix; `folder` is the workflow's, `interpreter` the Python to use where
    none is named. All paths are absolute.
    """

    env: Dict[bytes, bytes]
    working_dir: str
    log_path: str
    private: str
    folder: str
    interpreter: str


def write_private(path: str, data: bytes) -> None:
    """Make a file that only this user can read, where none may be yet.

    Raises:
        OSError: something stands there, or it cannot be written whole.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)
