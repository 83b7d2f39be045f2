"""What the run may use, and what is free of it. Pure."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

Demand = Tuple[Tuple[int, int], ...]
"""Pairs of a resource's number in its `Budget` and an amount above zero."""

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
        self._memory = self._number_by_name["memory"]
        self._cpu = self._number_by_name["cpu"]
        self._demand_by_amounts: Dict[Tuple[Tuple[str, int], ...], Demand] = {}
        self._split: Dict[Demand, Tuple[int, Demand]] = {}

    def add(self, name: str, amount: int) -> None:
        """Have one more resource to give out, if there is none of that name yet."""
        if name not in self._number_by_name:
            self._number_by_name[name] = len(self._free)
            self._free.append(amount)

    def demand(self, amounts: Mapping[str, int]) -> Demand:
        """The demand for these amounts and one slot; every name must be in the budget."""
        asked = tuple(amounts.items())
        demand = self._demand_by_amounts.get(asked)
        if demand is None:
            number = self._number_by_name
            wanted = sorted((number[name], amount) for name, amount in asked if amount)
            demand = self._demand_by_amounts[asked] = ((0, 1), *wanted)
        return demand

    def fits(self, demand: Demand) -> bool:
        """Whether the whole demand is free now."""
        free = self._free
        for number, amount in demand:  # noqa: SIM110  # all() over a generator takes twice as long
            if free[number] < amount:
                return False
        return True

    def free(self) -> List[int]:
        """What is free of each resource, by its number; a copy."""
        return self._free[:]

    def split(self, demand: Demand) -> Tuple[int, Demand]:
        """The memory in a demand and the rest of it: many demands differ in memory alone."""
        parts = self._split.get(demand)
        if parts is None:
            memory = dict(demand).get(self._memory, 0)
            rest = tuple(pair for pair in demand if pair[0] != self._memory)
            parts = self._split[demand] = memory, rest
        return parts

    @property
    def free_memory(self) -> int:
        """What of that is free."""
        return self._free[self._memory]

    @property
    def free_cpu(self) -> int:
        """What of the cores is free."""
        return self._free[self._cpu]

    def take(self, demand: Demand, devices: int = 0) -> Tuple[int, ...]:
        """Reserve a demand that fits; gives the numbers of the GPUs that go with it."""
        for number, amount in demand:
            self._free[number] -= amount
        return tuple(heappop(self._devices) for _ in range(devices)) if devices else ()

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
