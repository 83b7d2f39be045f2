"""The file that a person names for what a command makes: refused, or written, in clear words."""

from __future__ import annotations

import errno
import os
from typing import Mapping

from orchestra.errors import OrchestraError, RunBroken, UsageError
from orchestra.reports.report_file import STDOUT, write_report

_HINTS: Mapping[int, str] = {
    errno.ENOENT: "make that folder first",
    errno.ENOTDIR: "name another one",
    errno.EISDIR: "name a file in it",
    errno.ENXIO: "start what reads from it first",
    errno.ELOOP: "name another one",
    errno.ENAMETOOLONG: "name a shorter one",
}
"""For what makes a path none to write to."""


def check_output(option: str, path: str) -> None:
    """Refuse what can be no file, before anything is done for it; `option` names it.

    Raises:
        UsageError: it is empty, or a folder.
    """
    if not path:
        raise UsageError("%s has no path" % option, "name a file, or - for standard output")
    if path.endswith("/") or os.path.isdir(path):
        raise UsageError("cannot write %s: it is a folder" % path, "name a file in it")


def write_output(path: str, text: str) -> None:
    """Put the text where the path leads; `-` is standard output.

    Raises:
        UsageError: there is no such place.
        RunBroken: it could not be written there.
    """
    try:
        write_report(path, text)
    except OSError as fault:
        raise refusal(path, fault) from fault


def refusal(path: str, fault: OSError) -> OrchestraError:
    """What to raise where a path cannot be written to: UsageError where another one would do."""
    name = "to standard output" if path == STDOUT else path
    message = "cannot write %s: %s" % (name, fault.strerror)
    hint = _HINTS.get(fault.errno or 0)
    return RunBroken(message) if hint is None else UsageError(message, hint)
