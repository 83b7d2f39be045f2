"""How much is tried, by `ORCHESTRA_EFFORT`: all of it if that is `full`, little of it if `few`.

Without it tests take some minutes. `few` is for a Python on which everything is run, and the same
code has been tried in many ways on another.
"""

from __future__ import annotations

import os
from typing import List, Sequence, TypeVar

T = TypeVar("T")

FULL = os.environ.get("ORCHESTRA_EFFORT") == "full"
FEW = os.environ.get("ORCHESTRA_EFFORT") == "few"


def some(values: Sequence[T], count: int) -> List[T]:
    """So many of the values at even distances, the first and the last among them; or all.

    A third of them, but no less than two, where few are enough.
    """
    if FULL or len(values) <= count:
        return list(values)
    wanted = max(2, count // 3) if FEW else count
    return [values[at * (len(values) - 1) // (wanted - 1)] for at in range(wanted)]


def examples(count: int) -> int:
    """So many examples of a property, or a fifth of them where few are enough."""
    return count // 5 if FEW else count
