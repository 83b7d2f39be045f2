"""What keeps steps from starting while the run is being stopped. Pure."""

from __future__ import annotations

from typing import Optional, Tuple

from orchestra.engine.rules import starts_while_stopping
from orchestra.engine.stimuli import StopAsked
from orchestra.engine.verdicts import Cause
from orchestra.errors import ExitCode
from orchestra.model.run import RunState, StepState
from orchestra.model.workflow import Step

RUN_TIMEOUT = "run timeout"
"""The cause of a stop when the workflow's own `timeout` is over."""


def struck_why(step: str) -> str:
    """The reason of what is cancelled because `fail_fast` looks at a step that failed."""
    return "fail_fast: `%s` failed" % step


class Halt:
    """Whether the run is being stopped."""

    def __init__(self) -> None:
        self.stop: Optional[StopAsked] = None

    @property
    def timed_out(self) -> bool:
        """Whether the workflow's own `timeout` stops the run."""
        return self.stop is not None and self.stop.cause == RUN_TIMEOUT

    @property
    def cause(self) -> Cause:
        """Why what runs is asked to end, once the run is being stopped."""
        return Cause.RUN_TIMEOUT if self.timed_out else Cause.CANCEL

    @property
    def why(self) -> str:
        """The reason of what is cancelled."""
        if self.stop is None:
            return ""
        return RUN_TIMEOUT if self.timed_out else "stopped by %s" % self.stop.cause

    def ask(self, asked: StopAsked) -> bool:
        """Take a request to stop; whether it is to end at once, as every second one is."""
        at_once = asked.at_once or self.stop is not None
        self.stop = (self.stop or asked)._replace(at_once=at_once)
        return at_once

    def holds(self, step: Step) -> bool:
        """Whether the step may not start, and no attempt of it either."""
        if self.stop is None:
            return False
        return self.stop.at_once or not starts_while_stopping(step)

    def retry_given_up(self, state: StepState, reason: str, why: str) -> Tuple[StepState, str]:
        """What a step comes to whose retry is not made; its last attempt ended as given."""
        if self.stop is None:
            return state, "%s, retry given up (%s)" % (reason, why)
        ended = StepState.FAILED if self.timed_out else StepState.CANCELLED
        return ended, "%s, after %s" % (self.why, reason)

    def end(self, any_failed: bool) -> Tuple[RunState, int, str]:
        """The state of the run at its end, its exit code, and why.

        The code is a bare number, as it is when the record is read back: an `ExitCode` is worded
        otherwise, and not on every Python in the same way.
        """
        if self.stop is not None:
            signalled = self.stop.exit_code > ExitCode.BUG
            state = RunState.CANCELLED if signalled else RunState.FAILED
            return state, int(self.stop.exit_code), self.why
        if any_failed:
            return RunState.FAILED, int(ExitCode.FAILED), ""
        return RunState.SUCCEEDED, int(ExitCode.OK), ""
