"""A case of a test: what is given to a run in virtual time, and what is expected of it. Pure."""

from __future__ import annotations

from enum import Enum
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from orchestra.errors import PathParts
from orchestra.model.expression import Value
from orchestra.model.run import plain_id

ANY = "*"
"""Stands for any text in the pattern of a step's id."""


class Course(str, Enum):
    """How an attempt goes that is told by a word."""

    SUCCESS = "success"
    FAILURE = "failure"
    TIMEOUT = "timeout"  # it goes on until it is asked to end
    OOM = "oom"
    SKIPPED = "skipped"
    CACHED = "cached"  # there is no attempt: an earlier success counts


class Result(NamedTuple):
    """How one attempt goes: by a `course`, or by an exit code, a signal, or why it has no process.

    `duration_s` is None where nobody said; `log` is what it writes; `stops_after_s` is how long it
    goes on once it is asked to end; `path` leads to where it stands in the file.
    """

    course: Course = Course.SUCCESS
    exit_code: Optional[int] = None
    signal: Optional[str] = None
    refusal: str = ""
    duration_s: Optional[float] = None
    outputs: Mapping[str, Value] = {}
    log: str = ""
    stops_after_s: float = 0.0
    path: PathParts = ()


class Results:
    """The results that are given of steps, the more telling ones of those for one key first.

    A key is an id, as it is in the record of a run or without any of its instances, or a pattern.
    """

    def __init__(self, given: Sequence[Tuple[str, Tuple[Result, ...]]]) -> None:
        self._by_key: Dict[str, Tuple[Result, ...]] = {}
        self._patterns: List[str] = []
        for key, results in given:
            if key not in self._by_key:
                self._by_key[key] = results
                if ANY in key:
                    self._patterns.append(key)

    def of(self, spellings: Sequence[str]) -> Tuple[Result, ...]:
        """The results of a step that goes by these spellings of its id; none where none are given.

        An id goes before the id without its instances, that before the first pattern that fits.
        """
        for key in (*spellings, plain_id(spellings[0])):
            if key in self._by_key:
                return self._by_key[key]
        for pattern in self._patterns:
            if fits(pattern, spellings):
                return self._by_key[pattern]
        return ()


class Given(NamedTuple):
    """All that a run meets. `budget` is in `Amounts` units, times are seconds.

    `stops_s` is when it is asked to end, counted from its start; `started_at` is UTC seconds;
    `failed_before` says that the run before it failed; `usual_s` is what good runs took before.
    """

    started_at: float
    params: Mapping[str, Value] = {}
    env: Mapping[str, str] = {}
    env_file: Mapping[str, str] = {}
    secrets: Mapping[str, str] = {}
    failed_before: bool = False
    usual_s: Optional[float] = None
    budget: Mapping[str, int] = {}
    max_parallel: Optional[int] = None
    fail_fast: Optional[bool] = None
    force: bool = False
    stops_s: Tuple[float, ...] = ()
    duration_s: float = 0.0
    results: Sequence[Tuple[str, Tuple[Result, ...]]] = ()


class Fact(str, Enum):
    """What an expectation is about; those of a step say so by its id."""

    STATE = "state"
    EXIT_CODE = "exit_code"
    ELAPSED = "elapsed"
    OUTPUTS = "outputs"
    ALERTS = "alerts"
    ORDER = "order"
    STEP_STATE = "step state"
    REASON = "reason"
    ATTEMPTS = "attempts"
    INSTANCES = "instances"
    STEP_OUTPUTS = "step outputs"
    STARTED_AT = "started_at"
    ENDED_AT = "ended_at"


class Expectation(NamedTuple):
    """One thing that is expected: `wanted` has the shape that its fact has in the file.

    A time is seconds, states are a tuple of words, outputs one name and its value, an order the two
    ids; `step` is an id or a pattern, empty for what is about the run; `path` leads to it.
    """

    fact: Fact
    path: PathParts
    wanted: Value
    step: str = ""


class Case(NamedTuple):
    """One run and what is expected of it, in the order of the file; `path` leads to its name."""

    name: str
    path: PathParts
    given: Given
    expected: Tuple[Expectation, ...]


class Spellings:
    """The ids of a run's steps in all their spellings: instances also go by number, `test[0]`."""

    def __init__(self) -> None:
        self._known: Dict[str, str] = {}
        self._count_by_owner: Dict[str, int] = {}

    def add(self, id: str, owner: str, is_instance: bool) -> None:
        """Learn of a step; its owner is known by then, and the instances come in their order."""
        own = self._known.get(owner, owner)
        if is_instance:
            number = self._count_by_owner.get(owner, 0)
            self._count_by_owner[owner] = number + 1
            self._known[id] = "%s[%d]" % (own, number)
        elif own != owner and id.startswith(owner):
            self._known[id] = own + id[len(owner) :]

    def of(self, id: str) -> Tuple[str, ...]:
        """The id, then the one with the numbers of instances, where that is another one."""
        other = self._known.get(id, id)
        return (id,) if other == id else (id, other)


def fits(pattern: str, spellings: Sequence[str]) -> bool:
    """Whether a pattern speaks of what goes by one of these spellings, or by its plain id."""
    first, *others = pattern.split(ANY)
    return any(_fits(first, others, each) for each in (*spellings, plain_id(spellings[0])))


def _fits(first: str, others: Sequence[str], text: str) -> bool:
    """By parts, from the left: each at its first place that is free, the last one at the end."""
    if not others:
        return text == first
    if not text.startswith(first):
        return False
    at = len(first)
    for part in others[:-1]:
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(text) - at >= len(others[-1]) and text.endswith(others[-1])
