"""One run of a workflow: states, outcomes, attempts, and what a process is started with."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple

from orchestra.model.expression import Value
from orchestra.model.workflow import NeedResult

LONGEST_STRING_BYTES = 131_071
"""What Linux takes in one argument, or in one `NAME=VALUE`, of a process.

Source: MAX_ARG_STRLEN in execve(2), less the NUL.
"""


_PLAIN = re.compile(r"[A-Za-z0-9_:-]{1,80}(\[[0-9]{1,6}\])?(:[a-z_]{1,10})?")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9_.:=,+-]+")
_LONGEST_NAME = 80
_INSTANCE = re.compile(r"\[(?:\\.|[^\\\]])*\]", re.DOTALL)
_NUMBERED = re.compile(r"(?P<owner>.+)\[(?P<number>[0-9]{1,6})\](?P<rest>.*)", re.DOTALL)


class StepState(str, Enum):
    """Where a step is. Timed out, signal, exit code are reasons of `failed`, never states."""

    PENDING = "pending"
    READY = "ready"
    RUNNING = "running"
    WAITING_RETRY = "waiting_retry"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CACHED = "cached"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"
    ALLOWED_FAILURE = "allowed_failure"
    RECOVERED = "recovered"


RESULT_BY_STATE: Mapping[StepState, NeedResult] = {
    StepState.SUCCEEDED: NeedResult.SUCCESS,
    StepState.CACHED: NeedResult.SUCCESS,
    StepState.RECOVERED: NeedResult.SUCCESS,
    StepState.ALLOWED_FAILURE: NeedResult.SUCCESS,
    StepState.FAILED: NeedResult.FAILURE,
    StepState.SKIPPED: NeedResult.SKIPPED,
    StepState.BLOCKED: NeedResult.STOPPED,
    StepState.CANCELLED: NeedResult.STOPPED,
}
"""What a final state means to the steps below; the states that are not final are not in it."""

ENDED_STATES: Tuple[StepState, ...] = (
    StepState.SUCCEEDED,
    StepState.CACHED,
    StepState.RECOVERED,
    StepState.ALLOWED_FAILURE,
    StepState.FAILED,
    StepState.CANCELLED,
    StepState.BLOCKED,
    StepState.SKIPPED,
)
"""The final states, in the order in which they are counted up."""


class Role(str, Enum):
    """What a step is to its owner, the step of which it is a part."""

    STEP = "step"  # it has no owner
    INSTANCE = "instance"  # one of a fan-out
    INNER = "inner"  # one of the steps in a step
    FALLBACK = "fallback"
    ON_SUCCESS = "on_success"
    ON_FAILURE = "on_failure"
    ON_CANCEL = "on_cancel"
    FINALLY = "finally"


HANDLER_ROLES = frozenset(
    [Role.FALLBACK, Role.ON_SUCCESS, Role.ON_FAILURE, Role.ON_CANCEL, Role.FINALLY]
)
_HANDLER_ENDINGS = tuple(":" + role.value for role in HANDLER_ROLES)


def is_handler_id(step: str) -> bool:
    """Whether an id is that of a fallback or a handler, or of a step in one.

    As `publish:on_failure`, the run's `:finally`, `publish:fallback/mirror`.
    """
    if ":" not in step:
        return False
    return any(part.endswith(_HANDLER_ENDINGS) for part in plain_id(step).split("/"))


class RunState(str, Enum):
    """Where a run is."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"  # its concurrency group was full


class Outcome(str, Enum):
    """How one attempt ended."""

    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"  # it ended with one of the step's skip codes
    FAILED = "failed"  # an exit code that is no success
    SIGNALLED = "signalled"  # a signal that orchestra did not send
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"  # it was killed because it exceeded an enforced limit
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"  # the orchestrator died, and nobody saw it end
    NOT_LAUNCHED = "not_launched"  # no process could be started for it


def plain_id(step: str) -> str:
    """The id of a step without the instances that it is, or is part of: `package/lint`."""
    return _INSTANCE.sub("", step) if "[" in step else step


@lru_cache(maxsize=256)
def file_name(step: str) -> str:
    """A step's id as the name of its files: short ASCII that shells and file systems do not mind.

    Each attempt asks for it some times.
    """
    if _PLAIN.fullmatch(step):
        return step
    import hashlib  # 5 ms, which no start should pay that has no such ids

    digest = hashlib.blake2b(step.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return "%s~%s" % (_NOT_PLAIN.sub("_", step)[:_LONGEST_NAME], digest)


class AttemptKey(NamedTuple):
    """Names one attempt of one step in a run; numbers count from 1."""

    step: str
    number: int

    @property
    def file_name(self) -> str:
        """How the names of the attempt's own files begin."""
        return "%s.%d" % (file_name(self.step), self.number)

    @property
    def log(self) -> str:
        """Where the attempt's output lies, relative to the run's folder."""
        return "logs/%s.log" % self.file_name

    @property
    def summary(self) -> str:
        """Where the attempt's Markdown lies, relative to the run's folder."""
        return "outputs/%s.md" % self.file_name


class Limits(NamedTuple):
    """What an attempt may not exceed: bytes of memory, thousandths of a core; None for no limit."""

    memory_bytes: Optional[int] = None
    cpu: Optional[int] = None


JOB_DESCRIPTORS = (3, 4)
"""Where a process finds the fifos of its job server: to take tokens, and to give them back.

Source: GNU make's manual, "POSIX Jobserver Interaction".
"""


SERVER_MARK = b"ORCHESTRA_SERVER"
"""A process whose environment has this variable is a fork server, or not yet a step."""


class Invocation(NamedTuple):
    """Everything an executor needs to start one attempt.

    `executable` is an absolute path or None, then `argv[0]` is looked up in the PATH of `env` from
    `working_dir`; `fallback` is the argv to start when the kernel refuses the first one;
    `env` is complete and encoded; `log_path` is created at the first byte of output; `limits` are
    enforced; `job_server` is the path of a fifo to be made, from which it takes tokens, also on
    descriptor 3, and which has a descriptor 4 to give them back; None for no such server.

    Where `preload` is not None, `argv` is an interpreter, a script and its words, and the process
    may as well be forked from a server that has these modules: `argv[0] argv[1] serve …`.
    """

    argv: Tuple[bytes, ...]
    env: Mapping[bytes, bytes]
    working_dir: str
    log_path: str
    executable: Optional[bytes] = None
    fallback: Optional[Tuple[bytes, ...]] = None
    limits: Optional[Limits] = None
    job_server: Optional[str] = None
    preload: Optional[Tuple[str, ...]] = None

    def __repr__(self) -> str:
        return "Invocation(%r)" % (self.argv,)  # the environment may hold secrets


@dataclass
class Attempt:
    """What is known of one attempt; times are UTC seconds, carried by the monotonic clock.

    `began_s` is when its process did, in seconds since the machine was started, 0 if not known.
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


class KeptFile(NamedTuple):
    """A file that was kept: `path` is relative to the run's folder, `blake2b` 64 digits of hex."""

    path: str
    size_bytes: int
    blake2b: str


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
    expected to take, None where that was not known; `called_off` is why the steps in it were, if
    its time was over.
    """

    id: str
    name: str
    needs: Tuple[str, ...]
    resources: Mapping[str, int]
    state: StepState = StepState.PENDING
    reason: str = ""
    outputs: Mapping[str, Value] = field(default_factory=dict)
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
    parts: List[str] = field(default_factory=list)
    expected_s: Optional[float] = None
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
        """Seconds from the first attempt's start to the last one's end, None if none ended.

        Attempts that were made before the step ran again do not count.
        """
        if self.began_at is not None and self.ended_at is not None:
            return self.ended_at - self.began_at
        if len(self.attempts) <= self.spent or self.attempts[-1].ended_at is None:
            return None
        return self.attempts[-1].ended_at - self.attempts[self.spent].started_at


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
