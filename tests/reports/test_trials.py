"""Verdicts of tests as programs read them, however odd the names."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from orchestra.reports.trials_json import render_trials_json
from orchestra.reports.trials_junit import render_trials_junit
from tests.golden.trials import NIGHTLY, TRIED


def test_junit_is_xml_with_a_case_for_each_and_a_failure_for_each_that_failed() -> None:
    root = ElementTree.fromstring(render_trials_junit(TRIED))
    assert [(each.get("tests"), each.get("failures")) for each in root] == [("3", "2"), ("3", "2")]
    cases = root.findall("testsuite/testcase")
    assert [case.find("failure") is not None for case in cases] == [
        False,
        True,
        True,
        False,
        True,
        True,
    ]
    assert [case.get("time") for case in cases[:3]] == ["3725.500", "3630.000", "0.000"]


def test_json_tells_whether_all_passed() -> None:
    passed = [NIGHTLY._replace(verdicts=NIGHTLY.verdicts[:1])]
    assert json.loads(render_trials_json(passed))["passed"] is True
    assert json.loads(render_trials_json(TRIED))["passed"] is False
