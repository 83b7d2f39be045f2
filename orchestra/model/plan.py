"""What would run and in which order: steps with their order, ranks, waves and demands. Pure values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Mapping, NamedTuple, Optional, Tuple

from orchestra.model.expression import Value
from orchestra.model.workflow import Step, Workflow


class Will(str, Enum):
    """What is known before the run of whether a step will run."""

    RUN = "run"
    CACHED = "cached"
    SKIP = "skip"
    UNKNOWN = "unknown"


class PlannedStep(NamedTuple):
    """A step in the plan.

    `needs` and `dependents` are indexes into `Plan.steps`; `wave` counts from 1; `demand` is what
    it takes (None: only known once steps before it have run); `rank_s` is the length in seconds of
    the longest path from its start to the end of the run; `duration_s` is None without a hint.
    """

    step: Step
    needs: Tuple[int, ...]
    dependents: Tuple[int, ...]
    wave: int
    demand: Optional[Mapping[str, int]]
    duration_s: Optional[float]
    rank_s: float
    will: Will
    reason: str


@dataclass(frozen=True)
class Plan:
    """A workflow with its parameters bound, in topological order, ties in file order.

    `budget` is what the run may use in `Amounts` units; `devices` are the GPUs it may hand out;
    `critical_path` are indexes into `steps`; `notes` are sentences for the person who runs it.
    """

    workflow: Workflow
    steps: Tuple[PlannedStep, ...]
    params: Mapping[str, Value]
    vars: Mapping[str, Value]
    budget: Mapping[str, int]
    devices: Tuple[int, ...]
    max_parallel: Optional[int]
    fail_fast: bool
    critical_path: Tuple[int, ...]
    work_s: float
    lower_bound_s: float
    notes: Tuple[str, ...] = field(default=())
