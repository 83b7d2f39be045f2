"""Conditions that are the same in every run, and steps that never run."""

from __future__ import annotations

import pytest

from tests.lints.looking import faults, lints

FLOW = """\
params:
  on: {type: bool, default: true}
  region: {type: string, enum: [eu, us], default: eu}
  size: {type: int, enum: [1, 2], default: 1}
  name: x
steps:
  a: {run: x, if: params.name == 'x'}
  b: {run: x}
  c:
    needs: b
    if: %s
    run: x
"""


@pytest.mark.parametrize(
    "condition",
    [
        "true",
        "1 < 2",
        "'a' in ['a', 'b']",
        "params.region != 'asia'",
        "params.region in ['eu', 'us', null]",
        "params.size != 3",
        "params.name == 'x' or true",
        "not (params.on and not params.on)",
        "steps.b.result == 'success'",
        "steps.b.state != 'failed'",
        "starts_with('abc', 'a')",
    ],
)
def test_a_condition_that_is_always_true_is_told(condition: str) -> None:
    assert lints(FLOW % ('"%s"' % condition), "L201", "L202") == ["L201:11"]


@pytest.mark.parametrize(
    "condition",
    [
        "false",
        "params.region == 'asia'",
        "params.region == 'EU'",
        "params.region == 'eu' and params.region == 'us'",
        "params.name == 'x' and params.size > 2",
        "steps.b.result == 'failure'",
        "steps.b.result == 'sucess'",
        "steps.b.state == 'failed'",
        "always() and false",
        "failure() and steps.b.result == 'fail'",
    ],
)
def test_a_condition_that_is_always_false_is_told(condition: str) -> None:
    assert lints(FLOW % ('"%s"' % condition), "L201", "L202") == ["L202:11"]


@pytest.mark.parametrize(
    "condition",
    [
        "params.on",
        "not params.on",
        "params.name == 'y'",
        "params.region == 'eu'",
        "params.size > 1",
        "params.region != null",
        "always()",
        "success()",
        "not cancelled()",
        "always() or true",
        "failure() and steps.b.result == 'failure'",
        "always() and steps.b.state == 'blocked'",
        "steps.b.state == 'cached'",
        "steps.b.exit_code == 0",
        "run.name == 'x'",
        "len(params.name) > 0",
        "env.HOME == 'x'",
        "params['re' + 'gion'] == 'asia'",
    ],
)
def test_a_condition_that_can_be_either_is_not(condition: str) -> None:
    assert lints(FLOW % ('"%s"' % condition), "L201", "L202") == []


@pytest.mark.parametrize(
    ("when", "condition"),
    [
        ("failure", "steps.b.result == 'failure'"),
        ("[success, failure]", "steps.b.result != 'skipped'"),
        ("done", "steps.b.result in ['success', 'failure', 'skipped', 'stopped']"),
    ],
)
def test_what_a_need_welcomes_says_what_its_result_can_be(when: str, condition: str) -> None:
    flow = FLOW.replace("needs: b", "needs: {step: b, when: %s}" % when)
    assert lints(flow % ('"%s"' % condition), "L201", "L202") == ["L201:11"]


def test_a_step_above_that_is_not_needed_itself_can_have_any_result() -> None:
    text = """\
steps:
  a: {run: x}
  b: {needs: {step: a, when: done}, run: x}
  c: {needs: b, if: steps.a.result == 'failure', run: x}
"""
    assert lints(text) == []


@pytest.mark.parametrize(
    ("condition", "word"), [("1 < 2", "met"), ("params.region == 'asia'", "missed")]
)
def test_a_requirement_that_is_always_met_or_missed_is_told(condition: str, word: str) -> None:
    text = FLOW % "params.on" + '    require:\n      - {if: "%s", message: m}\n' % condition
    [fault] = faults(text, ["L201"])
    assert (fault.line, fault.message) == (14, "this requirement is always %s" % word)


def test_all_that_needs_a_step_that_never_runs_never_runs() -> None:
    text = """\
steps:
  a: {run: x, if: false}
  b: {needs: a, run: x}
  c: {needs: [b], run: x}
  d: {needs: {step: b, when: [success, skipped]}, run: x}
  e: {needs: a, if: always(), run: x}
  f: {needs: e, run: x}
"""
    assert lints(text) == ["L202:2", "L202:3", "L202:4"]
    assert faults(text)[2].message == "`c` never runs: it needs `b`, which never runs"


def test_steps_in_a_step_are_looked_at_in_their_own_order() -> None:
    text = """\
steps:
  a: {run: x}
  b:
    needs: {step: a, when: done}
    steps:
      c: {run: x}
      d: {needs: c, if: steps.c.result == 'failure', run: x}
      e: {if: steps.a.result == 'failure', run: x}
"""
    assert lints(text) == ["L202:7"]
