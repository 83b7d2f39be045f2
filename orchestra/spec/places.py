"""Whether the files and folders that a workflow names are there. Looks, and opens nothing."""

from __future__ import annotations

import os
import stat
from typing import Dict, Optional

from orchestra.errors import PathParts
from orchestra.spec.files import odd_kind
from orchestra.spec.findings import Findings


class Places:
    """Checks paths that start at the workflow's folder; each is looked up once.

    One that does not look takes all of them to be there.
    """

    def __init__(self, folder: str, findings: Findings, looks: bool = True) -> None:
        self._looks = looks
        self._folder = folder
        self._findings = findings
        self._mode_by_path: Dict[str, Optional[int]] = {}

    def file(self, name: str, path: PathParts) -> None:
        """Reports a file that is missing or no regular file."""
        if not self._looks:
            return
        mode = self._mode(name)
        if mode is None:
            self._missing(name, path, "file")
        elif not stat.S_ISREG(mode):
            kind = odd_kind(mode) or "no file"
            self._findings.error(path, "not-a-file", "`%s` is %s, not a file" % (name, kind))

    def folder(self, name: str, path: PathParts, may_come: bool) -> None:
        """Reports a folder that is missing; if a step before may make it, that is a warning."""
        if not self._looks:
            return
        mode = self._mode(name)
        if mode is None and may_come:
            message = "there is no folder `%s` yet" % name
            hint = "a step before this one must make it"
            self._findings.warning(path, "missing-folder", message, hint)
        elif mode is None:
            self._missing(name, path, "folder")
        elif not stat.S_ISDIR(mode):
            self._findings.error(path, "not-a-folder", "`%s` is not a folder" % name)

    def _missing(self, name: str, path: PathParts, kind: str) -> None:
        hint = "relative paths start at the folder of the workflow file"
        if name.startswith("~"):
            hint = "`~` is not replaced here: write the path, or use ${{ env.HOME }}"
        self._findings.error(path, "missing-" + kind, "there is no %s `%s`" % (kind, name), hint)

    def _mode(self, name: str) -> Optional[int]:
        if name not in self._mode_by_path:
            try:
                self._mode_by_path[name] = os.stat(os.path.join(self._folder, name)).st_mode
            except (OSError, ValueError):
                self._mode_by_path[name] = None
        return self._mode_by_path[name]
