"""What the history of runs says of each: a line of it, and of those that were removed. Pure."""

from __future__ import annotations

from typing import NamedTuple, Optional

from orchestra.model.run import RunState


class RunRow(NamedTuple):
    """One line of the history of runs; `elapsed_s` and `exit_code` are None until it ends.

    `failed` counts the steps that failed, `total` all of them; `started_at` is UTC seconds.
    `alive` says that an orchestrator holds the run; one that runs and is not alive was cut off.
    """

    run_id: str
    workflow: str
    path: str
    state: RunState
    started_at: float
    elapsed_s: Optional[float]
    exit_code: Optional[int]
    failed: int
    total: int
    alive: bool = False


class PrunedRun(NamedTuple):
    """A run that was removed, or would be; `state` is None where there is no record of it.

    `age_s` counts from its end, from its start where it has none; `freed_bytes` is what its folder
    took on disk.
    """

    run_id: str
    workflow: str
    state: Optional[RunState]
    age_s: float
    freed_bytes: int
