"""What is known of one run, of its steps and of their attempts, folded from its events."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple

from orchestra.model.errand import LOCAL
from orchestra.model.expression import Value
from orchestra.model.run import KeptFile, Outcome, Role, RunState, StepState

_NUMBERED = re.compile(r"(?P<owner>.+)\[(?P<number>[0-9]{1,6})\](?P<rest>.*)", re.DOTALL)


@dataclass
class Attempt:
    """What is known of one attempt; times are UTC seconds, carried by the monotonic clock.

    `began_s` is when its process did, in seconds since the machine was started, 0 if not known.
    Where `executor` is another machine's, `job` is what that calls it, `queue_reason` why it waited
    there last, `node` the machine that it ran on, `launched_at` when it began there.
    """

    number: int
    queued_s: float
    started_at: float
    ended_at: Optional[float] = None
    outcome: Optional[Outcome] = None
    exit_code: Optional[int] = None
    signal: Optional[str] = None
    reason: str = ""
    pid: Optional[int] = None
    began_s: float = 0.0
    cpu_s: Optional[float] = None
    max_rss_bytes: Optional[int] = None
    log: Optional[str] = None
    log_bytes: int = 0
    devices: Tuple[int, ...] = ()
    summary: Optional[str] = None
    summary_bytes: int = 0
    executor: str = LOCAL
    job: str = ""
    queue_reason: str = ""
    node: str = ""
    launched_at: Optional[float] = None

    @property
    def began_at(self) -> float:
        """When it began, UTC seconds; one that waits in a queue counts from when it came there."""
        return self.started_at if self.launched_at is None else self.launched_at


_NOTHING: Mapping[str, Value] = {}


def _nothing() -> Mapping[str, Value]:
    return _NOTHING  # one for all: most steps have no outputs, and there may be 100,000


@dataclass
class StepRecord:
    """What is known of one step of one run, folded from its events.

    `owner` is the id of the step of which it is a part, `role` what it is to it; no total counts
    what `is_handler`: a fallback or a handler, and the steps in it; `members` counts
    the instances of its fan-out, or the steps in it, `members_done` those that have ended,
    `members_failed` those of them that failed, and `began_at` is when they were made;
    `reused_from` is the run whose outputs it has, if they are not its own; `left_out` means that a
    person chose not to run it: it counts as a success; `cache_reason` is why it ran though it may
    be cached; `spent` is how many of its attempts its retries do not count: those before it ran
    again, and those that were interrupted; `item` tells what an instance stands for; `parts` are
    the ids of its instances, of the steps in it, of its handlers; `expected_s` is how long it was
    expected to take, None where that was not known; `executor` is what runs it; `called_off` is why
    the steps in it were, if its time was over.
    """

    id: str
    name: str
    needs: Tuple[str, ...]
    resources: Mapping[str, int]
    state: StepState = StepState.PENDING
    reason: str = ""
    outputs: Mapping[str, Value] = field(default_factory=_nothing)
    attempts: List[Attempt] = field(default_factory=list)
    artifacts: Tuple[KeptFile, ...] = ()
    artifacts_until: Optional[float] = None
    ended_at: Optional[float] = None
    ready_at: Optional[float] = None
    retry_at: Optional[float] = None
    owner: str = ""
    role: Role = Role.STEP
    is_handler: bool = False
    members: int = 0
    members_done: int = 0
    members_failed: int = 0
    began_at: Optional[float] = None
    reused_from: str = ""
    left_out: bool = False
    cache_reason: str = ""
    spent: int = 0
    item: str = ""
    parts: Tuple[str, ...] = ()
    expected_s: Optional[float] = None
    executor: str = LOCAL
    called_off: str = ""

    @property
    def max_rss_bytes(self) -> Optional[int]:
        """The most memory that an attempt held, None where none was measured."""
        measured = [each.max_rss_bytes for each in self.attempts if each.max_rss_bytes is not None]
        return max(measured, default=None)

    @property
    def cpu_s(self) -> Optional[float]:
        """Seconds of processor time of all attempts, None where none was measured."""
        measured = [each.cpu_s for each in self.attempts if each.cpu_s is not None]
        return sum(measured) if measured else None

    @property
    def is_root_of_failure(self) -> bool:
        """Whether it has failed, and not because a step that is part of it has."""
        return self.state is StepState.FAILED and not self.members_failed

    @property
    def duration_s(self) -> Optional[float]:
        """Seconds from when the first attempt began to the last one's end, None if none ended.

        The queue that the first one stood in does not count, nor do attempts that were made before
        the step ran again.
        """
        if self.began_at is not None and self.ended_at is not None:
            return self.ended_at - self.began_at
        if len(self.attempts) <= self.spent or self.attempts[-1].ended_at is None:
            return None
        return max(0.0, self.attempts[-1].ended_at - self.attempts[self.spent].began_at)


class AlertRecord(NamedTuple):
    """An alert of a run: when it was over with (`at`, UTC seconds), what of, where to, how."""

    at: float
    entry: str
    when: str
    target: str
    ok: bool
    message: str


@dataclass
class RunRecord:
    """What is known of one run, folded from its events; `step_by_id` is in plan order.

    `counts` has every state, also those no step is in; it counts no handlers, and leaves out steps
    with members, which count for them. `path` is the workflow file, `version` that of orchestra;
    `former` are steps that are no part of the run any more, or not yet again, with the attempts
    that they had; `resumed_at` is when it went on, each time, `done_before` how many steps had
    ended by the last time; `order` and `patience_s` are its policy, `predicted_s` is what it was
    foretold to take when it began.
    """

    run_id: str
    workflow: str
    path: str
    started_at: float
    params: Mapping[str, Value] = field(default_factory=dict)
    budget: Mapping[str, int] = field(default_factory=dict)
    max_parallel: Optional[int] = None
    lower_bound_s: Optional[float] = None
    pid: int = 0
    state: RunState = RunState.RUNNING
    exit_code: Optional[int] = None
    reason: str = ""
    ended_at: Optional[float] = None
    step_by_id: Dict[str, StepRecord] = field(default_factory=dict)
    counts: Dict[StepState, int] = field(default_factory=dict)
    notes: List[str] = field(default_factory=list)
    stopping: str = ""
    host: str = ""
    version: str = ""
    alerts: List[AlertRecord] = field(default_factory=list)
    former: Dict[str, StepRecord] = field(default_factory=dict)
    options: Mapping[str, Value] = field(default_factory=dict)
    boot: str = ""
    resumed_at: List[float] = field(default_factory=list)
    done_before: int = 0
    order: str = "path"
    patience_s: float = 0.0
    predicted_s: Optional[float] = None

    def in_order(self) -> List[StepRecord]:
        """All steps in plan order, each with its parts right behind it."""
        steps = self.step_by_id
        ordered: List[StepRecord] = []
        waiting = [step for step in reversed(list(steps.values())) if not step.owner]
        while waiting:
            step = waiting.pop()
            ordered.append(step)
            waiting.extend(steps[part] for part in reversed(step.parts))
        return ordered

    def find_step(self, name: str) -> Optional[StepRecord]:
        """The step of that id; an instance may go by its number, as in `pack[0]/lint`."""
        step = self.step_by_id.get(name)
        match = _NUMBERED.match(name)
        if step is None and match is not None:
            owner = self.find_step(match.group("owner"))
            ids = [] if owner is None else self._instances(owner.id)
            number = int(match.group("number"))
            meant = ids[number] + match.group("rest") if number < len(ids) else name
            return None if meant == name else self.find_step(meant)
        return step

    def _instances(self, owner: str) -> List[str]:
        steps = self.step_by_id.values()
        return [each.id for each in steps if each.owner == owner and each.role is Role.INSTANCE]

    @property
    def total(self) -> int:
        """How many steps are known; members count for their step, handlers are not counted."""
        return sum(self.counts.values())

    @property
    def is_as_planned(self) -> bool:
        """Whether it has succeeded in one go, and the time of every step that ran was known."""
        steps = self.step_by_id.values()
        known = all(step.expected_s is not None for step in steps if step.attempts)
        return self.state is RunState.SUCCEEDED and not self.resumed_at and known

    @property
    def elapsed_s(self) -> Optional[float]:
        """Seconds from start to end, None while it runs."""
        return None if self.ended_at is None else self.ended_at - self.started_at
