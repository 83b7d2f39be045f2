"""The skip algebra, exhaustively for up to four needs, against an independent model.

A case is a step that needs some of a few steps whose results are known; a machine run holds
hundreds of cases beside each other. It is told by the result of each need (success, failure,
skipped, stopped) with its `when` (the 8 sets that can be written), whatever their order, and by
its `if`. 0 to 4 needs give 1 + 32 + 528 + 5984 + 52360 = 58905 sets of needs, each with no `if`,
`true` and `false`: 176715 cases.
A status function takes no `when`: 4^0 + … + 4^4 = 341 rows of results, in every order, with each
of the four functions in a calm run, while the run is being stopped and after `fail_fast` has
struck, and the last two also without a function: 341 × (4 + 7 + 7) = 6138 cases.
"""

from __future__ import annotations

from itertools import combinations_with_replacement, count, product
from typing import Dict, List, Sequence, Tuple

import pytest

from orchestra.engine.stimuli import StopAsked
from orchestra.model.expression import parse
from orchestra.model.workflow import Need, NeedResult, Step
from tests.engine.algebra import CALM, FAILURE, SKIPPED, STOPPED, SUCCESS, WHENS, Moment, decide
from tests.engine.plans import make_plan, step
from tests.engine.world import Behaviour, World

RESULTS = (SUCCESS, FAILURE, SKIPPED, STOPPED)
MOST = 4
BATCH = 500  # cases in one machine run: the quickest
PLAIN = ("", "true", "false")
STATUS = ("success()", "failure()", "always()", "cancelled()")
CONDITIONS = {text: parse(text) for text in (*PLAIN, *STATUS) if text}

Asked = Tuple[Tuple[str, frozenset], ...]

SOURCES: List[Step] = [
    source
    for n in range(MOST)
    for source in (
        step("success%d" % n, body=None),
        step("failure%d" % n),
        step("skipped%d" % n, body=None, if_="false"),
        step("stopped%d" % n, "failure%d" % n, body=None),
    )
]
"""Four of each result; the stopped ones are blocked, or cancelled once `fail_fast` has struck."""


NEEDS = {
    (result, welcome, n): Need("%s%d" % (result, n), frozenset(map(NeedResult, welcome)))
    for result in RESULTS
    for welcome in WHENS
    for n in range(MOST)
}


def target(number: int, needs: Asked, condition: str, more: Sequence[Need] = ()) -> Step:
    """A gate below sources with these results, a source of its own for each need."""
    copies: Dict[str, count[int]] = {result: count() for result in RESULTS}
    made = [NEEDS[result, welcome, next(copies[result])] for result, welcome in needs]
    return Step("t%d" % number, 0, needs=(*made, *more), condition=CONDITIONS.get(condition))


def states(targets: Sequence[Step], *more: Step, **fields) -> List[str]:
    """What the machine makes of each target."""
    stops = fields.pop("stops", {})
    plan, scopes = make_plan(*SOURCES, *more, *targets, cpu=100, **fields)
    fails = Behaviour(exit_code=1)
    lasts = {"hold": Behaviour(lasts=9.0), "late": Behaviour()}
    found = World(plan, scopes, lambda key: lasts.get(key.step, fails), stops).run().states
    return [found[one.id] for one in targets]


def expected(needs: Asked, condition: str, moment: Moment = CALM) -> str:
    has_failure = any(result in (FAILURE, STOPPED) for result, _ in needs)
    state = decide(needs, condition, has_failure, moment)
    return "succeeded" if state == "runs" else state


@pytest.mark.parametrize("condition", PLAIN)
@pytest.mark.parametrize("size", range(MOST + 1))
def test_every_set_of_needs_with_whens(size, condition):
    cases = list(combinations_with_replacement(product(RESULTS, WHENS), size))
    targets = [target(n, needs, condition) for n, needs in enumerate(cases)]
    batches = [targets[start : start + BATCH] for start in range(0, len(targets), BATCH)]
    found = [state for batch in batches for state in states(batch)]
    assert found == [expected(needs, condition) for needs in cases]
    assert len(cases) == (1, 32, 528, 5984, 52360)[size]


ROWS = [
    tuple((result, WHENS[0]) for result in row)
    for size in range(MOST + 1)
    for row in product(RESULTS, repeat=size)
]
LATE = (Need("late"),)


@pytest.mark.parametrize("condition", STATUS)
def test_every_row_of_results_with_a_status_function(condition):
    targets = [target(n, needs, condition) for n, needs in enumerate(ROWS)]
    assert states(targets) == [expected(needs, condition) for needs in ROWS]


@pytest.mark.parametrize("condition", [*PLAIN, *STATUS])
def test_every_row_of_results_while_the_run_is_being_stopped(condition):
    """`late` succeeds after the stop and is one more need of each target."""
    targets = [target(n, needs, condition, LATE) for n, needs in enumerate(ROWS)]
    late = [step("hold"), step("late", "hold", if_="always()")]
    found = states(targets, *late, stops={5.0: StopAsked("SIGINT", 130)})
    moment = Moment(is_stopping=True)
    assert found == [expected(needs, condition, moment) for needs in ROWS]


@pytest.mark.parametrize("condition", [*PLAIN, *STATUS])
def test_every_row_of_results_after_fail_fast_has_struck(condition):
    """`hold` ends well after the first failure and is one more need of each target."""
    targets = [target(n, needs, condition, (Need("hold"),)) for n, needs in enumerate(ROWS)]
    found = states(targets, step("hold"), fail_fast=True)
    moment = Moment(has_struck=True)
    assert found == [expected(needs, condition, moment) for needs in ROWS]
