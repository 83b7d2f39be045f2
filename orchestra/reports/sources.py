"""The files of the workspace that a CI system shows, and which of them a log points to."""

from __future__ import annotations

import os
from typing import Dict, Optional

from orchestra.model.log_excerpt import LogReader
from orchestra.model.source_place import Place, place_in

_TAIL_BYTES = 16 << 10


class Sources:
    """The files below `workspace`; relative names in logs are looked up there and in `folder`."""

    def __init__(self, logs: LogReader, workspace: str, folder: str) -> None:
        self._logs = logs
        self._root = os.path.realpath(workspace)
        self._folders = (os.path.abspath(folder), self._root)
        self._found: Dict[str, Optional[str]] = {}

    def place(self, log: str) -> Optional[Place]:
        """What the end of a log points to, its file relative to the workspace."""
        excerpt = self._logs.read(log, 0, _TAIL_BYTES)
        return place_in(excerpt.head + excerpt.tail, self._find)

    def _find(self, name: str) -> Optional[str]:
        if name not in self._found:
            self._found[name] = self._look_up(name)
        return self._found[name]

    def _look_up(self, name: str) -> Optional[str]:
        for folder in self._folders:
            path = os.path.realpath(os.path.join(folder, name))
            if path.startswith(self._root + os.sep) and os.path.isfile(path):
                return os.path.relpath(path, self._root)
        return None
