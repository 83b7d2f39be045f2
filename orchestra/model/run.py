"""One run of a workflow: states, outcomes, and what a process is started with."""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import Mapping, NamedTuple, Optional, Tuple

from orchestra.model.errand import Errand
from orchestra.model.workflow import NeedResult

LONGEST_STRING_BYTES = 131_071
"""What Linux takes in one argument, or in one `NAME=VALUE`, of a process.

Source: MAX_ARG_STRLEN in execve(2), less the NUL.
"""


_PLAIN = re.compile(r"[A-Za-z0-9_:-]{1,80}(\[[0-9]{1,6}\])?(:[a-z_]{1,10})?")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9_.:=,+-]+")
_LONGEST_NAME = 80
_INSTANCE = re.compile(r"\[(?:\\.|[^\\\]])*\]", re.DOTALL)


class StepState(str, Enum):
    """Where a step is. Timed out, signal, exit code are reasons of `failed`, never states."""

    PENDING = "pending"
    READY = "ready"
    QUEUED = "queued"  # an engine elsewhere has its attempt, and has yet to start it
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

    Where there is an `errand`, another machine is to run it, and what only this one has (`limits`,
    `job_server`, `preload`) is left out.
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
    errand: Optional[Errand] = None

    def __repr__(self) -> str:
        return "Invocation(%r)" % (self.argv,)  # the environment may hold secrets


class KeptFile(NamedTuple):
    """A file that was kept: `path` is relative to the run's folder, `blake2b` 64 digits of hex."""

    path: str
    size_bytes: int
    blake2b: str
