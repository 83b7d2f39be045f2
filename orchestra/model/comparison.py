"""What differs between two versions of a workflow, and what that makes run again. Pure values."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Optional, Tuple

from orchestra.model.plan import Will
from orchestra.model.run import RunState, StepState


class FieldChange(NamedTuple):
    """One field that is not as it was: `run`, `env.MODE`, `needs`.

    `old` and `new` are its values as text, of a text of many lines the part that differs, which
    begins at `line` (from 1; 0 for the whole); None where there is none, and both None where they
    are too long to show. One that does not count only says how something is run. `note` is a
    sentence about it.
    """

    field: str
    old: Optional[str]
    new: Optional[str]
    counts: bool = True
    line: int = 0
    note: str = ""


class Change(str, Enum):
    """What became of a step."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    SAME = "same"


class Cause(str, Enum):
    """Why a step would run."""

    ADDED = "added"  # it is new
    CHANGED = "changed"  # it, or a step around it, is not what it was
    ABOVE = "above"  # a step above it runs again
    INSIDE = "inside"  # a step in it does
    CACHE = "cache"  # files or values changed that it depends on, or what it left has
    FAILED = "failed"  # it did not end well, or had not run
    ALWAYS = "always"  # it has no cache, or there are no runs yet


class OnResume(str, Enum):
    """What `resume` would do with a step."""

    RUN = "run"
    UNKNOWN = "unknown"  # only the run can tell
    SKIP = "skip"
    KEPT = "kept"  # what it came to counts


class StepComparison(NamedTuple):
    """One step; `id` is its full id without instances.

    `was` is the id that it had, where it seems to be renamed; `will` is what `run` would do with
    it, None where it is removed; `then` is its state in the run, None where there is none, and
    `on_resume` is None where the run cannot go on; `has_steps` says that others are in it.
    """

    id: str
    change: Change
    fields: Tuple[FieldChange, ...] = ()
    was: str = ""
    will: Optional[Will] = None
    causes: Tuple[Cause, ...] = ()
    why: str = ""
    then: Optional[StepState] = None
    on_resume: Optional[OnResume] = None
    has_steps: bool = False

    @property
    def runs_for_it(self) -> bool:
        """Whether it would run, or may, for more than that it has no cache."""
        return bool(self.causes) and self.causes != (Cause.ALWAYS,)


class Against(NamedTuple):
    """With what a workflow is compared: a run, whose state is `run_state`, or a git `commit`."""

    name: str
    commit: str = ""
    run_state: Optional[RunState] = None
    has_file: bool = True


class Comparison(NamedTuple):
    """A workflow beside a version of it; steps in the order of the plan, those removed last.

    `root` is what differs beside the steps, `params` which values of parameters do. `notes` are
    for the person who asked.
    """

    workflow: str
    against: Against
    root: Tuple[FieldChange, ...]
    params: Tuple[FieldChange, ...]
    steps: Tuple[StepComparison, ...]
    notes: Tuple[str, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether nothing is changed."""
        return not self.root and not self.params and not any(self.count(c) for c in _NEWS)

    def count(self, change: Change) -> int:
        """How many steps became so."""
        return sum(step.change is change for step in self.steps)


_NEWS = (Change.ADDED, Change.REMOVED, Change.CHANGED)
