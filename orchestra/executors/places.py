"""What an engine that runs jobs elsewhere must be able to do: the Protocol that it is written to.

A Place is plain and blocking. It lives in a helper process of its own (`host.py`), which hands it
tasks and asks it for news; it knows nothing of attempts, logs or records. All that an engine has to
run is `sh FOLDER/start`, which does the rest: see `errands.py`.
"""

from __future__ import annotations

from enum import Enum
from typing import List, Mapping, NamedTuple, Optional, Protocol, Sequence, Tuple, Union

from orchestra.model.errand import Errand
from orchestra.model.expression import Value


class Task(NamedTuple):
    """A job for a place: `sh FOLDER/start`, with what it asks for.

    `name` is unique among all jobs of all runs and has only `[A-Za-z0-9._-]`, 60 at most: a job
    that was submitted under it can be found again. `folder` is absolute and on all machines the
    same; `shown` is what a person may see as the name of the job.
    """

    name: str
    folder: str
    shown: str
    errand: Errand


class Queued(NamedTuple):
    """The engine has taken the task in as `job`, and why it waits; told again when that changes."""

    name: str
    job: str
    reason: str = ""


class Running(NamedTuple):
    """The engine has started the task on `node`. What its record says goes before this."""

    name: str
    job: str
    node: str


class Fate(str, Enum):
    """Why the engine says that a task is over."""

    ENDED = "ended"  # it ran to its end: its end record says how
    CANCELLED = "cancelled"  # somebody cancelled it
    OUT_OF_MEMORY = "out_of_memory"
    TIME_LIMIT = "time_limit"  # the engine's, not the step's
    NODE_FAILED = "node_failed"  # or the worker that had it died
    PREEMPTED = "preempted"
    NOT_LAUNCHED = "not_launched"  # it was never started, nor will be: a refusal, a bad directory
    UNKNOWN = "unknown"  # the engine has forgotten it, or never had it


class Gone(NamedTuple):
    """The engine says that the task is over. Its end record, if there is one, goes before this.

    `reason` is for people, as in `node n1 failed`; `max_rss_bytes` and `cpu_s` where the engine
    measured them.
    """

    name: str
    fate: Fate
    reason: str = ""
    max_rss_bytes: Optional[int] = None
    cpu_s: Optional[float] = None


class Silent(NamedTuple):
    """The engine does not answer, for `reason`: no news of any task, and nothing to conclude."""

    reason: str


News = Union[Queued, Running, Gone, Silent]


class Objection(NamedTuple):
    """What is wrong, as a sentence, with the errands at these places; with none of them, if none.

    `hint` is what to do, empty if there is nothing; None where another executor may do it.
    """

    text: str
    errands: Tuple[int, ...] = ()
    hint: Optional[str] = None


class Place(Protocol):
    """An engine. Made in its helper by `open_place(settings, run_id)` of its module.

    Every method may take its time, some minutes at most; none may raise for what is wrong with one
    task or because the engine does not answer: that is told as `Gone` or `Silent`. A place never
    starts a task a second time, and asks its engine never to.
    """

    def check(self, errands: Sequence[Errand]) -> Sequence[Union[str, Objection]]:
        """What is wrong before anything runs, one sentence each, empty if nothing is.

        The engine cannot be reached, or can never give what an errand asks for: then it is best
        said which errand.
        """

    def submit(self, tasks: Sequence[Task]) -> List[News]:
        """Hand tasks over, alike ones together; each is told of as `Queued` or `Gone`.

        Those that were told of neither way are handed over again later: the engine does not answer,
        then `Silent` is told, or it takes long. One that it took in all the same is found by its
        name.
        """

    def find(self, tasks: Sequence[Task]) -> List[News]:
        """Look for tasks that another process may have submitted; follow those that are there.

        Each is told of as `Queued`, `Running` or `Gone` (`UNKNOWN` where there is no trace of it);
        where the engine does not answer, `Silent` is, and it is called again later.
        """

    def poll(self) -> List[News]:
        """One question about all tasks together; what has changed since the last."""

    def stop(self, names: Sequence[str], signal: str) -> None:
        """Send `SIGTERM`, `SIGINT` … to all processes of tasks, or end them for good by `SIGKILL`.

        One that waits in the queue is cancelled by any of them. After `SIGKILL` no process of
        the task is left; it is repeated until the task is told of as `Gone`.
        """

    def period_s(self) -> float:
        """Seconds to wait before the next `poll`; more while the engine is silent."""

    def close(self) -> None:
        """Give back what this process holds. Tasks go on."""


class OpenPlace(Protocol):
    """What an entry point of the group `orchestra.executors` names.

    A module that has it may also have `SETTINGS`, a JSON Schema of its settings.
    """

    def __call__(self, settings: Mapping[str, Value], run_id: str) -> Place:
        """The place, for a run, with the settings of the root of the file.

        Raises:
            PlaceFault: it cannot be used at all; says why and what to do.
        """


class PlaceFault(Exception):
    """Why a place cannot be used, in words for the person who runs it."""
