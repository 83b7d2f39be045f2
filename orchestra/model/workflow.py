"""What the author wrote, after defaults: a workflow and its steps. Pure values, unevaluated."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import FrozenSet, Iterator, Mapping, NamedTuple, Optional, Tuple, Union

from orchestra.model.errand import LOCAL
from orchestra.model.expression import Expression, Template, Text, Tree, Value


class NeedResult(str, Enum):
    """What a step that has ended means to those that need it."""

    SUCCESS = "success"
    FAILURE = "failure"
    SKIPPED = "skipped"
    STOPPED = "stopped"


ON_SUCCESS: FrozenSet[NeedResult] = frozenset({NeedResult.SUCCESS})
ON_DONE: FrozenSet[NeedResult] = frozenset(NeedResult)


class Need(NamedTuple):
    """A step that must have ended before, and the results that are welcome."""

    step: str
    when: FrozenSet[NeedResult] = ON_SUCCESS


class Requirement(NamedTuple):
    """A condition that must hold, else the step fails with the message."""

    condition: Expression
    message: Text


class OutputType(str, Enum):
    """How a declared output is read from its text."""

    STRING = "string"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    JSON = "json"


class ArtifactsWhen(str, Enum):
    """After which end of a step its files are kept."""

    SUCCESS = "success"
    FAILURE = "failure"
    ALWAYS = "always"


class Artifacts(NamedTuple):
    """The files of a step that are kept with the run; `paths` start at its working_dir.

    `keep_s` is for how long, None for as long as the run is kept.
    """

    paths: Tuple[Text, ...]
    when: ArtifactsWhen = ArtifactsWhen.SUCCESS
    keep_s: Optional[float] = None


class Splice(Enum):
    """How a value is handed to a shell at one place of a script, so that it stays a value."""

    WORDS = "words"  # bare, a whole command word: a list becomes one word an element
    WORD = "word"  # bare, elsewhere: exactly one (part of a) word
    DOUBLE = "double"  # inside "…" or a here-document
    SINGLE = "single"  # inside '…'


class Slot(NamedTuple):
    """An expression in a script, and how its value is handed over there."""

    expression: Expression
    splice: Splice


Shell = Union[str, Tuple[str, ...]]
"""`bash`, `sh`, or the words of another program that gets the script as its last argument."""


class ShellScript(NamedTuple):
    """`run:` a script for a shell; `pieces` are its text and the values in it, in order."""

    pieces: Tuple[Union[str, Slot], ...]
    shell: Shell = "bash"

    @property
    def text(self) -> Optional[str]:
        """All of it, None where there are values in it."""
        first = self.pieces[0] if self.pieces else ""
        if len(self.pieces) > 1 or type(first) is not str:
            return None
        return first


class Command(NamedTuple):
    """`command:` a program and its arguments, executed without a shell."""

    argv: Tuple[Text, ...]


class PythonCode(NamedTuple):
    """`python: TEXT`, inline code.

    Of every Python body `preload` are the modules that are to be imported before it starts.
    """

    code: str
    interpreter: Optional[str] = None
    preload: Tuple[str, ...] = ()


class PythonFile(NamedTuple):
    """`python: {file, args}`; `file` is relative to the workflow's folder."""

    file: str
    args: Tuple[Text, ...] = ()
    interpreter: Optional[str] = None
    preload: Tuple[str, ...] = ()


class PythonModule(NamedTuple):
    """`python: {module, args}`, as `python -m`."""

    module: str
    args: Tuple[Text, ...] = ()
    interpreter: Optional[str] = None
    preload: Tuple[str, ...] = ()


class PythonCall(NamedTuple):
    """`python: {call: "pkg.mod:func", args}`; what it returns, a mapping, becomes outputs."""

    call: str
    args: Mapping[str, Tree] = {}
    interpreter: Optional[str] = None
    preload: Tuple[str, ...] = ()


class InnerSteps(NamedTuple):
    """`steps:` steps in a step, which see the names around them; in the order of the file."""

    step_by_id: Mapping[str, Step]


class Uses(NamedTuple):
    """`uses:` another workflow as one step; `given` are the values for its params by `with`."""

    workflow: Workflow
    given: Mapping[str, Tree] = {}


Body = Union[
    ShellScript,
    Command,
    PythonCode,
    PythonFile,
    PythonModule,
    PythonCall,
    InnerSteps,
    Uses,
]


def steps_in(step: Step) -> Mapping[str, Step]:
    """The steps in a step, by their ids; none where it has a body of its own."""
    if isinstance(step.body, InnerSteps):
        return step.body.step_by_id
    if isinstance(step.body, Uses):
        return step.body.workflow.step_by_id
    return {}


class Matrix(NamedTuple):
    """`matrix:` an instance for each row of the product of the axes that `exclude` does not match,
    and for each row of `include` as it is. Each axis is a list, or an expression that gives one.
    """

    axes: Mapping[str, Tree] = {}
    include: Tree = None
    exclude: Tree = None


class Foreach(NamedTuple):
    """`foreach:` an instance for each element of a list, or of what an expression gives."""

    items: Tree


FanOut = Union[Matrix, Foreach]


class RetryWhen(NamedTuple):
    """The causes worth another attempt, any of them.

    They are exit codes, signal names (`SIGKILL`), a timeout, want of memory, and a regular
    expression that is found in a line at the end of the output.
    """

    exit_codes: Tuple[int, ...] = ()
    signals: Tuple[str, ...] = ()
    timeout: bool = False
    oom: bool = False
    output: Optional[str] = None


class Handler(NamedTuple):
    """A body for the end of a step, or of the run; what it leaves out is as its step has it.

    `env` is what it gives itself, above the step's; a handler without `timeout` has no limit.
    """

    body: Body
    working_dir: Optional[Text] = None
    env: Mapping[str, Text] = {}
    timeout: Union[float, Template, None] = None


class Retry(NamedTuple):
    """How often and how patiently a failed step is tried again.

    `max` counts attempts after the first; the n-th wait is `delay_s * backoff ** (n - 1)`, at most
    `max_delay_s`, then moved by up to `jitter` (a share of itself, 0 to 1) either way; no attempt
    starts later than `max_time_s` after the first one did; `when` is None for every cause. Each
    attempt after the first asks for the factors in `resources` more than the one before.
    """

    max: int = 0
    delay_s: float = 0.0
    backoff: float = 1.0
    max_delay_s: Optional[float] = None
    jitter: float = 0.0
    max_time_s: Optional[float] = None
    when: Optional[RetryWhen] = None
    resources: Mapping[str, float] = {}


class Cache(NamedTuple):
    """When an earlier success of a step counts again.

    `inputs` and `outputs` are paths or patterns that start at the step's `working_dir`; `env` are
    names of variables that it inherits; `key` is None for none.
    """

    inputs: Tuple[Text, ...] = ()
    outputs: Tuple[Text, ...] = ()
    env: Tuple[str, ...] = ()
    key: Optional[Text] = None


class Stop(NamedTuple):
    """How a step is asked to end: a signal's name, and how long it has until it is killed."""

    signal: str = "SIGTERM"
    grace_s: float = 10.0


class Step(NamedTuple):
    """One step; `place` counts the steps of the file from 0, the tie-break everywhere.

    `handlers` are by the values of the `Role`s that they play: `fallback`, `on_failure` and so on;
    `max_parallel` and `fail_fast` speak of the instances of its `fan_out`; one that `may_rerun` is
    run again where a crash of the orchestrator has interrupted it; `executor` names where it runs,
    `executor_settings` is what that is told, by the root and the step in one.
    """

    id: str
    place: int
    body: Optional[Body] = None
    name: Optional[Text] = None
    description: str = ""
    needs: Tuple[Need, ...] = ()
    condition: Optional[Expression] = None
    require: Tuple[Requirement, ...] = ()
    working_dir: Optional[Text] = None
    env: Mapping[str, Text] = {}
    inherit_env: Union[bool, Tuple[str, ...], None] = None
    timeout: Union[float, Template, None] = None
    stop: Stop = Stop()
    retry: Retry = Retry()
    allow_failure: Union[bool, Tuple[int, ...]] = False
    success_codes: Tuple[int, ...] = (0,)
    skip_codes: Tuple[int, ...] = ()
    outputs: Mapping[str, OutputType] = {}
    resources: Mapping[str, Union[int, Template]] = {}
    priority: int = 0
    mutex: Tuple[str, ...] = ()
    duration_s: Optional[float] = None
    artifacts: Optional[Artifacts] = None
    enforce: bool = False
    jobserver: bool = False
    handlers: Mapping[str, Handler] = {}
    cache: Optional[Cache] = None
    fan_out: Optional[FanOut] = None
    max_parallel: Optional[int] = None
    fail_fast: Optional[bool] = None
    may_rerun: bool = True
    executor: str = LOCAL
    executor_settings: Mapping[str, Tree] = {}


def steps_within(
    step_by_id: Mapping[str, Step], handlers: Mapping[str, Handler] = {}
) -> Iterator[Step]:
    """All of the steps and all steps in them; those of a file once for each place that uses it.

    Handlers use files as well: those of the steps, and these.
    """
    for step in step_by_id.values():
        yield step
        yield from steps_within(steps_in(step), step.handlers)
        if isinstance(step.body, Uses):
            yield from steps_within({}, step.body.workflow.handlers)
    for handler in handlers.values():
        if isinstance(handler.body, Uses):
            used = handler.body.workflow
            yield from steps_within(used.step_by_id, used.handlers)


class GroupPolicy(str, Enum):
    """What a run does that finds no place in its concurrency group."""

    QUEUE = "queue"
    CANCEL_RUNNING = "cancel_running"
    SKIP = "skip"
    FAIL = "fail"


class Concurrency(NamedTuple):
    """How many runs of one group may run at once; `group` is None for the workflow's own file."""

    group: Optional[Text] = None
    limit: int = 1
    policy: GroupPolicy = GroupPolicy.QUEUE


class FromVariable(NamedTuple):
    """A secret that stands in a variable of the environment of orchestra."""

    name: str


class FromFile(NamedTuple):
    """A secret that is what a file holds; its path is relative to the workflow's folder."""

    path: str


class FromCommand(NamedTuple):
    """A secret that a program writes; it is started without a shell, in the workflow's folder."""

    argv: Tuple[str, ...]


SecretSource = Union[FromVariable, FromFile, FromCommand]
"""Where a secret is read when a run starts."""


class AlertWhen(str, Enum):
    """What an alert tells of."""

    FAILURE = "failure"
    RECOVERY = "recovery"
    SUCCESS = "success"
    SLOW = "slow"


class Channel(str, Enum):
    """How an alert is sent; each is the key of `notify` that says where to."""

    URL = "url"
    COMMAND = "command"
    WEBHOOK = "webhook"


class NotifyEntry(NamedTuple):
    """One entry of `notify`, the `place`-th from 0; `words` has one text but for a command.

    `slow_after_s` is None where `slow` is measured against earlier runs.
    """

    place: int
    channel: Channel
    words: Tuple[Text, ...]
    when: Tuple[AlertWhen, ...] = (AlertWhen.FAILURE,)
    name: str = ""
    timeout_s: float = 30.0
    slow_after_s: Optional[float] = None


class ParamType(str, Enum):
    """What a parameter's text is read as."""

    STRING = "string"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    DATE = "date"
    PATH = "path"
    JSON = "json"


@dataclass(frozen=True)
class Param:
    """A parameter of the workflow; `default` is unset where `has_default` is False."""

    name: str
    type: ParamType = ParamType.STRING
    default: Value = None
    has_default: bool = False
    required: bool = False
    enum: Tuple[Value, ...] = ()
    pattern: Optional[str] = None
    min: Optional[float] = None
    max: Optional[float] = None
    description: str = ""


@dataclass(frozen=True)
class Workflow:
    """A workflow file, checked. `path` and `folder` are absolute; `step_by_id` is in file order.

    `env` holds the root's own `env` only; `defaults.env` (and every other default) is already in
    the steps, except that `default_env` keeps the layer between root and step. `handlers` are as in
    a step, without a fallback; `executor_settings` are those of the root, by the executor's name.
    """

    path: str
    folder: str
    name: str
    step_by_id: Mapping[str, Step]
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, Param] = field(default_factory=dict)
    vars: Mapping[str, Tree] = field(default_factory=dict)
    env: Mapping[str, Text] = field(default_factory=dict)
    default_env: Mapping[str, Text] = field(default_factory=dict)
    env_files: Tuple[str, ...] = ()
    inherit_env: Union[bool, Tuple[str, ...]] = True
    secrets: Mapping[str, SecretSource] = field(default_factory=dict)
    budget: Mapping[str, int] = field(default_factory=dict)
    max_parallel: Optional[int] = None
    fail_fast: bool = False
    timeout_s: Optional[float] = None
    concurrency: Optional[Concurrency] = None
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    notify: Tuple[NotifyEntry, ...] = ()
    outputs: Mapping[str, Tree] = field(default_factory=dict)
    executor_settings: Mapping[str, Mapping[str, Tree]] = field(default_factory=dict)

    @cached_property
    def size(self) -> int:
        """How many steps there are, those in steps and in files that are used among them."""
        return _size(self.step_by_id) + _size_of(self.handlers)

    def inheritable(self, environ: Mapping[str, str]) -> Mapping[str, str]:
        """The environment without the variables that secrets come from: no step inherits these."""
        sources = self.secrets.values()
        taken = {source.name for source in sources if isinstance(source, FromVariable)}
        if taken.isdisjoint(environ):
            return environ
        return {name: value for name, value in environ.items() if name not in taken}


def _size(step_by_id: Mapping[str, Step]) -> int:
    size = len(step_by_id)
    for step in step_by_id.values():
        size += _size_of(step.handlers)
        if isinstance(step.body, Uses):
            size += step.body.workflow.size
        elif isinstance(step.body, InnerSteps):
            size += _size(step.body.step_by_id)
    return size


def _size_of(handlers: Mapping[str, Handler]) -> int:
    bodies = [handler.body for handler in handlers.values()]
    return sum(body.workflow.size for body in bodies if isinstance(body, Uses))
