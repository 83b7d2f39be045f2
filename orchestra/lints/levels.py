"""The steps of a workflow file, those in steps among them. Pure."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, NamedTuple, Optional

from orchestra.engine.graph import Graph
from orchestra.errors import PathParts
from orchestra.model.workflow import InnerSteps, Step, Workflow


class Level(NamedTuple):
    """Steps that see each other: those of the file, or those in a step; `path` leads to them.

    `is_timed` says that a timeout around them ends them all; `around` is the level of the step that
    they are in.
    """

    path: PathParts
    step_by_id: Mapping[str, Step]
    graph: Graph
    is_timed: bool = False
    around: Optional[Level] = None

    def at(self, step: Step, *keys: Any) -> PathParts:
        """The path to a step, or to something in it."""
        return (*self.path, "steps", step.id, *keys)


def levels(workflow: Workflow, graph: Graph) -> Iterator[Level]:
    """Each level of the file, outer ones first; other files that it uses are none of its own."""
    timed = workflow.timeout_s is not None
    waiting = [Level((), workflow.step_by_id, graph, timed)]
    while waiting:
        level = waiting.pop()
        yield level
        for number, inner in level.graph.inner.items():
            step = level.graph.order[number]
            if isinstance(step.body, InnerSteps):
                timed = level.is_timed or step.timeout is not None
                waiting.append(Level(level.at(step), step.body.step_by_id, inner, timed, level))
