"""What of a faulty workflow still has the right form, so that the rest can be checked too. Pure."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Tuple

from orchestra.spec.schema import Mismatch

_NESTED = frozenset(["params", "vars", "labels", "env", "defaults", "budget"])


def pruned(data: Mapping[str, Any], mismatch: Mismatch) -> Dict[str, Any]:
    """The workflow without the keys that a problem speaks of, and without unexplained steps."""
    rest = dict(data)
    for key in _NESTED & rest.keys():
        rest[key] = dict(rest[key]) if isinstance(rest[key], dict) else {}
    steps = rest.get("steps")
    rest["steps"] = dict(steps) if isinstance(steps, dict) else {}
    for id in mismatch.unexplained:
        rest["steps"].pop(id, None)
    for problem in mismatch.problems:
        path: Tuple[Any, ...] = problem.path
        if path == ("steps",):
            rest["steps"] = {}
        elif len(path) == 1:
            rest.pop(path[0], None)
        elif len(path) == 2 and path[0] in (*_NESTED, "steps"):
            rest[path[0]].pop(path[1], None)
        elif len(path) > 2 and path[0] == "steps":
            _without(rest["steps"], path[1], path[2])
        elif len(path) > 2 and path[0] in _NESTED:
            rest[path[0]].pop(path[1], None)
        elif len(path) > 1:
            rest.pop(path[0], None)
    return rest


def _without(steps: Dict[str, Any], id: Any, key: Any) -> None:
    if id in steps:
        steps[id] = {name: value for name, value in steps[id].items() if name != key}
