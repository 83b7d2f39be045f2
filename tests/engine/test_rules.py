"""The skip algebra as a table, exhaustively for up to four needs."""

from __future__ import annotations

from itertools import combinations, product

import pytest

from orchestra.engine.rules import Verdict, explain, judge
from orchestra.model.run import StepState
from orchestra.model.workflow import Need, NeedResult

RESULTS = tuple(NeedResult)
WHENS = [frozenset(c) for n in range(1, 5) for c in combinations(RESULTS, n)]
BAD = {NeedResult.FAILURE, NeedResult.STOPPED}


def table(needs):
    unmet = {result for result, when in needs if result not in when}
    if not unmet:
        return Verdict.ASK
    return Verdict.BLOCK if unmet & BAD else Verdict.SKIP


@pytest.mark.parametrize("count", [0, 1, 2])
def test_every_combination_of_results_and_whens_up_to_two_needs(count):
    cases = list(product(product(RESULTS, WHENS), repeat=count))
    assert [judge(needs) for needs in cases] == [table(needs) for needs in cases]
    assert len(cases) == (4 * 15) ** count


@pytest.mark.parametrize("count", [3, 4])
def test_every_combination_of_results_for_more_needs(count):
    whens = [
        frozenset({NeedResult.SUCCESS}),
        frozenset({NeedResult.FAILURE, NeedResult.SKIPPED}),
        frozenset(RESULTS),
    ]
    cases = list(product(product(RESULTS, whens), repeat=count))
    assert [judge(needs) for needs in cases] == [table(needs) for needs in cases]


@pytest.mark.parametrize(
    ("results", "verdict"),
    [
        ([], Verdict.ASK),
        (["success", "success"], Verdict.ASK),
        (["success", "skipped"], Verdict.SKIP),
        (["skipped", "failure"], Verdict.BLOCK),
        (["stopped"], Verdict.BLOCK),
    ],
)
def test_a_need_wants_success_unless_it_says_otherwise(results, verdict):
    assert judge((NeedResult(r), Need("x").when) for r in results) is verdict


def test_the_reason_names_the_needs_that_decided():
    states = {
        "a": StepState.SUCCEEDED,
        "b": StepState.SKIPPED,
        "c": StepState.FAILED,
        "d": StepState.BLOCKED,
    }
    needs = [Need(id) for id in "abcd"]
    assert explain(needs, states.__getitem__, Verdict.BLOCK) == "`c` failed, `d` blocked"
    assert explain(needs[:2], states.__getitem__, Verdict.SKIP) == "`b` skipped"


def test_a_long_reason_is_counted_up():
    needs = [Need("s%d" % n) for n in range(6)]
    reason = explain(needs, lambda id: StepState.FAILED, Verdict.BLOCK)
    assert reason == "`s0` failed, `s1` failed, `s2` failed and 3 more"
