"""Every event of a run: what happened, in the past tense, and its JSON. Pure values.

An event is recorded before anything is done because of it. Listeners ignore kinds and trailing
fields they do not know, so that kinds and fields can be added.
"""

from __future__ import annotations

import json
from typing import (
    Any,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Type,
    Union,
    get_args,
)

from orchestra.model.errand import LOCAL
from orchestra.model.expression import Value
from orchestra.model.run import KeptFile

EVENTS_FORMAT = 1


class PlannedEntry(NamedTuple):
    """One step as it stood in the plan when the run started, or when it was added to the run.

    `owner` is the step of which it is a part, `role` (a `Role`'s value) the part it plays there;
    `item` is a digest of what an instance of a fan-out stands for, empty for any other step;
    `expected_s` is how long it was expected to take, if that was known; `executor` runs it.
    """

    step: str
    name: str
    needs: Tuple[str, ...]
    resources: Mapping[str, int]
    owner: str = ""
    role: str = "step"
    item: str = ""
    expected_s: Optional[float] = None
    executor: str = LOCAL


class RunStarted(NamedTuple):
    """The run began. `steps` are in plan order; `budget` and `resources` in `Amounts` units.

    `options` are what the command line said of the plan, to go on with; `boot` tells the start of
    the machine from its others, empty where there is no telling; `order` and `patience_s` are the
    policy (see `Policy`), `predicted_s` is what it was foretold to take, if it was.
    """

    run_id: str
    workflow: str
    path: str
    params: Mapping[str, Value]
    budget: Mapping[str, int]
    max_parallel: Optional[int]
    lower_bound_s: Optional[float]
    host: str
    pid: int
    version: str
    labels: Mapping[str, str]
    steps: Tuple[PlannedEntry, ...]
    options: Mapping[str, Value] = {}
    boot: str = ""
    order: str = "path"
    patience_s: float = 0.0
    predicted_s: Optional[float] = None


class RunResumed(NamedTuple):
    """The run goes on, under another orchestrator and by the plan of the file as it is now.

    `dropped` are the steps whose results and attempts count no more, with all that is part of them;
    what had not ended well otherwise is open again. The other fields are those of `RunStarted`.
    """

    workflow: str
    path: str
    budget: Mapping[str, int]
    max_parallel: Optional[int]
    lower_bound_s: Optional[float]
    host: str
    pid: int
    version: str
    steps: Tuple[PlannedEntry, ...]
    dropped: Tuple[str, ...]
    options: Mapping[str, Value] = {}
    boot: str = ""


class ResultsDropped(NamedTuple):
    """What these steps came to before counts no more, nor does anything that is part of them."""

    steps: Tuple[str, ...]


class StepsAdded(NamedTuple):
    """Steps that the plan could not know: the instances of a fan-out, what is done at an end."""

    steps: Tuple[PlannedEntry, ...]


class StepReady(NamedTuple):
    """All that the step waits for has ended well; it now waits for its share of the budget."""

    step: str
    resources: Mapping[str, int]


class AttemptStarted(NamedTuple):
    """An attempt has its share of the budget and is about to be launched."""

    step: str
    number: int
    queued_s: float
    devices: Tuple[int, ...]


class AttemptQueued(NamedTuple):
    """An engine elsewhere has taken an attempt in as `job`, and has yet to start it.

    It is told again when `reason`, why it waits there, changes.
    """

    step: str
    number: int
    executor: str
    job: str
    reason: str


class AttemptLaunched(NamedTuple):
    """The process of an attempt exists.

    `began_s` is when, in seconds since the machine was started, 0 where that is not known. On
    another one it is known by its `node`; `ago_s` is for how long it had run when it was found.
    """

    step: str
    number: int
    pid: int
    began_s: float = 0.0
    node: str = ""
    ago_s: float = 0.0


class AttemptEnded(NamedTuple):
    """An attempt ended; `outcome` is an `Outcome`'s value, `log` relative to the run's folder.

    `ended_at` (UTC seconds) is set where it ended while no orchestrator was there to tell of it.
    """

    step: str
    number: int
    outcome: str
    exit_code: Optional[int]
    signal: Optional[str]
    reason: str
    cpu_s: Optional[float]
    max_rss_bytes: Optional[int]
    log: Optional[str]
    log_bytes: int
    ended_at: Optional[float] = None


class OutputsTaken(NamedTuple):
    """The outputs of an attempt that succeeded, whose step has yet to end."""

    step: str
    outputs: Mapping[str, Value]


class SummaryWritten(NamedTuple):
    """An attempt left Markdown in the file `path`, relative to the run's folder."""

    step: str
    number: int
    path: str
    size_bytes: int


class ArtifactsKept(NamedTuple):
    """The files of a step were copied into the run's folder, whole.

    They are kept for `keep_s` from now, None for as long as the run is.
    """

    step: str
    number: int
    files: Tuple[KeptFile, ...]
    keep_s: Optional[float] = None


class RetryScheduled(NamedTuple):
    """Attempt `number` will start `delay_s` from now at the earliest."""

    step: str
    number: int
    delay_s: float


class StepTimedOut(NamedTuple):
    """The time of a step is over in which others run; it ends when they have, for this reason."""

    step: str
    reason: str


class StepEnded(NamedTuple):
    """A step reached a final state, for the one recorded reason."""

    step: str
    state: str
    reason: str
    outputs: Mapping[str, Value]


class ResultReused(NamedTuple):
    """A step counts as a success without an attempt, with the outputs of an earlier run.

    `run_id` is empty where it takes nothing; `left_out` says that a person chose not to run it.
    With neither it has run itself, and lacks outputs of parts that were left out.
    """

    step: str
    run_id: str
    left_out: bool


class CacheMissed(NamedTuple):
    """A step that may be cached is to run; `fingerprint` is empty where there can be none."""

    step: str
    fingerprint: str
    reason: str


class SuccessKept(NamedTuple):
    """A success that later runs may count on; its outputs are in the `StepEnded` beside it.

    `parts` are what the fingerprint was made of, `files` the digests of its output files by path.
    """

    step: str
    fingerprint: str
    parts: Mapping[str, str]
    files: Mapping[str, str]


class Noted(NamedTuple):
    """Something a person should know; `step` is empty where it is about the run."""

    step: str
    message: str


class StopRequested(NamedTuple):
    """The run is being stopped: `cause` is a signal's name, `timeout` or `store lost`."""

    cause: str
    at_once: bool


class RunFinished(NamedTuple):
    """The run is over; only `AlertSent` may follow. `state` is a `RunState`'s value."""

    state: str
    exit_code: int
    reason: str


class AlertSent(NamedTuple):
    """An alert was sent, or could not be: `message` then says why.

    `entry` is the name of the entry of `notify`, `when` an `AlertWhen`'s value, `target` where it
    went without anything secret. It changes neither the state nor the exit code of the run.
    """

    entry: str
    when: str
    target: str
    ok: bool
    message: str


Event = Union[
    RunStarted,
    RunResumed,
    ResultsDropped,
    StepsAdded,
    StepReady,
    AttemptStarted,
    AttemptQueued,
    AttemptLaunched,
    AttemptEnded,
    OutputsTaken,
    SummaryWritten,
    ArtifactsKept,
    RetryScheduled,
    StepTimedOut,
    StepEnded,
    ResultReused,
    CacheMissed,
    SuccessKept,
    Noted,
    StopRequested,
    RunFinished,
    AlertSent,
]

_KINDS: Tuple[Type[Event], ...] = get_args(Event)
_PLACE_OF_ENTRIES: Dict[type, int] = {
    kind: kind._fields.index("steps") for kind in (RunStarted, RunResumed, StepsAdded)
}
_NAME_BY_KIND: Dict[type, str] = {kind: kind.__name__ for kind in _KINDS}
_KIND_BY_NAME: Dict[str, Type[Event]] = {kind.__name__: kind for kind in _KINDS}


class Envelope(NamedTuple):
    """An event with its place in the run: `seq` counts from 1 without gaps.

    `at` is UTC seconds: the wall clock at the start of the run carried on by the monotonic clock,
    so that differences are durations whatever happens to the wall clock.
    """

    seq: int
    at: float
    event: Event


# nothing that is recorded holds itself
_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


def encode_turn(envelopes: Sequence[Envelope]) -> str:
    """One compact JSON text for the events of a turn: `[seq, at, [kind, field, …], …]`.

    They have happened at one time, and follow each other from the first one's `seq` on.
    """
    first = envelopes[0]
    names = _NAME_BY_KIND
    rows = [(names[type(envelope.event)], *envelope.event) for envelope in envelopes]
    return _encode((first.seq, first.at, *rows))


def decode_turn(text: str) -> List[Envelope]:
    """The envelopes of a turn; kinds this version does not know are left out.

    Raises:
        ValueError: the text is no turn.
    """
    try:
        seq, at, *rows = json.loads(text)
        return [
            Envelope(number, at, _build(_KIND_BY_NAME[kind], fields))
            for number, (kind, *fields) in enumerate(rows, seq)
            if kind in _KIND_BY_NAME
        ]
    except (TypeError, KeyError) as fault:
        raise ValueError("not a turn of events") from fault


def fields_of(event: Event) -> Dict[str, Any]:
    """The fields of an event by their names, without those that only tell of other machines."""
    data = event._asdict()
    if type(event) is AttemptLaunched and not event.node:
        del data["node"], data["ago_s"]
    return data


def to_data(envelope: Envelope) -> Dict[str, Any]:
    """The event as other programs read it: `{seq, at, event: kind, field: value, …}`."""
    event = envelope.event
    data: Dict[str, Any] = {"seq": envelope.seq, "at": envelope.at, "event": type(event).__name__}
    data.update(fields_of(event))
    if isinstance(event, (RunStarted, RunResumed, StepsAdded)):
        data["steps"] = [_entry_data(entry) for entry in event.steps]
    elif type(event) is ArtifactsKept:
        data["files"] = [file._asdict() for file in event.files]
    return data


def _entry_data(entry: PlannedEntry) -> Dict[str, Any]:
    data = entry._asdict()
    if entry.executor == LOCAL:
        del data["executor"]
    return data


def _build(kind: Type[Event], fields: List[Any]) -> Event:
    known = fields[: len(kind._fields)]
    place = _PLACE_OF_ENTRIES.get(kind)
    if place is not None:
        known[place] = tuple(_entry(*entry) for entry in known[place])
    elif kind is ArtifactsKept:
        known[2] = tuple(KeptFile(*file[:3]) for file in known[2])
    elif kind is AttemptStarted:
        known[3] = tuple(known[3])
    elif kind is ResultsDropped:
        known[0] = tuple(known[0])
    if kind is RunResumed:
        known[9] = tuple(known[9])
    return kind(*known)


def _entry(
    step: str,
    name: str,
    needs: Sequence[str],
    resources: Mapping[str, int],
    owner: str = "",
    role: str = "step",
    item: str = "",
    expected_s: Optional[float] = None,
    executor: str = LOCAL,
    *_: Any,
) -> PlannedEntry:
    return PlannedEntry(
        step, name, tuple(needs), resources, owner, role, item, expected_s, executor
    )
