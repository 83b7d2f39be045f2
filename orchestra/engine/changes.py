"""Which steps one version of a workflow defines differently from another one. Pure.

What counts is what a step does and on what its result depends. How it is run does not: neither how
often, how long, with how much, nor when among others.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, Set, Tuple, Union

from orchestra.model.expression import Expression, Reference, references_of
from orchestra.model.run import Role
from orchestra.model.workflow import (
    InnerSteps,
    PythonCall,
    PythonCode,
    PythonFile,
    PythonModule,
    Step,
    Uses,
    Workflow,
)

_OF_PYTHON = (PythonCall, PythonCode, PythonFile, PythonModule)

ADDED = "it is new"
REMOVED = "it is gone"

_KEY_BY_FIELD = {
    "needs": "needs",
    "condition": "if",
    "require": "require",
    "working_dir": "working_dir",
    "env": "env",
    "inherit_env": "inherit_env",
    "allow_failure": "allow_failure",
    "success_codes": "success_codes",
    "skip_codes": "skip_codes",
    "outputs": "outputs",
    "fan_out": "matrix or foreach",
}
_UNORDERED = frozenset(["needs", "inherit_env", "allow_failure", "success_codes", "skip_codes"])
"""Fields whose lists mean the same in any order."""

_ROOT_FIELDS = ("env", "default_env", "env_files", "inherit_env", "secrets")
_USED_FIELDS = (*_ROOT_FIELDS, "params", "outputs")
_WORDS = {"default_env": "env of defaults", "env_files": "env_file"}


def changed_steps(old: Workflow, new: Workflow) -> Dict[str, Tuple[str, ...]]:
    """What differs of each step that is not the same, by its full id without instances.

    A step is told by what it is itself; one with changed steps in it need not be changed.
    """
    found: Dict[str, Tuple[str, ...]] = {}
    around = tuple(_WORDS.get(each, each) for each in _ROOT_FIELDS if _differs(old, new, each))
    _compare(_Side(old), _Side(new), "", tuple("%s of the workflow" % e for e in around), found)
    return found


class _Side:
    """The steps of one version at one level, and those `vars` around them that are compared."""

    def __init__(self, workflow: Workflow) -> None:
        self.workflow = workflow
        self.step_by_id: Mapping[str, Step] = workflow.step_by_id

    def within(self, inner: InnerSteps) -> _Side:
        """The same, of the steps in a step."""
        side = _Side(self.workflow)
        side.step_by_id = inner.step_by_id
        return side


def _compare(
    old: _Side,
    new: _Side,
    prefix: str,
    around: Tuple[str, ...],
    found: Dict[str, Tuple[str, ...]],
) -> None:
    names = _changed_vars(old.workflow, new.workflow)
    for id in old.step_by_id.keys() - new.step_by_id.keys():
        found[prefix + id] = (REMOVED,)
    for id, step in new.step_by_id.items():
        before = old.step_by_id.get(id)
        if before is None:
            found[prefix + id] = (ADDED,)
            continue
        differing = [key for key, field in _fields(before, step) if field]
        differing += _of_body(before, step)
        differing += ["vars.%s" % name for name in sorted(_used_by(step, names))]
        if isinstance(before.body, InnerSteps) and isinstance(step.body, InnerSteps):
            inside = old.within(before.body), new.within(step.body)
            _compare(*inside, "%s%s/" % (prefix, id), around, found)
        elif differing or around:
            differing += around
        elif isinstance(before.body, Uses) and isinstance(step.body, Uses):
            used = _Side(before.body.workflow), _Side(step.body.workflow)
            _compare(*used, "%s%s/" % (prefix, id), (), found)
        if differing:
            found[prefix + id] = tuple(differing)


def _fields(old: Step, new: Step) -> Iterator[Tuple[str, bool]]:
    for field, key in _KEY_BY_FIELD.items():
        yield key, _differs(old, new, field)
    fallback = Role.FALLBACK.value
    yield fallback, not _is_same(old.handlers.get(fallback), new.handlers.get(fallback))


def _of_body(old: Step, new: Step) -> List[str]:
    """What differs of the bodies themselves; of steps in a step, only that there are such."""
    before, body = old.body, new.body
    if type(before) is not type(body):
        return ["what it runs"]
    if isinstance(before, InnerSteps):
        return []
    if not isinstance(before, Uses) or not isinstance(body, Uses):
        return [] if _is_same(before, body) else ["what it runs"]
    differing = [] if _is_same(before.given, body.given) else ["with"]
    for field in _USED_FIELDS:
        if _differs(before.workflow, body.workflow, field):
            differing.append("%s of what it uses" % _WORDS.get(field, field))
    if _changed_vars(before.workflow, body.workflow):
        differing.append("vars of what it uses")
    return differing


def _differs(old: Union[Step, Workflow], new: Union[Step, Workflow], field: str) -> bool:
    before, now = getattr(old, field), getattr(new, field)
    if field in _UNORDERED and isinstance(before, tuple) and isinstance(now, tuple):
        return frozenset(before) != frozenset(now)
    return not _is_same(before, now)


def _is_same(old: Any, new: Any) -> bool:
    """Whether values are equal and of one kind, down to their parts: to Python 1 is `True`."""
    if type(old) is not type(new):
        return False
    if isinstance(old, _OF_PYTHON):  # how it is started changes nothing that it does
        old, new = old._replace(preload=()), new._replace(preload=())
    if isinstance(old, Mapping):
        return old.keys() == new.keys() and all(_is_same(old[key], new[key]) for key in old)
    if isinstance(old, (list, tuple)):
        return len(old) == len(new) and all(map(_is_same, old, new))
    return bool(old == new)


def _changed_vars(old: Workflow, new: Workflow) -> Set[str]:
    """The `vars` that differ, or are made from such."""
    changed = set(old.vars.keys() ^ new.vars.keys())
    both = old.vars.keys() & new.vars.keys()
    changed |= {name for name in both if not _is_same(old.vars[name], new.vars[name])}
    more = changed
    while more:
        others = new.vars.keys() - changed
        more = {name for name in others if _named(references_of(new.vars[name]), changed)}
        changed |= more
    return changed


def _used_by(step: Step, names: Set[str]) -> Set[str]:
    """Those of the `vars` that anything of a step names; of steps in it, each tells its own."""
    if not names:
        return names
    body: Any = () if isinstance(step.body, InnerSteps) else step.body
    if isinstance(body, Uses):
        body = body.given
    fallback = step.handlers.get(Role.FALLBACK.value)
    bare = step._replace(body=None, handlers={})
    return _named(_references((bare, body, fallback)), names)


def _references(value: Any) -> Iterator[Reference]:
    if isinstance(value, Expression):
        yield from value.references
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _references(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _references(part)


def _named(references: Iterator[Reference], names: Set[str]) -> Set[str]:
    """Which of the `vars` are named; one that is looked up by a value may be any."""
    found: Set[str] = set()
    for reference in references:
        if reference.path[0] == "vars":
            found |= names & {str(reference.path[1])} if len(reference.path) > 1 else names
    return found
