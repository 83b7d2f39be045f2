"""Short runs told as events, for the tests of views."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from orchestra.engine.replay import Replay
from orchestra.model.events import (
    AttemptEnded,
    AttemptLaunched,
    AttemptStarted,
    Envelope,
    Event,
    PlannedEntry,
    RunFinished,
    RunResumed,
    RunStarted,
    StepEnded,
    StepReady,
    StepsAdded,
)
from orchestra.model.log_excerpt import LogExcerpt, cut_excerpt
from orchestra.model.record import RunRecord

T0 = 1_000_000.0


class Story:
    """Events in order; `at` is seconds after the start."""

    def __init__(self) -> None:
        self.envelopes: List[Envelope] = []

    def tell(self, at: float, *events: Event) -> Story:
        for event in events:
            self.envelopes.append(Envelope(len(self.envelopes) + 1, T0 + at, event))
        return self

    def begin(
        self,
        steps: Sequence[str],
        workflow: str = "wf",
        names: Optional[Mapping[str, str]] = None,
        resources: Optional[Mapping[str, int]] = None,
        budget: Optional[Mapping[str, int]] = None,
    ) -> Story:
        """The start of a run of these steps, each taking `resources` (1 cpu)."""
        takes = {"cpu": 1000} if resources is None else resources
        entries = tuple(PlannedEntry(s, (names or {}).get(s, s), (), takes) for s in steps)
        whole = {"cpu": 4000} if budget is None else budget
        return self.tell(
            0,
            RunStarted("r1", workflow, "/w.yaml", {}, whole, None, None, "h", 1, "0", {}, entries),
        )

    def start(self, at: float, step: str, number: int = 1) -> Story:
        """An attempt begins."""
        begun = (AttemptStarted(step, number, 0.0, ()), AttemptLaunched(step, number, 99))
        return self.tell(at, *((StepReady(step, {"cpu": 1000}),) if number == 1 else ()), *begun)

    def end_attempt(
        self, at: float, step: str, reason: str, number: int = 1, log: Optional[str] = None
    ) -> Story:
        """An attempt fails."""
        ended = AttemptEnded(step, number, "failed", 2, None, reason, 0.1, 1024, log, 9)
        return self.tell(at, ended)

    def end(
        self, at: float, step: str, state: str, reason: str = "", log: Optional[str] = None
    ) -> Story:
        """The only attempt of a step ends, and the step with it."""
        outcome = "succeeded" if state == "succeeded" else "failed"
        code = 0 if state == "succeeded" else 2
        attempt = AttemptEnded(step, 1, outcome, code, None, reason, 0.1, 1024, log, 9)
        return self.tell(at, attempt, StepEnded(step, state, reason, {}))

    def part(self, at: float, step: str, role: str, state: str, log: Optional[str] = None) -> Story:
        """A fallback or a handler of the step runs and ends."""
        id = "%s:%s" % (step, role)
        self.tell(at, StepsAdded((PlannedEntry(id, id, (), {"cpu": 1000}, step, role),)))
        begun = (AttemptStarted(id, 1, 0.0, ()), AttemptLaunched(id, 1, 99))
        return self.tell(at, *begun).end(at, id, state, "no", log)

    def finish(self, at: float, state: str, exit_code: int, reason: str = "") -> Story:
        """The run ends."""
        return self.tell(at, RunFinished(state, exit_code, reason))

    def go_on(self, at: float, steps: Sequence[str]) -> Story:
        """The run of these steps goes on; what runs is taken over."""
        entries = tuple(PlannedEntry(step, step, (), {"cpu": 1000}) for step in steps)
        budget = {"cpu": 4000}
        resumed = RunResumed("wf", "/w.yaml", budget, None, None, "h", 1, "0", entries, ())
        return self.tell(at, resumed)

    def record(self) -> RunRecord:
        """The run as these events tell it."""
        replay = Replay()
        replay.apply(self.envelopes)
        assert replay.record is not None
        return replay.record


class MadeLogs:
    """Logs that are given, not read."""

    def __init__(self, data_by_log: Mapping[str, bytes], folder: str = "/run/") -> None:
        self._data: Dict[str, bytes] = dict(data_by_log)
        self._folder = folder

    def path(self, log: str) -> str:
        return self._folder + log

    def read(self, log: str, head_bytes: int, tail_bytes: int) -> LogExcerpt:
        data = self._data.get(log)
        if data is None:
            return LogExcerpt(self.path(log), problem="No such file or directory")
        cut = max(0, len(data) - head_bytes - tail_bytes)
        if not cut:
            return cut_excerpt(self.path(log), data, 0, b"")
        return cut_excerpt(self.path(log), data[:head_bytes], cut, data[len(data) - tail_bytes :])


def turn_of(story: Story) -> Tuple[Replay, List[Envelope]]:
    """All of the story as one turn, and a replay that has it already."""
    replay = Replay()
    replay.apply(story.envelopes)
    return replay, story.envelopes
