"""How long a plan takes, and how much it uses at once, in virtual time. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Union

from orchestra.engine.timetable import Timetable, is_flat
from orchestra.model.plan import Plan, Prediction

if TYPE_CHECKING:
    from orchestra.engine.rehearsal import Rehearsal


def predict(plan: Plan) -> Prediction:
    """The makespan when every step that may run does, and takes as long as the plan says."""
    return rehearsal_of(plan).play(plan.policy)[0]


def rehearsal_of(plan: Plan) -> Union[Timetable, Rehearsal]:
    """The cheapest way to go through a plan; where there are two, both come to the same."""
    if is_flat(plan):
        return Timetable(plan)
    # the machine and all that it goes by take 10 ms to import, a tenth of a small plan
    from orchestra.engine.rehearsal import Rehearsal

    return Rehearsal(plan)
