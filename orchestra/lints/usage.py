"""What of a workflow file is used anywhere in it: params, vars, secrets, outputs. Pure.

Whatever cannot be told counts as used: a name that is put together, a Python function that asks
for what it wants.
"""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any, Iterator, List, Optional, Sequence, Set, Tuple, Union

from orchestra.errors import PathParts
from orchestra.lints.levels import Level
from orchestra.model.expression import Expression
from orchestra.model.workflow import InnerSteps, PythonCall, PythonCode, Uses, Workflow

Keys = Tuple[Union[str, int], ...]
Part = Union[Expression, PythonCode, PythonCall, Uses]

_PYTHON_NAME = re.compile(
    r"""(?<![\w.])(params|steps)\b
        (?:\s*\[\s*(["'])([\w-]+)\2\s*\])?
        (?:\s*\[\s*(["'])([\w-]+)\4\s*\])?
        (?:\s*\[\s*(["'])([\w-]+)\6\s*\])?""",
    re.VERBOSE,
)
_INTROSPECTION = re.compile(r"\b(globals|locals|vars|eval|exec|compile|__\w+__|_getframe)\b")
_IN_DEFAULTS = re.compile(r"\b(params|vars|secrets)\.([A-Za-z_][\w-]*)")
_PLAIN = frozenset([str, bool, int, float, type(None)])


class Usage:
    """What is used. `names` has `(params, region)`; `outputs` has a step's place and a name.

    A place is the path to a step. What stands without a further part is used as a whole.
    """

    def __init__(self, workflow: Workflow, levels: Sequence[Level], defaults: Any) -> None:
        self.names: Set[Keys] = set()
        self.outputs: Set[Tuple[PathParts, Optional[str]]] = set()
        self.all_outputs = False
        self._take_around(workflow, levels[0])
        # a default that every step overrides is named all the same
        for text in _texts(defaults):
            self.names.update(_IN_DEFAULTS.findall(text))
        for level in levels:
            for step in level.step_by_id.values():
                for part in parts_of(step):
                    self._take(part, level)

    def has(self, root: str, name: str) -> bool:
        """Whether `params.name` and the like is used."""
        return (root, name) in self.names or (root,) in self.names

    def has_output(self, step: PathParts, name: str) -> bool:
        """Whether an output of the step at that place is used."""
        return self.all_outputs or (step, name) in self.outputs or (step, None) in self.outputs

    def _take_around(self, workflow: Workflow, root: Level) -> None:
        """Takes what stands outside of the steps."""
        for field in fields(workflow):
            if field.name != "step_by_id":
                for part in parts_of(getattr(workflow, field.name)):
                    self._take(part, root)

    def _take(self, part: Part, level: Level) -> None:
        if isinstance(part, Expression):
            for reference in part.references:
                self._use(reference.path, level)
        elif isinstance(part, PythonCode):
            for keys in _names_in_python(part.code):
                self._use(keys, level)
        elif isinstance(part, PythonCall):
            self._use(("params",), level)
            self._use(("steps",), level)
        else:
            self.names.update(("secrets", name) for name in part.workflow.secrets)

    def _use(self, keys: Keys, level: Level) -> None:
        if keys[0] != "steps":
            self.names.add(keys[:2])
        elif len(keys) == 1:
            self.all_outputs = True
        elif len(keys) == 2 or keys[2] == "outputs":
            name = str(keys[3]) if len(keys) > 3 else None
            self.outputs.add((_place(str(keys[1]), level), name))


def parts_of(value: Any) -> Iterator[Part]:
    """All that can use a name in a value of the model; steps in a step are a level of their own."""
    waiting: List[Any] = [value]
    while waiting:
        part = waiting.pop()
        kind = part.__class__
        if kind in _PLAIN:
            continue
        if kind is dict:
            waiting.extend(part.values())
        elif kind is Expression or kind is PythonCode:
            yield part
        elif kind is PythonCall:
            yield part
            waiting.append(part.args)
        elif kind is Uses:
            yield part
            waiting.append(part.given)
        elif isinstance(part, (tuple, list)) and kind is not InnerSteps:
            waiting.extend(part)


def _place(id: str, level: Level) -> PathParts:
    """Where the step stands that an id means on a level: there, or on the nearest one around it."""
    while id not in level.step_by_id and level.around is not None:
        level = level.around
    return (*level.path, "steps", id)


def _names_in_python(code: str) -> Iterator[Keys]:
    if _INTROSPECTION.search(code):
        yield ("params",)
        yield ("steps",)
    for found in _PYTHON_NAME.finditer(code):
        yield tuple(key for key in (found[1], found[3], found[5], found[7]) if key is not None)


def _texts(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, dict):
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
