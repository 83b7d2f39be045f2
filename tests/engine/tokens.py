"""What attempts with a job server do with their tokens, in a world in virtual time.

They take all that they get. The gentle give back at once what they have too many; the hostile
later, one after the other, and some leave a part untaken.
"""

from __future__ import annotations

import random
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple

from orchestra.engine.ports import TokensSeen
from orchestra.model.run import AttemptKey


class Look(NamedTuple):
    """At this moment it is seen what an attempt has."""

    key: AttemptKey


class Tokens:
    """Who has how many of them. `own_by_key` are those of the shares of the attempts."""

    def __init__(self, rng: Optional[random.Random]) -> None:
        self._rng = rng
        self._allowed_by_key: Dict[AttemptKey, int] = {}
        self._own_by_key: Dict[AttemptKey, int] = {}
        self._unserved: List[AttemptKey] = []
        self.count_by_key: Dict[AttemptKey, int] = {}

    def open(self, key: AttemptKey, demand: Mapping[str, int]) -> None:
        """An attempt begins that has a job server."""
        self._own_by_key[key] = max(0, demand.get("cpu", 0) // 1000 - 1)
        self.count_by_key[key] = 0

    def lend(self, key: AttemptKey, tokens: int) -> bool:
        """Let it have so many; whether there is something to see then."""
        if key in self._unserved or key not in self.count_by_key:
            return False
        self._allowed_by_key[key] = tokens
        before = self.count_by_key[key]
        self.count_by_key[key] = max(before, tokens)
        return before > tokens or bool(self._rng and self._rng.random() < 0.3)

    def take_over(self, key: AttemptKey) -> bool:
        """Another orchestrator serves it; it may find no way to do so."""
        if key in self.count_by_key and self._rng and self._rng.random() < 0.3:
            self._unserved.append(key)
        return key in self.count_by_key and key not in self._unserved

    def see(self, key: AttemptKey) -> Tuple[TokensSeen, bool]:
        """What it has now; whether it has too many still."""
        count, allowed = self.count_by_key.get(key, 0), self._allowed_by_key.get(key, 0)
        idle = 0
        if count > allowed:
            count = self._rng.randint(allowed, count) if self._rng else allowed
            self.count_by_key[key] = count
        elif self._rng:
            idle = self._rng.randint(0, count)
        return TokensSeen(key, count, idle), count > allowed

    def close(self, key: AttemptKey) -> None:
        """It is over."""
        self.count_by_key.pop(key, None)

    def lent(self) -> int:
        """How many cores of no share are in use, at most."""
        counts = self.count_by_key.items()
        return sum(max(0, count - self._own_by_key[key]) for key, count in counts)
