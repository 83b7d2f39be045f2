"""The problems found in one file, in the order they are found, and no more than are of use."""

from __future__ import annotations

from typing import List, Optional

from orchestra.errors import PathParts, Problem

MOST = 1000
"""Problems beyond this are counted and not kept."""


class Findings:
    """Collects problems; `count` also has those that were not kept."""

    def __init__(self) -> None:
        self.problems: List[Problem] = []
        self.count = 0

    def add(self, problem: Problem) -> None:
        """Keeps a problem, or only counts it."""
        self.count += 1
        if len(self.problems) < MOST:
            self.problems.append(problem)

    def error(
        self,
        path: PathParts,
        code: str,
        message: str,
        suggestion: str = "",
        on_key: bool = False,
        offset: Optional[int] = None,
    ) -> None:
        """Adds an error."""
        self.add(Problem(path, code, message, suggestion, on_key, offset))

    def warning(self, path: PathParts, code: str, message: str, suggestion: str = "") -> None:
        """Adds a warning."""
        self.add(Problem(path, code, message, suggestion, severity="warning"))

    @property
    def has_errors(self) -> bool:
        """Whether anything found keeps the workflow from being used."""
        return any(problem.severity == "error" for problem in self.problems)
