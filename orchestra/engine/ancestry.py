"""Which steps come before which by needs, told for many pairs at once. Pure."""

from __future__ import annotations

from typing import Dict, Iterable, List, Sequence, Set, Tuple

Pair = Tuple[int, int]
"""The numbers of two steps in topological order: one that should come before, then the other."""

_BATCH = 4096  # steps told of in one walk of the graph, a bit for each at every step: 50 MB


def ordered_pairs(needs: Sequence[Sequence[int]], pairs: Iterable[Pair]) -> Set[Pair]:
    """Those of the pairs whose first step comes before the second one.

    `needs` has the numbers of what each step needs, all of them lower than its own. Many pairs
    take a walk or a few, not one each.
    """
    found: Set[Pair] = set()
    far: Dict[int, List[int]] = {}
    for above, below in pairs:
        if above in needs[below]:
            found.add((above, below))
        elif above < below:
            far.setdefault(above, []).append(below)
    targets = sorted(far)
    for start in range(0, len(targets), _BATCH):
        batch = targets[start : start + _BATCH]
        marks = _marks(needs, batch)
        for place, above in enumerate(batch):
            found.update((above, below) for below in far[above] if marks[below] >> place & 1)
    return found


def _marks(needs: Sequence[Sequence[int]], targets: Sequence[int]) -> List[int]:
    """For every step the bits of the targets that are the step itself or come before it."""
    marks = [0] * len(needs)
    for place, target in enumerate(targets):
        marks[target] = 1 << place
    for number, numbers in enumerate(needs):
        for need in numbers:
            marks[number] |= marks[need]
    return marks
