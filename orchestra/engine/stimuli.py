"""What the machine is told and what it orders. Values only, made per step."""

from __future__ import annotations

from typing import List, Mapping, NamedTuple, Optional, Tuple, Union

from orchestra.engine.caching import Finding, Question, Seal
from orchestra.engine.conditions import Decision
from orchestra.engine.ports import (
    Ended,
    Kept,
    Launched,
    Launching,
    Lost,
    Queued,
    Reattached,
    TokensSeen,
    Written,
)
from orchestra.model.errand import LOCAL
from orchestra.model.events import Event
from orchestra.model.expression import Scope, Value
from orchestra.model.run import AttemptKey
from orchestra.model.workflow import Step


class Timer(NamedTuple):
    """Names a timer: `kind` is `timeout`, `grace`, `retry` (of one attempt), `run` or `leave`."""

    kind: str
    key: Optional[AttemptKey]


class TimerFired(NamedTuple):
    """A timer's time has come."""

    timer: Timer


class AttemptOver(NamedTuple):
    """An attempt ended, and this is what it left."""

    ended: Ended
    written: Written


class NotRendered(NamedTuple):
    """No invocation could be made for an attempt; trying again would not help."""

    key: AttemptKey
    reason: str


class Decided(NamedTuple):
    """The answer to `Decide`."""

    step: str
    decision: Decision


class ArtifactsCopied(NamedTuple):
    """The answer to `KeepArtifacts`."""

    key: AttemptKey
    kept: Kept


class CacheChecked(NamedTuple):
    """The answer to `CheckCache`."""

    step: str
    finding: Finding


class Sealed(NamedTuple):
    """The answer to `SealSuccess`."""

    key: AttemptKey
    seal: Seal


class Looked(NamedTuple):
    """The answer to `LookAround`: the attempts whose engines do not answer."""

    unreached: Tuple[AttemptKey, ...]


class StopAsked(NamedTuple):
    """The run is to end: `cause` is a signal's name, or what broke.

    `exit_code` is what the run ends with; `at_once` leaves no time for clean-up. Where it `drains`,
    what runs is not asked to end.
    """

    cause: str
    exit_code: int
    at_once: bool = False
    drains: bool = False


Stimulus = Union[
    Queued,
    Launched,
    Reattached,
    Lost,
    AttemptOver,
    NotRendered,
    Decided,
    CacheChecked,
    Sealed,
    ArtifactsCopied,
    TimerFired,
    TokensSeen,
    Looked,
    StopAsked,
]


class Launch(NamedTuple):
    """Start an attempt."""

    launching: Launching


class Reattach(NamedTuple):
    """Take over an attempt that another orchestrator started; see `Handle`."""

    key: AttemptKey
    step: Step
    pid: Optional[int]
    began_s: float
    executor: str = LOCAL
    job: str = ""
    settings: Mapping[str, Value] = {}


class Stop(NamedTuple):
    """Send a signal to the whole tree of an attempt."""

    key: AttemptKey
    signal: str


class Lend(NamedTuple):
    """Let an attempt with a job server have so many tokens from now on."""

    key: AttemptKey
    tokens: int


class SetTimer(NamedTuple):
    """Fire `timer` once, `delay_s` from now."""

    timer: Timer
    delay_s: float


class CancelTimer(NamedTuple):
    """Forget a timer; it may have fired already."""

    timer: Timer


class Decide(NamedTuple):
    """Decide on a step by `conditions.decide`, off the machine: its conditions read files."""

    step: Step
    scope: Scope


class KeepArtifacts(NamedTuple):
    """Copy the files of a step whose last attempt, `key`, is over; `folder` is its workflow's."""

    key: AttemptKey
    step: Step
    scope: Scope
    folder: str


class DropWork(NamedTuple):
    """Give up copies and looks at files that are under way: the run is to end at once."""


class LookAround(NamedTuple):
    """Find out which attempts cannot be reached just now."""


class LeaveOff(NamedTuple):
    """End the run as it stands, with this exit code: nobody can end what is under way."""

    exit_code: int


class CheckCache(NamedTuple):
    """Find out whether a step must run, off the machine."""

    question: Question


class SealSuccess(NamedTuple):
    """Look at the output files of a success, off the machine, before it is told."""

    key: AttemptKey
    question: Question
    finding: Finding


Order = Union[
    Launch,
    Reattach,
    Stop,
    Lend,
    SetTimer,
    CancelTimer,
    Decide,
    CheckCache,
    SealSuccess,
    KeepArtifacts,
    DropWork,
    LookAround,
    LeaveOff,
]


class Reaction(NamedTuple):
    """What a turn comes to: events to record first, then orders to carry out."""

    events: List[Event]
    orders: List[Order]
