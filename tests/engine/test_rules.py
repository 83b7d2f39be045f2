"""What the rules say of a step whose needs have ended; all cases are in `test_skip_algebra`."""

from __future__ import annotations

import pytest

from orchestra.engine.rules import Verdict, explain, judge
from orchestra.model.run import StepState
from orchestra.model.workflow import Need, NeedResult


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
