"""Events of small runs, as the engine would record them, for the tests of the store."""

from __future__ import annotations

from typing import List, Tuple

from orchestra.model.events import (
    AttemptEnded,
    AttemptLaunched,
    AttemptStarted,
    Envelope,
    PlannedEntry,
    RunFinished,
    RunStarted,
    StepEnded,
    StepReady,
)

BEGAN = 1_795_345_726.5  # 2026-11-22 11:08:46.5 UTC


def started(run_id: str, steps: Tuple[str, ...] = ("a",), path: str = "/w/flow.yaml") -> RunStarted:
    return RunStarted(
        run_id=run_id,
        workflow="flow",
        path=path,
        params={"who": "Zoë \N{SNOWMAN}"},
        budget={"cpu": 2000},
        max_parallel=2,
        lower_bound_s=1.5,
        host="here",
        pid=4711,
        version="0",
        labels={},
        steps=tuple(PlannedEntry(step, step, (), {"cpu": 1000}) for step in steps),
    )


def opening(run_id: str, path: str = "/w/flow.yaml") -> List[Envelope]:
    """The first turn: the run starts, its one step is ready and begins."""
    return [
        Envelope(1, BEGAN, started(run_id, path=path)),
        Envelope(2, BEGAN, StepReady("a", {"cpu": 1000})),
        Envelope(3, BEGAN, AttemptStarted("a", 1, 0.0, (0, 1))),
    ]


def launched() -> List[Envelope]:
    """The second turn."""
    return [Envelope(4, BEGAN + 0.1, AttemptLaunched("a", 1, 4712))]


def ending(state: str, exit_code: int) -> List[Envelope]:
    """The third and last turn: the step ends in `state`, and so does the run."""
    attempt = AttemptEnded("a", 1, state, exit_code, None, "", 0.01, 1 << 20, "logs/a.1.log", 5)
    return [
        Envelope(5, BEGAN + 2.0, attempt),
        Envelope(6, BEGAN + 2.0, StepEnded("a", state, "", {"n": 1})),
        Envelope(7, BEGAN + 2.0, RunFinished(state, exit_code, "")),
    ]


def whole(run_id: str, state: str = "succeeded", exit_code: int = 0) -> List[Envelope]:
    """All seven events of a run."""
    return [*opening(run_id), *launched(), *ending(state, exit_code)]
