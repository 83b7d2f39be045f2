"""Which policy a run follows: the one that is done first in virtual time. Pure.

List scheduling has anomalies: none of the policies is the best for every workflow, and going by the
longest path is now and then slower than first come, first served. So they are tried.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Optional, Tuple

from orchestra.engine.simulate import rehearsal_of
from orchestra.model.plan import Order, Plan, Policy, Prediction

_FEW = 500
"""So many steps are always tried: 20 ms for each policy."""

_MANY = 3_000
"""With more there is one policy: three simulations of 10,000 steps would take seconds."""

_COST_S = 40e-6
"""What a step takes in a simulation, on a slow machine."""

_WORTH = 0.02
"""How much of the time that a run takes at least may be spent on what it begins with."""


def choose(plan: Plan, order: Optional[Order]) -> Tuple[Plan, Optional[Prediction]]:
    """The plan with its policy, and what is foretold; `order` is what a person asked for, if any.

    Where simulating costs more than it can gain there is no prediction, and the policy is the
    longest path first.
    """
    count = sum(step.runs for each in plan.steps for _, _, step in each.walk())
    candidates = _candidates(plan, order)
    if order is None and count > _MANY:
        candidates = candidates[:1]
    if count > _FEW and count * len(candidates) * _COST_S > _WORTH * _known_s(plan):
        return replace(plan, policy=candidates[0]), None
    rehearsal = rehearsal_of(plan)
    best, prediction, reserved = candidates[0], *rehearsal.play(candidates[0])
    for policy in candidates[1:]:
        if prediction.predicted_s <= plan.lower_bound_s:
            break
        if policy.order is best.order and not reserved:
            continue  # nobody ever waited for another's patience
        other, others_reserved = rehearsal.play(policy)
        if other.predicted_s < prediction.predicted_s:
            best, prediction, reserved = policy, other, others_reserved
    return replace(plan, policy=best, predicted_s=prediction.predicted_s), prediction


def _candidates(plan: Plan, order: Optional[Order]) -> Tuple[Policy, ...]:
    """What is tried, the one that lets nobody wait first.

    A patience of twice the shortest possible run keeps a step from starving; short of that it packs
    the most. With half of it one workflow in some hundreds took 6 % longer than without any.
    """
    patient_s = 2 * plan.lower_bound_s
    fifo = Policy(Order.FIFO, patient_s)
    if order is Order.FIFO:
        return (fifo,)
    if order is Order.PATH:
        return (Policy(Order.PATH),)
    return (Policy(Order.PATH), Policy(Order.PATH, patient_s), fifo)


def _known_s(plan: Plan) -> float:
    """Seconds that the run takes at least, as far as durations are known and not guessed."""
    times = [step for each in plan.steps for _, _, step in each.walk() if not step.inner]
    known = sum(step.duration_s is not None for step in times)
    return plan.lower_bound_s * known / max(len(times), 1)
