"""The problems found in one file, in the order they are found, and no more than are of use."""

from __future__ import annotations

from typing import List, Optional

from orchestra.errors import PathParts, Problem

MOST = 1000
"""When there are so many problems, nobody looks for more."""


MORE = "more"
"""The code of a last fault that only says how many there are beyond it."""


class TooManyError(Exception):
    """So much is wrong that looking for more is of no use."""


class Findings:
    """Collects problems; `count` also has those that are known of and not kept."""

    def __init__(self) -> None:
        self.problems: List[Problem] = []
        self.count = 0

    def add(self, problem: Problem) -> None:
        """Keeps a problem.

        Raises:
            TooManyError: there are enough.
        """
        self.count += 1
        self.problems.append(problem)
        if len(self.problems) >= MOST:
            raise TooManyError

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
