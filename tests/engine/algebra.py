"""The skip algebra and what a halt keeps from starting, written from the language's contract.

It reads nothing of the engine, so that the engine can be held to it.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import AbstractSet, Any, Mapping, NamedTuple, Sequence, Tuple

SUCCESS, FAILURE, SKIPPED, STOPPED = "success", "failure", "skipped", "stopped"
ALL = frozenset({SUCCESS, FAILURE, SKIPPED, STOPPED})
WHENS = tuple(
    frozenset(results)
    for results in (
        {SUCCESS},
        {FAILURE},
        {SKIPPED},
        {SUCCESS, FAILURE},
        {SUCCESS, SKIPPED},
        {FAILURE, SKIPPED},
        {SUCCESS, FAILURE, SKIPPED},
        ALL,
    )
)
"""Every set that `when` can say: `success`, `failure` and `skipped`, and `done`, which is all."""

RESULT_BY_STATE = {
    "succeeded": SUCCESS,
    "cached": SUCCESS,
    "recovered": SUCCESS,
    "allowed_failure": SUCCESS,
    "failed": FAILURE,
    "skipped": SKIPPED,
    "blocked": STOPPED,
    "cancelled": STOPPED,
}


class Moment(NamedTuple):
    """What a run is like when a step is decided about."""

    is_stopping: bool = False
    is_at_once: bool = False
    has_struck: bool = False  # `fail_fast` has


CALM = Moment()
Needs = Sequence[Tuple[str, AbstractSet[str]]]
"""The result of each need, and the results that are welcome."""


def may_start(condition: str, moment: Moment) -> bool:
    """Whether a halt lets a step with this `if` start."""
    if moment.is_stopping:
        return not moment.is_at_once and ("always()" in condition or "cancelled()" in condition)
    return not moment.has_struck or "always()" in condition or "failure()" in condition


def decide(
    needs: Needs,
    condition: str = "",
    has_failure_above: bool = False,
    moment: Moment = CALM,
    names: Mapping[str, Any] = {},
) -> str:
    """`runs`, or the state that a step ends in without a start; `names` are those of its `if`."""
    if not may_start(condition, moment):
        return "cancelled"
    status = {
        "success": lambda: all(result == SUCCESS for result, _ in needs),
        "failure": lambda: has_failure_above,
        "cancelled": lambda: moment.is_stopping,
        "always": lambda: True,
    }
    if not any(function + "()" in condition for function in status):
        unmet = {result for result, welcome in needs if result not in welcome}
        if unmet & {FAILURE, STOPPED}:
            return "blocked"
        if unmet:
            return "skipped"
    words = {"true": True, "false": False, "null": None, **names, **status}
    return "runs" if eval(condition or "true", {"__builtins__": {}}, words) else "skipped"


def facts(state: str) -> SimpleNamespace:
    """What `steps.ID` shows of a step that has ended, for the `if` of another."""
    return SimpleNamespace(state=state, result=RESULT_BY_STATE[state])
