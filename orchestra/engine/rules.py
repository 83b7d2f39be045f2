"""The skip algebra: what the results of its needs mean for a step. Pure."""

from __future__ import annotations

from enum import Enum
from typing import Callable, FrozenSet, Iterable, Sequence, Tuple

from orchestra.model.expression import STATUS_FUNCTIONS
from orchestra.model.run import StepState
from orchestra.model.workflow import ArtifactsWhen, Need, NeedResult, Step

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
    needs: Sequence[Need], end_of: Callable[[str], Tuple[str, NeedResult]], verdict: Verdict
) -> str:
    """The needs that kept a step from running: `'build' failed, 'lint' blocked`.

    `end_of` gives the end of a step in a word, and its result.
    """
    culprits = []
    for need in needs:
        word, result = end_of(need.step)
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


def keeps_artifacts(step: Step, state: StepState) -> bool:
    """Whether the files of a step that comes to this state after its last attempt are kept."""
    assert step.artifacts is not None
    when = step.artifacts.when
    if when is ArtifactsWhen.ALWAYS:
        return True
    if when is ArtifactsWhen.SUCCESS:
        return state is StepState.SUCCEEDED
    return state in (StepState.FAILED, StepState.ALLOWED_FAILURE)
