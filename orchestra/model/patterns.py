"""Patterns for paths below one folder: what a name on the way down still can match. Pure.

`*`, `?` and `[a-z]` match within one name, `**` any number of folders; a pattern that matches a
folder means all that is in it. A name that begins with a dot is matched by a pattern's part that
begins with one, and by nothing else.
"""

from __future__ import annotations

import fnmatch
import re
from typing import FrozenSet, Iterable, List, Optional, Pattern, Tuple

States = FrozenSet[Tuple[int, int]]
"""Places in patterns that have been reached: the number of a pattern, and of its next part."""

_ANY_FOLDERS = "**"


def pattern_problem(pattern: str) -> str:
    """Why the pattern is not for paths below a folder, empty where it is."""
    if pattern.startswith(("/", "~")):
        return "`%s` is not below the step's `working_dir`" % pattern
    if ".." in pattern.split("/"):
        return "`%s` leads out of the step's `working_dir`" % pattern
    return ""


class Patterns:
    """Several patterns at once. They must have no problem."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._parts: List[List[Optional[Pattern[str]]]] = []
        self._takes_hidden: List[List[bool]] = []
        for pattern in patterns:
            words = [word for word in pattern.split("/") if word not in ("", ".")]
            self._parts.append([None if w == _ANY_FOLDERS else _compiled(w) for w in words])
            self._takes_hidden.append([word.startswith(".") for word in words])

    @property
    def start(self) -> States:
        """Where a walk from the folder begins."""
        return self._closed((number, 0) for number in range(len(self._parts)))

    def step(self, states: States, name: str) -> States:
        """What is reached by going on to a name in the folder reached before; empty for nothing."""
        is_hidden = name.startswith(".")
        reached = []
        for number, place in states:
            parts = self._parts[number]
            if place == len(parts):
                if not is_hidden:
                    reached.append((number, place))  # all below a folder that matches
                continue
            part = parts[place]
            if part is None:
                if not is_hidden:
                    reached.append((number, place))
            elif (not is_hidden or self._takes_hidden[number][place]) and part.match(name):
                reached.append((number, place + 1))
        return self._closed(reached)

    def matches(self, states: States) -> bool:
        """Whether what was reached is matched."""
        return any(place == len(self._parts[number]) for number, place in states)

    def _closed(self, states: Iterable[Tuple[int, int]]) -> States:
        """With the places that are reached by `**` standing for no folder."""
        found = set()
        for number, place in states:
            found.add((number, place))
            parts = self._parts[number]
            while place < len(parts) and parts[place] is None:
                place += 1
                found.add((number, place))
        return frozenset(found)


def _compiled(word: str) -> Pattern[str]:
    return re.compile(fnmatch.translate(word))
