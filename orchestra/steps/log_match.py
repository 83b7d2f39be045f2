"""Whether the end of an attempt's log has a line that a step waits for. Reads, follows no link."""

from __future__ import annotations

import os
import stat
from typing import List

from orchestra.engine.ports import Written
from orchestra.model.workflow import Step
from orchestra.spec.paramtypes import compiled
from orchestra.spec.patience import LONGEST_MATCH_S, ImpatientError, finds

SEARCHED_BYTES = 64 * 1024
"""How much of a log is searched, from its end."""


def with_match(written: Written, step: Step, log_path: str) -> Written:
    """What the attempt left, with whether its log matches `retry.when.output` of the step."""
    when = step.retry.when
    if when is None or when.output is None:
        return written
    try:
        return written._replace(matched=finds(compiled(when.output), _last_lines(log_path)))
    except ImpatientError:
        warning = "retry.when.output takes more than %d s to look for" % LONGEST_MATCH_S
        return written._replace(warnings=(*written.warnings, warning))


def _last_lines(path: str) -> List[str]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return []  # nothing was written
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return []
        file.seek(max(0, found.st_size - SEARCHED_BYTES))
        data = file.read(SEARCHED_BYTES)
    return [line.rstrip("\r") for line in data.decode("utf-8", "replace").split("\n")]
