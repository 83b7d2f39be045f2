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
    """What is wrong; `unexplained` are the ids of wrong steps that no problem speaks of, and
    `more` counts whatever else is wrong and not among the problems.
    """

    problems: List[Problem]
    unexplained: Set[str]
    more: int = 0


def schema_text() -> str:
    """The schema as it ships: in the package once installed, in `schemas/` in a checkout."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    name = os.path.join("schemas", "workflow.schema.json")
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
    from orchestra.spec.explain import MOST_EXPLAINED, Explainer

    explainer = Explainer(json.loads(schema_text()))
    problems = explainer.root(data)
    unexplained: Set[str] = set()
    explained = 0
    steps = data.get("steps") if isinstance(data, dict) else None
    if not isinstance(steps, dict) or any(problem.path == ("steps",) for problem in problems):
        steps = {}
    for id, step in steps.items():
        if is_step(step):
            continue
        if explained < MOST_EXPLAINED:
            explained += 1
            problems += explainer.step(id, step)
        else:
            unexplained.add(id)
    return Mismatch(problems, unexplained, explainer.unexplained)
