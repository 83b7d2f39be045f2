"""`--output quiet`: only the failures, and one line when the run is over."""

from __future__ import annotations

from typing import List, Sequence

from orchestra.engine.replay import Replay
from orchestra.model.events import Envelope, RunFinished, StepEnded
from orchestra.model.run import StepState
from orchestra.subscribers.screen import DescribeFailure, Screen, Summarize


class QuietView:
    """Reads the run's record from `replay`, which is given the events of a turn before this is.

    `summarize` gives the one line that ends it.
    """

    def __init__(
        self, screen: Screen, replay: Replay, describe: DescribeFailure, summarize: Summarize
    ) -> None:
        self._screen = screen
        self._replay = replay
        self._describe = describe
        self._summarize = summarize

    def handle(self, envelopes: Sequence[Envelope]) -> None:
        """Tell of what failed in this turn, and of the end."""
        record = self._replay.record
        if record is None:
            return
        parts: List[str] = []
        for envelope in envelopes:
            event = envelope.event
            if type(event) is StepEnded and event.state == StepState.FAILED.value:
                step = record.step_by_id[event.step]
                if step.is_root_of_failure:
                    parts.append(self._describe(step))
            elif type(event) is RunFinished:
                parts.append(self._summarize(record))
        if parts:
            self._screen.write("".join(parts), keep=record.ended_at is not None)

    def close(self) -> None:
        """Nothing is left to be said."""
