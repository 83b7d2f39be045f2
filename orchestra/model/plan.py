"""What would run and in which order: steps with their ranks, waves and demands. Pure values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Dict, Mapping, NamedTuple, Optional, Tuple

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


class LeftOut(NamedTuple):
    """Why a step is left out, and the outputs that it counts as a success with.

    They are of the run `run_id`, which is empty where no step asks for any.
    """

    reason: str
    outputs: Mapping[str, Value]
    run_id: str


class Room(NamedTuple):
    """What a run may use, in `Amounts` units.

    `given` was asked for by a budget, in the file or on the command line; `defaults` is what this
    machine has and holds for names that are not given; `devices` are the GPUs that may be used.
    """

    given: Mapping[str, int]
    defaults: Mapping[str, int]
    devices: Tuple[int, ...] = ()

    @property
    def amounts(self) -> Dict[str, int]:
        """The whole budget."""
        return {**self.defaults, **self.given}


@dataclass(frozen=True)
class Plan:
    """A workflow with its parameters bound, in topological order, ties in file order.

    `budget` is the whole `room` and the mutexes, in `Amounts` units; `devices` are the GPUs it may
    hand out;
    `critical_path` are indexes into `steps`; `notes` are sentences for the person who runs it;
    `left_out` are the steps, by id, that the person chose not to run; `force` means that no earlier
    success counts.
    """

    workflow: Workflow
    steps: Tuple[PlannedStep, ...]
    params: Mapping[str, Value]
    vars: Mapping[str, Value]
    room: Room
    budget: Mapping[str, int]
    devices: Tuple[int, ...]
    max_parallel: Optional[int]
    fail_fast: bool
    critical_path: Tuple[int, ...]
    work_s: float
    lower_bound_s: float
    notes: Tuple[str, ...] = field(default=())
    left_out: Mapping[str, LeftOut] = field(default_factory=dict)
    force: bool = False


class Prediction(NamedTuple):
    """What a simulation of the plan foretells: the makespan, and the most in use at once.

    `peak` is in `Amounts` units.
    """

    predicted_s: float
    peak: Mapping[str, int]
