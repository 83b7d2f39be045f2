"""The skip algebra: what the results of its needs mean for a step. Pure."""

from __future__ import annotations

from enum import Enum
from typing import Callable, Container, FrozenSet, Iterable, Sequence, Tuple

from orchestra.model.expression import STATUS_FUNCTIONS
from orchestra.model.run import RESULT_BY_STATE, StepState
from orchestra.model.workflow import Need, NeedResult, Step

_SHOWN_NEEDS = 3
_BAD = frozenset({NeedResult.FAILURE, NeedResult.STOPPED})


class Verdict(Enum):
    """What becomes of a step once all its needs have ended."""

    ASK = "ask"
    SKIP = "skip"
    BLOCK = "block"


def judge(needs: Iterable[Tuple[NeedResult, FrozenSet[NeedResult]]]) -> Verdict:
    """The verdict over `(result, welcome results)` of every need.

    All met: the step's `if` is asked. Otherwise any unmet need that failed or was stopped blocks
    the step, and a step that only lacks skipped ones is skipped itself.
    """
    verdict = Verdict.ASK
    for result, welcome in needs:
        if result not in welcome:
            if result in _BAD:
                return Verdict.BLOCK
            verdict = Verdict.SKIP
    return verdict


def explain(
    needs: Sequence[Need],
    state_of: Callable[[str], StepState],
    verdict: Verdict,
    left_out: Container[str] = (),
) -> str:
    """The needs that kept a step from running: `'build' failed, 'lint' blocked`.

    Those `left_out` by a person are skipped, and count as a success.
    """
    culprits = []
    for need in needs:
        state = state_of(need.step)
        word, result = state.value.replace("_", " "), RESULT_BY_STATE[state]
        if result is NeedResult.SKIPPED and need.step in left_out:
            word, result = "left out", NeedResult.SUCCESS
        if result not in need.when and (verdict is Verdict.SKIP or result in _BAD):
            culprits.append("`%s` %s" % (need.step, word))
    more = len(culprits) - _SHOWN_NEEDS
    return ", ".join(culprits[:_SHOWN_NEEDS]) + (" and %d more" % more if more > 0 else "")


def asks_status(step: Step) -> bool:
    """Whether the step's `if` calls a status function, which replaces the rule of `judge`."""
    condition = step.condition
    return condition is not None and not condition.functions.isdisjoint(STATUS_FUNCTIONS)


def starts_after_failure(step: Step) -> bool:
    """Whether the step may still start once `fail_fast` has struck."""
    condition = step.condition
    return condition is not None and not condition.functions.isdisjoint(("always", "failure"))


def starts_while_stopping(step: Step) -> bool:
    """Whether the step may still start while the run is being stopped."""
    condition = step.condition
    return condition is not None and not condition.functions.isdisjoint(("always", "cancelled"))
