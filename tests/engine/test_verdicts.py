"""What the end of an attempt comes to where no machine is needed to tell."""

from __future__ import annotations

import pytest

from orchestra.engine.ports import Ended, Written
from orchestra.engine.verdicts import wants_retry
from orchestra.model.run import AttemptKey, Outcome
from orchestra.model.workflow import Retry, RetryWhen
from tests.engine.plans import step


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (None, True),
        (RetryWhen(oom=True), True),
        (RetryWhen(timeout=True), False),
        (RetryWhen(signals=("SIGKILL",)), True),
        (RetryWhen(signals=("SIGSEGV",)), False),
    ],
)
def test_want_of_memory_is_a_cause_of_its_own(when, expected):
    ended = Ended(AttemptKey("a", 1), signal="SIGKILL")
    retry = step("a", retry=Retry(max=1, when=when))
    assert wants_retry(retry, 1, ended, Written({}), Outcome.OUT_OF_MEMORY) is expected
