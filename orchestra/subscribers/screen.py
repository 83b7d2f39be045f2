"""Where a view writes to. A Protocol only, so that tests can read what would have been seen."""

from __future__ import annotations

from typing import Callable, Protocol

from orchestra.model.record import RunRecord, StepRecord

Summarize = Callable[[RunRecord], str]
"""The summary of a run as text that is safe to show; reports give it, wiring hands it in."""

DescribeFailure = Callable[[StepRecord], str]
"""A failed step in a few lines that are safe to show, each ended by a line feed."""


class Screen(Protocol):
    """Takes text without ever blocking."""

    def write(self, text: str, keep: bool = False) -> None:
        """Show the text, whole or not at all; one that must be kept is never left out."""

    def idle(self) -> bool:
        """Whether all that was written has been taken by the reader."""
