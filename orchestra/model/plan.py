"""What would run and in which order: steps with their ranks, waves and demands. Pure values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Dict, Iterator, Mapping, NamedTuple, Optional, Tuple

from orchestra.model.errand import IN_FLIGHT_PREFIX, LOCAL
from orchestra.model.expression import Value
from orchestra.model.selection import EVERYTHING, Selection
from orchestra.model.workflow import Step, Workflow


class Will(str, Enum):
    """What is known before the run of whether a step will run."""

    RUN = "run"
    CACHED = "cached"
    SKIP = "skip"
    UNKNOWN = "unknown"


SPARED = frozenset([Will.CACHED, Will.SKIP])
"""What is known to take no time."""

UNKNOWN_DURATION_S = 1.0
"""What a step without a duration counts for."""


class Order(str, Enum):
    """By what ready steps of one priority stand in line; the file's order breaks ties."""

    PATH = "path"  # the longest path to the end of the run first
    FIFO = "fifo"  # who is ready first


class Policy(NamedTuple):
    """How ready steps get their shares.

    `patience_s` is how long a step waits that needs more than is free, while others behind it pass:
    then its share is reserved, and only those pass that do not delay it.
    """

    order: Order = Order.PATH
    patience_s: float = 0.0


LONGEST_PATH = Policy()


class PlannedInstance(NamedTuple):
    """One instance of a fan-out in the plan; `id` is without that of a step around it."""

    id: str
    will: Will
    reason: str


class PlannedUse(NamedTuple):
    """The steps of a workflow that a handler uses; `at_end` are what its own use, by key."""

    steps: Tuple[PlannedStep, ...]
    at_end: Mapping[str, PlannedUse] = {}


class PlannedStep(NamedTuple):
    """A step in the plan.

    `needs` and `dependents` are indexes into `Plan.steps`; `wave` counts from 1; `demand` is what
    it takes (None: only known once steps before it have run; nothing where a person left it out);
    `rank_s` is the length in seconds of
    the longest path from its start to the end of the run; `duration_s` is None without a hint.
    `instances` are those of a fan-out, None where only the run can tell, or there is none;
    `inner` are the steps in it, whose `needs` and `dependents` are indexes among themselves;
    `handlers` are the workflows that its handlers use, by their keys, `at_end` those that the
    handlers of the workflow use that it uses itself; `asked` is what it asks for where another
    machine is to run it, nothing for a step that runs here, and None as for `demand`.
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
    instances: Optional[Tuple[PlannedInstance, ...]] = None
    inner: Tuple[PlannedStep, ...] = ()
    handlers: Mapping[str, PlannedUse] = {}
    at_end: Mapping[str, PlannedUse] = {}
    asked: Optional[Mapping[str, int]] = {}

    @property
    def wanted(self) -> Optional[Mapping[str, int]]:
        """What it asks for, here or elsewhere, mutexes included; None as for `demand`."""
        if self.step.executor == LOCAL or self.demand is None or not self.demand:
            return self.demand
        if self.asked is None:
            return None
        held = self.demand.items()
        return {**self.asked, **{n: a for n, a in held if not n.startswith(IN_FLIGHT_PREFIX)}}

    @property
    def runs_elsewhere(self) -> bool:
        """Whether another machine runs it, and not only steps in it."""
        return self.step.executor != LOCAL and self.step.body is not None and not self.inner

    @property
    def title(self) -> str:
        """Its id, with how many instances there are: `test x6`, `convert x?`."""
        if self.step.fan_out is None:
            return self.step.id
        return "%s x%s" % (self.step.id, "?" if self.instances is None else len(self.instances))

    def walk(self, prefix: str = "", wave: int = 1) -> Iterator[Tuple[str, int, PlannedStep]]:
        """Itself and all steps in it, each with what stands before its id, and with its wave."""
        yield prefix, self.wave + wave - 1, self
        for inner in self.inner:
            yield from inner.walk("%s%s/" % (prefix, self.step.id), self.wave + wave - 1)

    @property
    def expected_s(self) -> float:
        """Seconds that an attempt is taken to last."""
        return UNKNOWN_DURATION_S if self.duration_s is None else self.duration_s

    @property
    def runs(self) -> int:
        """How many times it may run, as far as is known."""
        if self.will in SPARED:
            return 0
        if self.instances is None:
            return 1
        return sum(instance.will not in SPARED for instance in self.instances)


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

    `budget` is the whole `room`, the mutexes and what executors may have in flight, in `Amounts`
    units; `devices` are the GPUs it may
    hand out;
    `critical_path` are indexes into `steps`; `notes` are sentences for the person who runs it;
    `selection` is what the person chose to run of it; `force` means that no earlier success counts;
    `at_end` are the workflows that its handlers use; `predicted_s` is what the simulations foretell
    by which the `policy` was chosen, None where there were none.
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
    selection: Selection = EVERYTHING
    force: bool = False
    at_end: Mapping[str, PlannedUse] = field(default_factory=dict)
    policy: Policy = LONGEST_PATH
    predicted_s: Optional[float] = None

    @property
    def executors(self) -> Tuple[str, ...]:
        """The executors elsewhere that may run something of it."""
        start = len(IN_FLIGHT_PREFIX)
        return tuple(name[start:] for name in self.budget if name.startswith(IN_FLIGHT_PREFIX))

    def place_of(self, planned: PlannedStep) -> str:
        """Where a step runs, for people; empty if it runs nothing itself, or all run here."""
        is_leaf = planned.step.body is not None and not planned.inner
        return planned.step.executor if is_leaf and self.executors else ""


class Prediction(NamedTuple):
    """What a simulation of the plan foretells: the makespan, and the most in use at once.

    `peak` is in `Amounts` units.
    """

    predicted_s: float
    peak: Mapping[str, int]
