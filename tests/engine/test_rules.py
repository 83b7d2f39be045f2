"""What the rules say of a step whose needs have ended; all cases are in `test_skip_algebra`."""

from __future__ import annotations

import pytest

from orchestra.engine.rules import Verdict, explain, judge
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
    ends = {
        "a": ("succeeded", NeedResult.SUCCESS),
        "b": ("skipped", NeedResult.SKIPPED),
        "c": ("failed", NeedResult.FAILURE),
        "d": ("blocked", NeedResult.STOPPED),
        "e": ("left out", NeedResult.SUCCESS),
    }
    needs = [Need(id) for id in "abcde"]
    assert explain(needs, ends.__getitem__, Verdict.BLOCK) == "`c` failed, `d` blocked"
    assert explain([needs[0], needs[1], needs[4]], ends.__getitem__, Verdict.SKIP) == "`b` skipped"


def test_a_long_reason_is_counted_up():
    needs = [Need("s%d" % n) for n in range(6)]
    reason = explain(needs, lambda id: ("failed", NeedResult.FAILURE), Verdict.BLOCK)
    assert reason == "`s0` failed, `s1` failed, `s2` failed and 3 more"
