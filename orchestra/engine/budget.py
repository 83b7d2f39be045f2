"""What the run may use, what is free of it, and the ready steps in line for a share. Pure."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

Demand = Tuple[Tuple[int, int], ...]
"""Pairs of a resource's number in its `Budget` and an amount above zero."""

Order = Tuple[int, float, int]
"""Where a ready step stands in line, smallest first: minus priority, minus rank, place."""

_InLine = Tuple[int, float, int, int]
"""An `Order` and the number of its step, in one tuple: such are compared in half the time."""

SLOTS = "slots"
"""The resource that counts steps running at once; every demand takes one of it."""


class Budget:
    """Amounts of named resources, handed out and taken back whole demands at a time."""

    def __init__(
        self, amounts: Mapping[str, int], slots: Optional[int], devices: Sequence[int] = ()
    ) -> None:
        self._number_by_name: Dict[str, int] = {SLOTS: 0}
        self._free: List[int] = [2**62 if slots is None else slots]
        for name, amount in amounts.items():
            self._number_by_name[name] = len(self._free)
            self._free.append(amount)
        self._devices = list(devices)
        heapify(self._devices)

    def add(self, name: str, amount: int) -> None:
        """Have one more resource to give out, if there is none of that name yet."""
        if name not in self._number_by_name:
            self._number_by_name[name] = len(self._free)
            self._free.append(amount)

    def demand(self, amounts: Mapping[str, int]) -> Demand:
        """The demand for these amounts and one slot; every name must be in the budget."""
        number = self._number_by_name
        wanted = sorted((number[name], amount) for name, amount in amounts.items() if amount)
        return ((0, 1), *wanted)

    def fits(self, demand: Demand) -> bool:
        """Whether the whole demand is free now."""
        free = self._free
        for number, amount in demand:  # noqa: SIM110  # all() over a generator takes twice as long
            if free[number] < amount:
                return False
        return True

    def take(self, demand: Demand, devices: int = 0) -> Tuple[int, ...]:
        """Reserve a demand that fits; gives the numbers of the GPUs that go with it."""
        for number, amount in demand:
            self._free[number] -= amount
        return tuple(heappop(self._devices) for _ in range(devices))

    def hold(self, demand: Demand, devices: Sequence[int]) -> None:
        """Reserve what is held already, these GPUs among it, whether it fits or not."""
        for number, amount in demand:
            self._free[number] -= amount
        self._devices = [each for each in self._devices if each not in devices]
        heapify(self._devices)

    def give(self, demand: Demand, devices: Sequence[int] = ()) -> None:
        """Hand a reserved demand and its GPUs back."""
        for number, amount in demand:
            self._free[number] += amount
        for device in devices:
            heappush(self._devices, device)


class ReadyQueue:
    """Ready steps in line, a heap for each distinct demand: no turn looks at all of them."""

    def __init__(self) -> None:
        self._heap_by_demand: Dict[Demand, List[_InLine]] = {}

    def push(self, step: int, demand: Demand, order: Order) -> None:
        """Put a step in line."""
        heap = self._heap_by_demand.get(demand)
        if heap is None:
            heap = self._heap_by_demand[demand] = []
        heappush(heap, (*order, step))

    def pop(self, budget: Budget) -> Optional[int]:
        """The first step in line whose whole demand is free, None if there is none.

        A step that does not fit lets those behind it pass that do.
        """
        if budget.fits(((0, 1),)):
            best: Optional[_InLine] = None
            chosen: Demand = ()
            for demand, heap in self._heap_by_demand.items():
                if (best is None or heap[0] < best) and budget.fits(demand):
                    best, chosen = heap[0], demand
            if best is not None:
                heap = self._heap_by_demand[chosen]
                heappop(heap)
                if not heap:
                    del self._heap_by_demand[chosen]
                return best[-1]
        return None
