"""Which alerts are due, as a table."""

from __future__ import annotations

from typing import List, Optional

import pytest

from orchestra.model.run import RunState
from orchestra.model.workflow import AlertWhen, Channel, NotifyEntry
from orchestra.subscribers.alert_rules import due_at_end, slow_limit

ALL = tuple(AlertWhen)


def entry(*when: AlertWhen, slow_after_s: Optional[float] = None) -> NotifyEntry:
    return NotifyEntry(0, Channel.COMMAND, ("true",), when, slow_after_s=slow_after_s)


@pytest.mark.parametrize(
    ("when", "state", "failed_before", "is_slow", "due"),
    [
        (ALL, RunState.FAILED, False, False, "failure"),
        (ALL, RunState.FAILED, True, True, "failure"),
        (ALL, RunState.CANCELLED, True, False, None),
        (ALL, RunState.CANCELLED, False, True, "slow"),
        (ALL, RunState.SUCCEEDED, True, True, "recovery"),
        (ALL, RunState.SUCCEEDED, False, True, "success"),
        ((AlertWhen.RECOVERY,), RunState.SUCCEEDED, False, False, None),
        ((AlertWhen.RECOVERY,), RunState.SUCCEEDED, True, False, "recovery"),
        ((AlertWhen.SUCCESS,), RunState.SUCCEEDED, True, False, "success"),
        ((AlertWhen.SUCCESS,), RunState.FAILED, True, False, None),
        ((AlertWhen.FAILURE,), RunState.SUCCEEDED, True, True, None),
        ((AlertWhen.SLOW,), RunState.SUCCEEDED, False, True, "slow"),
    ],
)
def test_an_entry_tells_one_thing_of_an_end(when, state, failed_before, is_slow, due):
    found = due_at_end(entry(*when), state, failed_before, is_slow)
    assert (found and found.value) == due


@pytest.mark.parametrize(
    ("durations", "limit_s"),
    [
        ([], None),
        ([100.0, 100.0], None),
        ([100.0, 300.0, 200.0], 400.0),
        ([100.0, 300.0, 200.0, 400.0], 500.0),
        ([1.0, 2.0, 3.0], 60.0),
    ],
)
def test_slow_is_twice_the_median_of_three_runs_and_a_minute_at_least(
    durations: List[float], limit_s: Optional[float]
):
    assert slow_limit(entry(AlertWhen.SLOW), durations) == limit_s


def test_slow_after_needs_no_earlier_run_and_may_be_short():
    assert slow_limit(entry(AlertWhen.SLOW, slow_after_s=0.5), []) == 0.5


def test_who_does_not_ask_for_slow_has_no_limit():
    assert slow_limit(entry(AlertWhen.FAILURE), [100.0, 100.0, 100.0]) is None
