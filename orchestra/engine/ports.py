"""What the engine asks of an executor, a store, a listener, a clock. Protocols only."""

from __future__ import annotations

from typing import (
    List,
    Mapping,
    NamedTuple,
    Optional,
    Protocol,
    Sequence,
    Tuple,
    Union,
)

from orchestra.model.errand import LOCAL, Errand
from orchestra.model.events import Envelope
from orchestra.model.expression import Scope, Value
from orchestra.model.run import AttemptKey, Invocation, KeptFile, Outcome
from orchestra.model.units import Amounts
from orchestra.model.workflow import Step


class Queued(NamedTuple):
    """An engine elsewhere has taken an attempt in as `job`; `reason` is why it waits there.

    It is told again when the reason changes.
    """

    key: AttemptKey
    job: str
    reason: str = ""


class Launched(NamedTuple):
    """The process of an attempt exists; `began_s` is as in `AttemptLaunched`.

    Elsewhere it is known by its `node`, and `pid` is 0; `ago_s` is for how long it had run by the
    time when that was seen, as far as it is known.
    """

    key: AttemptKey
    pid: int
    began_s: float = 0.0
    node: str = ""
    ago_s: float = 0.0


class Reattached(NamedTuple):
    """The process of an attempt that another orchestrator started still runs, for `elapsed_s`.

    Elsewhere it does so on its `node`; one that waits there still is told as `Queued`.
    """

    key: AttemptKey
    elapsed_s: float
    node: str = ""


class Lost(NamedTuple):
    """An attempt is over, its whole tree is dead, and nobody can tell how its process ended.

    `log_bytes` is what it wrote, as far as that was kept. `reason` is set where an engine elsewhere
    says why: its node failed, it was preempted.
    """

    key: AttemptKey
    log_bytes: int = 0
    reason: str = ""


class Ended(NamedTuple):
    """The process of an attempt is gone, its output is drained, its whole tree is dead.

    Exactly one of `exit_code` and `signal` (a name such as `SIGKILL`) is set; a `refusal` (why no
    process could be started, then neither is set) takes their place. `log_bytes` is what it wrote,
    0 means that there is no log file. `memory_limit_bytes` is set where it was killed because all
    its processes together, `max_rss_bytes`, exceeded that. `ended_at` (UTC seconds) is set where it
    ended while no orchestrator was there. `outcome` and `reason`, in words, are set where an engine
    elsewhere ended it: of its own time limit, or because somebody cancelled it there.
    """

    key: AttemptKey
    exit_code: Optional[int] = None
    signal: Optional[str] = None
    refusal: str = ""
    cpu_s: Optional[float] = None
    max_rss_bytes: Optional[int] = None
    log_bytes: int = 0
    memory_limit_bytes: Optional[int] = None
    ended_at: Optional[float] = None
    outcome: Optional[Outcome] = None
    reason: str = ""


class Unreached(NamedTuple):
    """An attempt at `executor`, whose engine does not answer: nobody can end it now."""

    key: AttemptKey
    executor: str


class TokensSeen(NamedTuple):
    """An attempt with a job server has so many tokens now, of which it leaves `idle` untaken.

    So far it made up a `surplus` of tokens, which were taken away.
    """

    key: AttemptKey
    tokens: int
    idle: int
    surplus: int = 0


ExecutorStimulus = Union[Queued, Launched, Ended, Reattached, Lost, TokensSeen]


class Handle(NamedTuple):
    """What is known of an attempt that another orchestrator started.

    `pid` is None and `began_s` 0 where that died before it could say; `began_s` counts since the
    machine was started; `log_path` is where its output goes, `job_server` as in its `Invocation`.
    `executor` is the one that started it, `job` the name by which an engine elsewhere knows it,
    empty where that was not told, `settings` are those of the step for that executor.
    """

    key: AttemptKey
    pid: Optional[int]
    began_s: float
    log_path: str
    job_server: Optional[str] = None
    executor: str = LOCAL
    job: str = ""
    settings: Mapping[str, Value] = {}


class Executor(Protocol):
    """A place where attempts run. Nothing in it blocks, except `close`."""

    def fileno(self) -> int:
        """A descriptor that is readable when `collect` has an end to tell."""

    def submit(self, batch: Sequence[Tuple[AttemptKey, Invocation]]) -> None:
        """Start all of the batch; what became of each comes through `collect`."""

    def reattach(self, handles: Sequence[Handle]) -> None:
        """Take over attempts that have not ended as far as is known.

        `collect` tells of each that it runs (`Reattached`, and later how it ended), how it ended
        meanwhile (`Ended`), or that it is `Lost`.
        """

    def collect(self) -> List[ExecutorStimulus]:
        """What has happened since the last call, in order; never blocks."""

    def stop(self, key: AttemptKey, signal: str) -> None:
        """Send the signal to the whole tree of an attempt; `SIGKILL` repeats until all are dead.

        Does nothing where the attempt has already ended.
        """

    def lend(self, key: AttemptKey, tokens: int) -> None:
        """Let an attempt with a job server have so many tokens; it may be submitted right after.

        It gets at once what it lacks. Of what it has too many `collect` tells when some came back
        (`TokensSeen`); those that nobody has taken are back at once.
        """

    def running(self) -> int:
        """How many attempts have been submitted and not yet been reported as ended."""

    def due_in(self) -> Optional[float]:
        """Seconds until `collect` wants to be called though nothing is readable, None for never.

        It may have news before: what was launched can wait for the next end.
        """

    def unreached(self) -> List[Unreached]:
        """The attempts, not ended as far as is known, whose engines do not answer just now."""

    def faults(self) -> List[str]:
        """What has gone wrong since the last call that the run cannot go on with, in words."""

    def close(self) -> None:
        """Kill whatever still runs and give everything back. Safe to call twice."""


class Store(Protocol):
    """Where events are kept; what `append` returned from survives the death of processes."""

    def append(self, envelopes: Sequence[Envelope], lasting: bool = False) -> None:
        """Record the events of one turn; loss of power takes none that are `lasting`.

        Raises:
            StoreError: they are not recorded.
        """

    def attend(self, at: float) -> Optional[float]:
        """See to what is due at this time (UTC seconds); in how many seconds something will be.

        Raises:
            StoreError: what was recorded may not last.
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
    the step holds of the budget, `devices` the GPUs among it; `jobs` is how many it may run at once
    where it has a job server and all others are idle; `folder` is that of the file in which the
    step stands. `script_scope` is what the values in a script see where they may be secrets,
    which nothing else of a body may. `errand` is what another machine is to know that runs it, None
    where this one does.
    """

    key: AttemptKey
    step: Step
    scope: Scope
    env: Mapping[str, str]
    inherit_env: Union[bool, Tuple[str, ...]]
    demand: Amounts
    devices: Tuple[int, ...] = ()
    jobs: int = 1
    folder: str = ""
    script_scope: Optional[Scope] = None
    errand: Optional[Errand] = None

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

    def log_path(self, key: AttemptKey) -> str:
        """Where the output of an attempt goes, absolute."""

    def job_server(self, step: Step, key: AttemptKey) -> Optional[str]:
        """Where the job server of an attempt is, None where its step has none; see `Invocation`."""

    def outputs(self, step: Step, key: AttemptKey) -> Written:
        """What the attempt left, its log looked at if the step asks; it has ended."""

    def artifacts(self, step: Step, scope: Scope, folder: str) -> Copy:
        """A copy of the files that the step says to keep, which has not begun.

        `folder` is that of the file in which the step stands.

        Raises:
            ExpressionError: a path cannot be evaluated.
            ValueError: a path is not below the step's working_dir.
        """
