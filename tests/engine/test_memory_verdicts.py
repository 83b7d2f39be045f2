from __future__ import annotations

import pytest

from orchestra.engine.ports import Ended, Written
from orchestra.engine.verdicts import Cause, final_state, judge_end
from orchestra.model.run import AttemptKey, Outcome, StepState
from tests.engine.plans import step

MIB = 2**20
OVER = Ended(
    AttemptKey("a", 1), signal="SIGKILL", max_rss_bytes=612 * MIB, memory_limit_bytes=512 * MIB
)


@pytest.mark.parametrize(
    ("ended", "reason"),
    [
        (OVER, "out of memory: peak 612 MiB, limit 512 MiB"),
        (OVER._replace(max_rss_bytes=None), "out of memory: limit 512 MiB"),
        (
            OVER._replace(signal=None, exit_code=0),
            "out of memory: peak 612 MiB, limit 512 MiB",
        ),
    ],
)
def test_an_attempt_over_its_limit_is_out_of_memory(ended: Ended, reason: str) -> None:
    verdict = judge_end(step("a"), ended, Written({}), None, "")

    assert verdict == (Outcome.OUT_OF_MEMORY, reason)


def test_what_orchestra_asked_to_end_is_judged_by_that() -> None:
    assert judge_end(step("a"), OVER, Written({}), Cause.TIMEOUT, "").outcome is Outcome.TIMED_OUT


@pytest.mark.parametrize(
    ("allowed", "state"),
    [
        (False, StepState.FAILED),
        (True, StepState.ALLOWED_FAILURE),
        ((137,), StepState.FAILED),
    ],
)
def test_it_fails_the_step_unless_every_failure_is_allowed(
    allowed: object, state: StepState
) -> None:
    made = step("a", allow_failure=allowed)
    verdict = judge_end(made, OVER, Written({}), None, "")

    assert final_state(made, verdict, None, None, None)[0] is state
