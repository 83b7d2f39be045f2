"""The JSON Schema of workflow files: its text, and what data breaks of it.

Good data is told by the generated tests of `accept`; only bad data is walked to be explained.
"""

from __future__ import annotations

import json
import os
from typing import Any, List, NamedTuple, Set

from orchestra.errors import Problem
from orchestra.spec.accept import is_step, is_workflow


class Mismatch(NamedTuple):
    """What is wrong.

    `unexplained` are the ids of wrong steps of which no problem speaks, or not of all that is
    wrong; `more` counts what is wrong and not among the problems; `is_complete` is False where
    more may be wrong outside the steps.
    """

    problems: List[Problem]
    unexplained: Set[str]
    more: int = 0
    is_complete: bool = True


def schema_text(kind: str = "workflow") -> str:
    """A schema as it ships: in the package once installed, in `schemas/` in a checkout.

    `kind` is what it is of: `workflow`, `test`.
    """
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    name = os.path.join("schemas", kind + ".schema.json")
    path = os.path.join(package, name)
    if not os.path.exists(path):
        path = os.path.join(os.path.dirname(package), name)
    with open(path, encoding="utf-8") as file:
        return file.read()


def check(data: Any) -> Mismatch:
    """What keeps data from being a workflow by the schema, in the order of the file."""
    if is_workflow(data):
        return Mismatch([], set())
    # jsonschema takes longer to import than most files to read: only for a rejection.
    from orchestra.spec.explain import MOST_EXPLAINED, WorkflowExplainer

    explainer = WorkflowExplainer(json.loads(schema_text()))
    problems = explainer.root(data)
    is_complete = not explainer.was_cut
    unexplained: Set[str] = set()
    explained = more = 0
    steps = data.get("steps") if isinstance(data, dict) else None
    if not isinstance(steps, dict) or any(problem.path == ("steps",) for problem in problems):
        steps = {}
    for id, step in steps.items():
        if is_step(step):
            continue
        if explained < MOST_EXPLAINED:
            explained += 1
            problems += explainer.step(id, step)
            if explainer.was_cut:
                unexplained.add(id)
        else:
            more += 1
            unexplained.add(id)
    return Mismatch(problems, unexplained, more + explainer.unexplained, is_complete)
