"""What the engine asks of an executor, a store, a listener, a clock. Protocols only."""

from __future__ import annotations

from typing import List, Mapping, NamedTuple, Optional, Protocol, Sequence, Tuple, Union

from orchestra.model.events import Envelope
from orchestra.model.expression import Scope, Value
from orchestra.model.run import AttemptKey, Invocation, KeptFile
from orchestra.model.units import Amounts
from orchestra.model.workflow import Step


class Launched(NamedTuple):
    """The process of an attempt exists."""

    key: AttemptKey
    pid: int


class Ended(NamedTuple):
    """The process of an attempt is gone, its output is drained, its whole tree is dead.

    Exactly one of `exit_code` and `signal` (a name such as `SIGKILL`) is set; a `refusal` (why no
    process could be started, then neither is set) takes their place. `log_bytes` is what it wrote,
    0 means that there is no log file. `memory_limit_bytes` is set where it was killed because all
    its processes together, `max_rss_bytes`, exceeded that.
    """

    key: AttemptKey
    exit_code: Optional[int] = None
    signal: Optional[str] = None
    refusal: str = ""
    cpu_s: Optional[float] = None
    max_rss_bytes: Optional[int] = None
    log_bytes: int = 0
    memory_limit_bytes: Optional[int] = None


ExecutorStimulus = Union[Launched, Ended]


class Executor(Protocol):
    """A place where attempts run. Nothing in it blocks, except `close`."""

    def fileno(self) -> int:
        """A descriptor that is readable when `collect` has an end to tell."""

    def submit(self, batch: Sequence[Tuple[AttemptKey, Invocation]]) -> None:
        """Start all of the batch; what became of each comes through `collect`."""

    def collect(self) -> List[ExecutorStimulus]:
        """What has happened since the last call, in order; never blocks."""

    def stop(self, key: AttemptKey, signal: str) -> None:
        """Send the signal to the whole tree of an attempt; `SIGKILL` repeats until all are dead.

        Does nothing where the attempt has already ended.
        """

    def running(self) -> int:
        """How many attempts have been submitted and not yet been reported as ended."""

    def due_in(self) -> Optional[float]:
        """Seconds until `collect` wants to be called though nothing is readable, None for never.

        It may have news before: what was launched can wait for the next end.
        """

    def faults(self) -> List[str]:
        """What has gone wrong since the last call that the run cannot go on with, in words."""

    def close(self) -> None:
        """Kill whatever still runs and give everything back. Safe to call twice."""


class Store(Protocol):
    """Where events are kept; what `append` returned from survives the death of processes."""

    def append(self, envelopes: Sequence[Envelope]) -> None:
        """Record the events of one turn.

        Raises:
            StoreError: they are not recorded.
        """


class Subscriber(Protocol):
    """Told of every event after it is recorded; one that raises is dropped and named."""

    def handle(self, envelopes: Sequence[Envelope]) -> None:
        """Take the events of one turn; must not block."""

    def close(self) -> None:
        """The run is over, or the subscriber was dropped."""


class Clock(Protocol):
    """Time. The engine has no other source of it."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    def time(self) -> float:
        """UTC seconds since 1970."""


class Written(NamedTuple):
    """What an attempt left in its outputs file, and in its summary.

    `problems` fail a step that would have succeeded (a declared output that is missing or cannot
    be read as its type); `warnings` are noted; `summary_bytes` is the size of its Markdown;
    `matched` is whether its log has what the step's `retry.when.output` looks for.
    """

    outputs: Mapping[str, Value]
    problems: Tuple[str, ...] = ()
    warnings: Tuple[str, ...] = ()
    summary_bytes: int = 0
    matched: bool = False


class Kept(NamedTuple):
    """The files that were kept of a step, and what a person should know of them."""

    files: Tuple[KeptFile, ...]
    notes: Tuple[str, ...] = ()


class Copy(Protocol):
    """Files on their way into the run's folder."""

    def advance(self) -> Optional[Kept]:
        """Do a slice of the work, some milliseconds; what was kept once all is done."""

    def give_up(self) -> Kept:
        """Stop here and keep nothing."""


class Launching(NamedTuple):
    """An attempt about to be launched, with all that its invocation is made from.

    `env` holds the layers of the file (env_file, root, defaults, step), evaluated, later ones won;
    `inherit_env` says what comes below them from the environment of orchestra; `demand` is what
    the step holds of the budget, `devices` the GPUs among it; `folder` is that of the file in which
    the step stands. `script_scope` is what the values in a script see where they may be secrets,
    which nothing else of a body may.
    """

    key: AttemptKey
    step: Step
    scope: Scope
    env: Mapping[str, str]
    inherit_env: Union[bool, Tuple[str, ...]]
    demand: Amounts
    devices: Tuple[int, ...] = ()
    folder: str = ""
    script_scope: Optional[Scope] = None

    def __repr__(self) -> str:
        return "Launching(%r)" % (self.key,)  # the environment may hold secrets


class Renderer(Protocol):
    """Turns an attempt into an invocation, and what it wrote into values."""

    def render(self, launching: Launching) -> Invocation:
        """The invocation of an attempt.

        Raises:
            ExpressionError: a value cannot be evaluated, or is null inside text.
            ValueError: a value cannot be handed over (too long, a NUL byte); says which.
            OSError: a private file cannot be written.
        """

    def outputs(self, step: Step, key: AttemptKey) -> Written:
        """What the attempt left, its log looked at if the step asks; it has ended."""

    def artifacts(self, step: Step, scope: Scope, folder: str) -> Copy:
        """A copy of the files that the step says to keep, which has not begun.

        `folder` is that of the file in which the step stands.

        Raises:
            ExpressionError: a path cannot be evaluated.
            ValueError: a path is not below the step's working_dir.
        """
