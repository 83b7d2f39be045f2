"""Patterns that would take for ever are given up."""

from __future__ import annotations

import re
import signal

import pytest

from orchestra.spec.load import load
from orchestra.spec.patience import ImpatientError, matches

ENDLESS = re.compile("(a+)+$")


def test_a_match_that_takes_too_long_is_given_up_and_the_alarm_is_as_before() -> None:
    before = signal.getsignal(signal.SIGVTALRM)
    with pytest.raises(ImpatientError):
        matches(ENDLESS, "a" * 60 + "!")

    assert signal.getsignal(signal.SIGVTALRM) is before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


@pytest.mark.parametrize(("text", "expected"), [("aaa", True), ("aab", False), ("", False)])
def test_others_are_matched_whole(text: str, expected: bool) -> None:
    assert matches(ENDLESS, text) is expected


def test_a_default_that_takes_too_long_is_a_fault_with_a_place() -> None:
    text = "version: 1\nparams:\n  x: {pattern: '(a+)+$', default: '%s!'}\nsteps: {a: {run: x}}\n"
    (fault,) = load("p.yaml", (text % ("a" * 60)).encode()).faults
    assert (fault.line, "takes too long" in fault.message) == (3, True)
