"""The lines that tell where a step waits, starts and is lost."""

from __future__ import annotations

from typing import Optional

from orchestra.engine.reopening import INTERRUPTED
from orchestra.model.events import AttemptEnded, AttemptLaunched, AttemptQueued
from orchestra.subscribers.where_lines import WhereLines


def queued(job: str, reason: str = "", number: int = 1) -> AttemptQueued:
    return AttemptQueued("a", number, "slurm", job, reason)


def ended(outcome: str, reason: str) -> AttemptEnded:
    code: Optional[int] = None
    return AttemptEnded("a", 2, outcome, code, None, reason, None, None, None, 0)


def test_a_job_is_told_of_once_whatever_it_waits_for() -> None:
    lines = WhereLines()
    assert lines.queued(queued("7", "Priority"), 9) == "[-/9] a queued as job 7 (Priority)"
    assert lines.queued(queued("7", "Resources"), 9) == ""
    assert lines.queued(queued("8", number=2), 9) == "[-/9] a attempt 2 queued as job 8"


def test_a_start_is_told_where_it_is_on_another_machine() -> None:
    lines = WhereLines()
    assert lines.launched(AttemptLaunched("a", 1, 0, 0.0, "n1"), 9) == "[-/9] a started on n1"
    assert lines.launched(AttemptLaunched("a", 1, 77), 9) == ""


def test_only_an_attempt_whose_machine_is_gone_was_lost() -> None:
    lines = WhereLines()
    lost = lines.lost(ended("interrupted", "node n1 failed"), 9)
    assert lost == "[-/9] a attempt 2 was lost: node n1 failed"
    assert lines.lost(ended("interrupted", INTERRUPTED), 9) == ""
    assert lines.lost(ended("failed", "exit code 2"), 9) == ""


def test_what_an_engine_says_is_shown_safe() -> None:
    line = WhereLines().queued(queued("7\x1b[2J", "a\nb"), 9)
    assert line.isprintable()
