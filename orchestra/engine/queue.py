"""The ready steps in line for a share of the budget, and which of them is next. Pure.

A step that does not fit lets those behind it pass that do. Of those that would be passed over, the
one that has waited longest gets a reservation once its patience is over: until it starts nothing
passes that delays it, whatever comes after it, unless of a higher priority.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from typing import Any, Dict, Generic, List, Optional, Protocol, Sequence, Tuple, TypeVar

from orchestra.engine.budget import Budget, Demand
from orchestra.engine.reservation import Passing, Reservation, Shares, reserve
from orchestra.model.run import StepState

Order = Tuple[int, float, int]
"""Where a ready step stands in line, smallest first: minus priority, what the policy goes by, place
in the file."""


class Waiting(Passing, Protocol):
    """What stands in line since `ready_at`; not `ready` any more, it was called off."""

    state: StepState
    ready_at: float


W = TypeVar("W", bound=Waiting)

_Entry = Tuple[int, float, int, int, Any, int, Demand]
"""An `Order`, a number that is no other entry's, the step, its memory, and the rest of its demand:
many demands differ in memory alone."""

_MOST_IN_BLOCK = 64
_MOST_TRIED = 64
"""How many steps that fit are asked in a turn whether they would delay the one with a reservation:
what is behind them waits, so that no turn looks at all of a long line."""


class ReadyQueue(Generic[W]):
    """Steps in their order, in blocks that know the least of what their steps demand.

    No turn looks into a block in which nothing fits. Beside each block stands the entry that it
    began with: what comes after that, and before the one of the next block, belongs into it.
    `patience_s` is how long a step lets others pass; `shares` are those that are held.
    """

    def __init__(self, budget: Budget, shares: Shares, patience_s: float) -> None:
        self._budget = budget
        self._shares = shares
        self._patience_s = patience_s
        self._blocks: List[_Block] = []
        self._firsts: List[_Entry] = []
        self._count_by_rest: Dict[Demand, int] = {}
        self._common: Optional[Demand] = None  # what each that was ever in line wants at least
        self._tickets = 0
        self._kept: Optional[_Entry] = None
        self.has_reserved = False

    def push(self, run: W, order: Order) -> None:
        """Put a step in line."""
        self._tickets += 1
        memory, rest = self._budget.split(run.demand)
        entry = (*order, self._tickets, run, memory, rest)
        count = self._count_by_rest.get(rest, 0)
        self._count_by_rest[rest] = count + 1
        if not count:
            self._common = rest if self._common is None else _common(self._common, rest)
        blocks = self._blocks
        if not blocks:
            blocks.append(_Block([entry]))
            self._firsts.append(entry)
            return
        place = self._place_of(entry)
        block = blocks[place]
        block.add(entry)
        if len(block.entries) > 2 * _MOST_IN_BLOCK:
            halves = block.entries[:_MOST_IN_BLOCK], block.entries[_MOST_IN_BLOCK:]
            blocks[place : place + 1] = [_Block(half) for half in halves]
            self._firsts[place : place + 1] = [half[0] for half in halves]

    def pop(self, now: float) -> Optional[W]:
        """The next step that may start, which is in line no longer; None if there is none.

        Steps that are not `ready` any more were called off, and are dropped.
        """
        budget = self._budget
        if self._common is None or not budget.fits(self._common):
            return None
        kept = self._still_kept()
        if kept is None and self._blocks:
            block = self._blocks[0]
            first: W = block.entries[0][4]
            if first.state is StepState.READY and budget.fits(first.demand):
                self._remove(block, block.entries[0])
                return first
        if not any(map(budget.fits, self._count_by_rest)):
            return None
        reservation = None if kept is None else self._reservation(kept, now)
        passed: List[_Block] = []
        passed_in_block: List[_Entry] = []
        tried = 0
        for block in self._blocks:
            if not block.has_one_that_fits(budget):
                passed.append(block)
                continue
            for entry in block.entries:
                run: W = entry[4]
                if not budget.fits(run.demand):
                    passed_in_block.append(entry)
                elif run.state is not StepState.READY:
                    self._remove(block, entry)
                    return self.pop(now)
                else:
                    if kept is None and not tried and (passed or passed_in_block):
                        kept = self._keep_for(passed, passed_in_block, now)
                        reservation = None if kept is None else self._reservation(kept, now)
                    if kept is None or entry is kept or entry[0] < kept[0]:
                        self._remove(block, entry)
                        return run
                    if reservation is None or not reservation.is_delayed_by(run, now):
                        self._remove(block, entry)
                        return run
                    tried += 1
                    if tried == _MOST_TRIED:
                        return self._take_kept(kept)
        return None

    def _still_kept(self) -> Optional[_Entry]:
        if self._kept is not None and self._kept[4].state is not StepState.READY:
            self._kept = None
        return self._kept

    def _keep_for(
        self, passed: Sequence[_Block], passed_in_block: Sequence[_Entry], now: float
    ) -> Optional[_Entry]:
        """Who gets a reservation of those that do not fit, before what is behind them starts."""
        found = [block.longest() for block in passed]
        longest = _longest([*(entry for entry in found if entry is not None), *passed_in_block])
        if longest is None or now - longest[4].ready_at < self._patience_s:
            return None
        self._kept = longest
        self.has_reserved = True
        return longest

    def _reservation(self, kept: _Entry, now: float) -> Optional[Reservation]:
        return reserve(kept[4].demand, self._budget, self._shares, now)

    def _take_kept(self, kept: _Entry) -> Optional[W]:
        """The one with the reservation, if it fits; it may be far behind in line."""
        if not self._budget.fits(kept[4].demand):
            return None
        self._remove(self._blocks[self._place_of(kept)], kept)
        run: W = kept[4]
        return run

    def _place_of(self, entry: _Entry) -> int:
        """The number of the block that an entry is in, or has to come into."""
        return max(bisect_right(self._firsts, entry) - 1, 0)

    def _remove(self, block: _Block, entry: _Entry) -> None:
        block.remove(entry)
        if entry is self._kept:
            self._kept = None
        rest = entry[6]
        self._count_by_rest[rest] -= 1
        if not self._count_by_rest[rest]:
            del self._count_by_rest[rest]
        if not block.entries:
            place = self._blocks.index(block)
            del self._blocks[place], self._firsts[place]


class _Block:
    """Some steps that follow each other in line, and what memory they want by the rest of it."""

    def __init__(self, entries: List[_Entry]) -> None:
        self.entries = entries
        self._memories_by_rest: Dict[Demand, List[int]] = {}
        self._longest: Optional[_Entry] = None
        for entry in entries:
            self._count(entry)

    def add(self, entry: _Entry) -> None:
        """Put a step in its place."""
        insort(self.entries, entry)
        self._count(entry)

    def remove(self, entry: _Entry) -> None:
        """Take a step out."""
        del self.entries[bisect_left(self.entries, entry)]
        memory, rest = entry[5:]
        memories = self._memories_by_rest[rest]
        del memories[bisect_left(memories, memory)]
        if not memories:
            del self._memories_by_rest[rest]
        if entry is self._longest:
            self._longest = None

    def has_one_that_fits(self, budget: Budget) -> bool:
        """Whether there is a demand that fits now."""
        free = budget.free_memory
        for rest, memories in self._memories_by_rest.items():
            if memories[0] <= free and budget.fits(rest):
                return True
        return False

    def longest(self) -> Optional[_Entry]:
        """The step that has waited longest; who comes later has waited less."""
        if self._longest is None or self._longest[4].state is not StepState.READY:
            self._longest = _longest(self.entries)
        return self._longest

    def _count(self, entry: _Entry) -> None:
        memory, rest = entry[5:]
        memories = self._memories_by_rest.get(rest)
        if memories is None:
            self._memories_by_rest[rest] = [memory]
        else:
            insort(memories, memory)


def _common(one: Demand, other: Demand) -> Demand:
    """What both of two demands want at least."""
    amounts = dict(other)
    return tuple(
        (number, min(amount, amounts[number])) for number, amount in one if number in amounts
    )


def _longest(entries: Sequence[_Entry]) -> Optional[_Entry]:
    """The one that has waited longest, the first in line of several; None if none still waits."""
    ready = [entry for entry in entries if entry[4].state is StepState.READY]
    return min(ready, key=lambda entry: entry[4].ready_at) if ready else None
