"""What is kept for a step that others have passed long enough, and who may still pass it. Pure.

As in EASY backfilling: by when those that run are expected to end it is known from when on the step
will fit, and what will be left beside it then.

Source: Lifka, "The ANL/IBM SP scheduling system" (1995).
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Protocol, Tuple

from orchestra.engine.budget import Budget, Demand
from orchestra.model.plan import PlannedStep

Shares = Dict[int, Tuple[float, Demand]]
"""By the number of the step that holds it: when it is expected back, and what it is."""

_SLACK = 0.05
"""How much of its own time a step may end too late that passes: what takes as long as another, and
starts a moment later, ends with it."""


class Passing(Protocol):
    """What may want to pass: a step with its demand."""

    demand: Demand

    @property
    def planned(self) -> PlannedStep:
        """The step as it is planned."""


class Reservation(NamedTuple):
    """For when a share is reserved, and what of each resource will be left beside it then."""

    at: float
    left: List[int]

    def is_delayed_by(self, run: Passing, now: float) -> bool:
        """Whether the step has to wait if this one, which fits now, starts now."""
        if now + run.planned.expected_s * (1 - _SLACK) <= self.at:
            return False
        return any(self.left[number] < amount for number, amount in run.demand)


def reserve(demand: Demand, budget: Budget, shares: Shares, now: float) -> Optional[Reservation]:
    """The earliest reservation for a demand; None if it is not in sight.

    What is overdue may end at any moment.
    """
    free = budget.free()
    for due, share in ((now, ()), *sorted(shares.values())):
        for number, amount in share:
            free[number] += amount
        if all(free[number] >= amount for number, amount in demand):
            for number, amount in demand:
                free[number] -= amount
            return Reservation(max(due, now), free)
    return None
