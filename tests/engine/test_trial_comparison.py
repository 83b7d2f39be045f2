"""Values and times beside each other."""

from __future__ import annotations

from typing import Any

import pytest

from orchestra.engine.trial_comparison import duration_words, same


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (0.25, "0.25s"), (60, "1m"), (3900.0, "1h5m"), (90061.001, "1d1h1m1.001s")],
)
def test_a_time_is_told_as_it_is_written_in_a_workflow(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        (2, 2.0, True),
        (1, True, False),
        (True, True, True),
        ([1, {"a": None}], [1.0, {"a": None}], True),
        ({"a": 1}, {"a": True}, False),
        ([1], [1, 2], False),
        ("2", 2, False),
    ],
)
def test_values_are_the_same_if_they_are_the_same_data(
    one: Any, other: Any, are_same: bool
) -> None:
    assert same(one, other) is are_same
