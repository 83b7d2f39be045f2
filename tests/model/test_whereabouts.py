from __future__ import annotations

from typing import Any

import pytest

from orchestra.model.record import Attempt
from orchestra.model.run import Outcome
from orchestra.model.whereabouts import has_run, place_words, queue_s

HERE = Attempt(1, 0.0, 10.0)


def there(**fields: Any) -> Attempt:
    return Attempt(1, 0.0, 10.0, executor="slurm", **fields)


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (HERE, ""),
        (there(), "slurm"),
        (there(job="7"), "slurm 7"),
        (there(job="7", node="n1"), "n1, slurm 7"),
        (there(job="o-train.1-9f2c4b7d11e08a63", node="n1"), "n1, slurm"),
        (there(node="n\x1b1"), "n\\e1, slurm"),
    ],
)
def test_a_place_is_told_of_what_runs_elsewhere(attempt: Attempt, words: str) -> None:
    assert place_words([HERE, attempt]) == words


def test_what_has_no_attempt_has_no_place() -> None:
    assert place_words([]) == ""


def test_time_in_a_queue_counts_to_the_beginning_or_to_now() -> None:
    assert queue_s(HERE, 30.0) is None
    assert queue_s(there(job="7"), 30.0) == 20.0
    assert queue_s(there(job="7")) is None
    assert queue_s(there(job="7", launched_at=12.5), 30.0) == 2.5
    assert queue_s(there(job="7", outcome=Outcome.FAILED), 30.0) is None
    assert queue_s(there(), 30.0) is None, "no engine has it yet"


def test_what_was_launched_began_then() -> None:
    made = [HERE, there(), there(launched_at=12.5)]
    assert [attempt.began_at for attempt in made] == [10, 10, 12.5]


def test_what_an_engine_never_started_has_not_run() -> None:
    assert has_run(HERE)
    assert not has_run(there(outcome=Outcome.FAILED))
    assert has_run(there(outcome=Outcome.FAILED, exit_code=1)), "nobody saw it begin"
    assert has_run(there(launched_at=12.5))
