"""A lint, and what it looks at. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Tuple

from orchestra.engine.graph import Graph
from orchestra.errors import Problem
from orchestra.lints.levels import Level, levels
from orchestra.lints.usage import Usage
from orchestra.model.workflow import Workflow


@dataclass(frozen=True)
class Subject:
    """A workflow file without errors: what it means, its graph, and its data as it was written."""

    workflow: Workflow
    graph: Graph
    data: Mapping[str, Any]

    @cached_property
    def levels(self) -> Tuple[Level, ...]:
        """Each level of its steps, outer ones first."""
        return tuple(levels(self.workflow, self.graph))

    @cached_property
    def usage(self) -> Usage:
        """What of it is used anywhere in it."""
        return Usage(self.workflow, self.levels, self.data.get("defaults"))


class Lint(NamedTuple):
    """Something that is always doubtful, under a short code that stays as it is.

    `find` gives the places; `advice` is what to do about them. Some are looked for `in_ci` only.
    """

    code: str
    name: str
    summary: str
    advice: str
    find: Callable[[Subject], Iterator[Problem]]
    in_ci: bool = False
