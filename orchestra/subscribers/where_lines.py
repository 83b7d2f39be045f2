"""The lines that tell where a step waits where it starts and is lost, elsewhere. Writes nothing."""

from __future__ import annotations

from typing import Dict

from orchestra.engine.reopening import INTERRUPTED
from orchestra.model.events import AttemptEnded, AttemptLaunched, AttemptQueued
from orchestra.model.run import Outcome
from orchestra.model.screen_text import safe_line


class WhereLines:
    """Tells of each job once; that it waits for another reason by now is no line."""

    def __init__(self) -> None:
        self._job_by_step: Dict[str, str] = {}

    def queued(self, event: AttemptQueued, total: int) -> str:
        """`[-/12] convert queued as job 1234 (Resources)`; empty where that was told."""
        if self._job_by_step.get(event.step) == event.job:
            return ""
        self._job_by_step[event.step] = event.job
        words = "queued as job %s" % safe_line(event.job)
        if event.reason:
            words += " (%s)" % safe_line(event.reason)
        return _line(event.step, event.number, words, total)

    def launched(self, event: AttemptLaunched, total: int) -> str:
        """`[-/12] convert started on n1`; empty of what starts on this machine."""
        if not event.node:
            return ""
        return _line(event.step, event.number, "started on %s" % safe_line(event.node), total)

    def lost(self, event: AttemptEnded, total: int) -> str:
        """`[-/12] convert attempt 1 was lost: node n1 failed`; empty of any other end."""
        if event.outcome != Outcome.INTERRUPTED.value or event.reason == INTERRUPTED:
            return ""
        about = (total, safe_line(event.step), event.number, safe_line(event.reason))
        return "[-/%d] %s attempt %d was lost: %s" % about


def _line(step: str, number: int, words: str, total: int) -> str:
    again = " attempt %d" % number if number > 1 else ""
    return "[-/%d] %s%s %s" % (total, safe_line(step), again, words)
