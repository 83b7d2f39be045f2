"""Which modules a fork server has that a plain interpreter would find elsewhere. Reads folders."""

from __future__ import annotations

import os
import time
from typing import Collection, Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple

MOST_ENTRIES = 5000
"""A folder of more is not looked through for files that are called as modules are."""

_ENDINGS = ("py", "pyc", "so")
_SETTLED_NS = 2 * 10**9  # a folder that changed less long ago may change again unnoticed


class Shelf:
    """`stamps` are when the places of its `sys.path` were changed, in ns, None for none.

    `more` are the names of modules that it has and a plain interpreter would look for: one that
    begins with a file or a module, and one that begins with code or a call.
    """

    def __init__(
        self, stamps: Mapping[str, Optional[int]], more: Sequence[Collection[str]]
    ) -> None:
        self._stamps = stamps
        self._more: List[FrozenSet[str]] = [frozenset(names) for names in more]
        self._found_by_folder: Dict[bytes, Tuple[int, FrozenSet[str]]] = {}

    def is_stale(self) -> bool:
        """Whether something was installed, or taken away, where modules are."""
        return any(_stamp(os.fsencode(place)) != at for place, at in self._stamps.items())

    def hides(self, kind: bytes, place: bytes, what: bytes) -> bool:
        """Whether a folder may have a module of its own for one that the server has.

        These are the first words after the script of an interpreter.
        """
        more = self._more[kind in (b"code", b"call")]
        if not more.isdisjoint(self._names_in(place)):
            return True
        return kind == b"file" and not more.isdisjoint(self._names_in(os.path.dirname(what)))

    def _names_in(self, folder: bytes) -> FrozenSet[str]:
        at = _stamp(folder)
        if at is None:
            return frozenset()
        known = self._found_by_folder.get(folder)
        if known is not None and known[0] == at:
            return known[1]
        entries = os.listdir(folder)
        if len(entries) > MOST_ENTRIES:
            return self._more[0]
        parts = (os.fsdecode(entry).partition(".") for entry in entries)
        names = frozenset(name for name, _, rest in parts if rest.endswith(_ENDINGS) or not rest)
        if time.time_ns() - at > _SETTLED_NS:
            self._found_by_folder[folder] = (at, names)
        return names


def _stamp(place: bytes) -> Optional[int]:
    try:
        return os.stat(place).st_mtime_ns
    except (OSError, ValueError):
        return None
