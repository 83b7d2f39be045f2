"""How much is tried: all of it with `ORCHESTRA_FAULTS=full`, else what takes two minutes."""

from __future__ import annotations

import os
from typing import List, Sequence, TypeVar

T = TypeVar("T")

FULL = os.environ.get("ORCHESTRA_FAULTS") == "full"


def some(values: Sequence[T], count: int) -> List[T]:
    """So many of the values at even distances, the first and the last among them; or all."""
    if FULL or len(values) <= count:
        return list(values)
    return [values[at * (len(values) - 1) // (count - 1)] for at in range(count)]
