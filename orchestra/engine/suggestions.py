"""What the resources of steps should be, by what they used; which step to shorten first. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from orchestra.engine.simulate import predict
from orchestra.model.plan import Plan, PlannedStep
from orchestra.model.sample import Sample, percentile_95
from orchestra.model.suggestion import Advice, Shortening, Suggestion

_MOST_TRIED = 5
"""Of the longest steps on the critical path, and of those that take the most of the budget."""

_CORE = 1000
_MIB = 2**20


def advise(
    plan: Plan, samples_by_step: Mapping[str, Sequence[Sample]], predicted_s: float
) -> Advice:
    """What to change in a workflow of which earlier runs are known."""
    return Advice(suggest(plan, samples_by_step), shorten_first(plan, predicted_s))


def suggest(plan: Plan, samples_by_step: Mapping[str, Sequence[Sample]]) -> Tuple[Suggestion, ...]:
    """What the steps of a plan should ask for that ran before, in the order of the plan.

    Those that a person left out are left out here as well.
    """
    found = []
    for id, step in _leaves(plan):
        samples = samples_by_step.get(id)
        if samples and step.demand != {}:
            proposed = _proposed(samples)
            if step.step.jobserver:  # it used what it was lent, too
                proposed.pop("cpu", None)
            found.append(Suggestion(id, len(samples), step.expected_s, step.wanted, proposed))
    return tuple(found)


def shorten_first(plan: Plan, predicted_s: float) -> Optional[Shortening]:
    """The step to shorten first, None if shortening none of them makes the run shorter.

    Few are tried: those that last longest on the critical path, and those that take the most.
    """
    leaves = [(id, step) for id, step in _leaves(plan) if step.runs]
    on_path = {plan.steps[number].step.id for number in plan.critical_path}
    by_time = [each for each in leaves if each[0].split("/")[0] in on_path]
    by_time.sort(key=lambda each: -each[1].expected_s)
    by_share = sorted(leaves, key=lambda each: -_share(each[1], plan.budget))
    tried = dict.fromkeys(id for id, _ in (*by_time[:_MOST_TRIED], *by_share[:_MOST_TRIED]))
    found = [Shortening(id, predict(_halved(plan, id)).predicted_s) for id in tried]
    best = min(found, key=lambda each: each.predicted_s, default=None)
    return best if best is not None and best.predicted_s < predicted_s else None


def _leaves(plan: Plan) -> List[Tuple[str, PlannedStep]]:
    """The steps that run something themselves, by their ids without instances."""
    places = [place for step in plan.steps for place in step.walk()]
    return [(p + step.step.id, step) for p, _, step in places if step.step.body and not step.inner]


def _proposed(samples: Sequence[Sample]) -> Dict[str, int]:
    memory = percentile_95([each.memory_bytes for each in samples if each.memory_bytes is not None])
    cpu = percentile_95([each.cpu for each in samples if each.cpu is not None])
    proposed = {}
    if cpu is not None:
        proposed["cpu"] = _round_cpu(cpu)
    if memory is not None:
        proposed["memory"] = _round_memory(memory)
    return proposed


def _round_cpu(cpu: int) -> int:
    """Up to a quarter of a core below one, up to a whole one above; what is a little over is not.

    A process that never waits measures as 1.01 cores now and then.
    """
    unit = _CORE // 4 if cpu <= _CORE else _CORE
    return max(-(-(cpu - cpu // 20) // unit) * unit, _CORE // 4)


def _round_memory(size: int) -> int:
    """Up to an eighth of the power of two below, and a whole MiB: a tenth to spare, or less."""
    unit = max(1 << max(size.bit_length() - 4, 0), _MIB)
    return -(-size // unit) * unit


def _share(step: PlannedStep, budget: Mapping[str, int]) -> float:
    """How much of the scarcest resource all its instances take, in seconds."""
    shares = [amount / budget[name] for name, amount in (step.demand or {}).items() if budget[name]]
    return step.expected_s * step.runs * max(shares, default=0.0)


def _halved(plan: Plan, id: str) -> Plan:
    return replace(plan, steps=_with_half(plan.steps, id, ""))


def _with_half(steps: Sequence[PlannedStep], id: str, prefix: str) -> Tuple[PlannedStep, ...]:
    changed = []
    for each in steps:
        name = prefix + each.step.id
        if name == id:
            each = each._replace(duration_s=each.expected_s / 2)
        elif id.startswith(name + "/"):
            each = each._replace(inner=_with_half(each.inner, id, name + "/"))
        changed.append(each)
    return tuple(changed)
