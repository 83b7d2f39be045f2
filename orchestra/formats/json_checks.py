"""Looks into JSON data that nobody has checked, and collects what is wrong with it. Pure."""

from __future__ import annotations

import math
from typing import Any, Iterable, Iterator, List, Mapping, Optional, Tuple

from orchestra.errors import PathParts, Problem
from orchestra.model.nearest import did_you_mean
from orchestra.spec.wording import shortened, shown

_MOST_HINTS = 60


class Checks:
    """Gives the values under keys of mappings, at `path` each; null counts as missing.

    What is there and of the wrong kind becomes one of the `problems`, and counts as missing too.
    """

    def __init__(self) -> None:
        self.problems: List[Problem] = []

    def blame(self, path: PathParts, code: str, message: str, hint: str = "") -> None:
        """Adds a problem."""
        self.problems.append(Problem(path, code, message, hint))

    def unknown(self, path: PathParts, message: str, word: str, known: Iterable[str]) -> None:
        """Adds the problem that a word names nothing, with the nearest one that does."""
        # looking for a name that is meant takes its time
        hint = did_you_mean(word, known) if len(self.problems) < _MOST_HINTS else ""
        self.blame(path, "unknown-task", message, hint)

    def need_mapping(self, data: Mapping[str, Any], path: PathParts, key: str) -> Mapping[str, Any]:
        """The mapping, which has to be there; an empty one for want of it."""
        value = data.get(key)
        if isinstance(value, dict):
            return value
        if value is None:
            self.blame(path, "missing-key", "`%s` is missing" % _dotted(path, key))
        else:
            self._wrong((*path, key), "a mapping", value)
        return {}

    def mappings(
        self, data: Mapping[str, Any], path: PathParts, key: str
    ) -> Iterator[Tuple[PathParts, Mapping[str, Any]]]:
        """The mappings in a list, each with its path."""
        for at, value in self._items(data, path, key):
            if isinstance(value, dict):
                yield at, value
            else:
                self._wrong(at, "a mapping", value)

    def texts(
        self, data: Mapping[str, Any], path: PathParts, key: str
    ) -> Iterator[Tuple[PathParts, str]]:
        """The texts in a list, each with its path; empty ones stand for nothing."""
        for at, value in self._items(data, path, key):
            if not isinstance(value, str):
                self._wrong(at, "text", value)
            elif value:
                yield at, value

    def text(self, data: Mapping[str, Any], path: PathParts, key: str) -> Optional[str]:
        """The text, not empty."""
        value = data.get(key)
        if value is None or (isinstance(value, str) and value):
            return value
        self._wrong((*path, key), "text", value)
        return None

    def need_text(
        self, data: Mapping[str, Any], path: PathParts, key: str, code: str, message: str
    ) -> Optional[str]:
        """The text, which has to be there; `message` is for want of it."""
        if data.get(key) is None:
            self.blame(path, code, message)
        return self.text(data, path, key)

    def amount(self, data: Mapping[str, Any], path: PathParts, key: str) -> Optional[float]:
        """The finite number from 0 up."""
        value = data.get(key)
        if value is None:
            return None
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if is_number and 0 <= value < math.inf:
            return float(value)
        self._wrong((*path, key), "a number from 0 up", value)
        return None

    def _items(
        self, data: Mapping[str, Any], path: PathParts, key: str
    ) -> Iterator[Tuple[PathParts, Any]]:
        value = data.get(key)
        if isinstance(value, list):
            for number, item in enumerate(value):
                yield (*path, key, number), item
        elif value is not None:
            self._wrong((*path, key), "a list", value)

    def _wrong(self, path: PathParts, wanted: str, value: Any) -> None:
        name = next((part for part in reversed(path) if isinstance(part, str)), "")
        message = "`%s` must be %s, not %s" % (name, wanted, shown(value))
        if isinstance(path[-1], int):
            message = "each of `%s` must be %s, not %s" % (name, wanted, shown(value))
        self.blame(path, "wrong-kind", message)


def _dotted(path: PathParts, key: str) -> str:
    return ".".join(shortened(str(part)) for part in (*path, key))
