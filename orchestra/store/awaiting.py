"""What runs have yet to tell: a file for each, there from its start until its alerts are sent.

So a run that is killed has left what is needed to tell of it. Knows not what the files say.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from typing import List, Optional

from orchestra.errors import StoreError
from orchestra.store import faults, locks
from orchestra.store.directory import StateDirectory
from orchestra.store.locks import Lock

_FILE = re.compile(r"(\d{8}-\d{6}-[0-9a-f]{4})\.json")
_LARGEST = 16 * 1024 * 1024


class Awaiting:
    """The files of one state directory, 0600 in a folder that is 0700."""

    def __init__(self, state: StateDirectory) -> None:
        self._folder = state.path + "/alerts"
        self._state = state

    def put(self, run_id: str, text: str) -> None:
        """Keep what a new run may have to tell.

        Raises:
            StoreError: it cannot be written.
        """
        path = self._path(run_id)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with suppress(FileExistsError):
                os.mkdir(self._folder, 0o700)
            self._refuse_link()
            with open(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as fault:
            raise faults.from_os(fault, path) from fault

    def drop(self, run_id: str) -> None:
        """All has been told; or there is nobody to tell it. Does nothing where it is gone."""
        with suppress(OSError):
            os.unlink(self._path(run_id))

    def cut_off(self) -> List[str]:
        """The runs that have something to tell and no orchestrator any more, oldest first."""
        try:
            names = sorted(os.listdir(self._folder))
        except OSError:
            return []
        found = [match.group(1) for match in map(_FILE.fullmatch, names) if match]
        return [run_id for run_id in found if not locks.is_held(self._state.run(run_id).lock)]

    def claim(self) -> Optional[Lock]:
        """The right to tell for them, None where another has it; it dies with its holder."""
        try:
            self._refuse_link()
            return locks.acquire(self._folder + "/lock", 0.0)
        except (OSError, StoreError):
            return None

    def read(self, run_id: str) -> Optional[str]:
        """What the run left; None where it was dropped or is nothing that can be read."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            with open(os.open(self._path(run_id), flags), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return None
                return file.read(_LARGEST).decode("utf-8")
        except (OSError, ValueError):
            return None

    def _path(self, run_id: str) -> str:
        return "%s/%s.json" % (self._folder, run_id)

    def _refuse_link(self) -> None:
        if os.path.islink(self._folder):
            raise StoreError(self._folder, "it is a symbolic link", "remove the link")
