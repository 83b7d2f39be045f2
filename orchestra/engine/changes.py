"""Which steps one version of a workflow defines differently from another one. Pure.

What counts is what a step does and on what its result depends. How it is run does not: neither how
often, how long, with how much, nor when among others.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Set, Tuple, Union

from orchestra.model.expression import Expression, Reference, references_of
from orchestra.model.run import HANDLER_ROLES, Role
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

_HANDLERS = tuple(sorted(role.value for role in HANDLER_ROLES - {Role.FALLBACK}))
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
_HOW_BY_FIELD = {
    "name": "name",
    "description": "description",
    "timeout": "timeout",
    "stop": "stop",
    "retry": "retry",
    "resources": "resources",
    "priority": "priority",
    "mutex": "mutex",
    "duration_s": "duration",
    "cache": "cache",
    "artifacts": "artifacts",
    "enforce": "enforce",
    "jobserver": "jobserver",
    "max_parallel": "max_parallel",
    "fail_fast": "fail_fast",
    "may_rerun": "rerun",
    "executor": "executor",
    "executor_settings": "settings of its executor",
}
"""What says how a step is run; beside it stand the handlers that are no fallback."""

_UNORDERED = frozenset(["needs", "inherit_env", "allow_failure", "success_codes", "skip_codes"])
"""Fields whose lists mean the same in any order."""

_ROOT_FIELDS = ("env", "default_env", "env_files", "inherit_env", "secrets")
_USED_FIELDS = (*_ROOT_FIELDS, "params", "outputs")
_WORDS = {"default_env": "env of defaults", "env_files": "env_file"}
_HOW_OF_ROOT = {
    "name": "name",
    "description": "description",
    "labels": "labels",
    "budget": "budget",
    "max_parallel": "max_parallel",
    "fail_fast": "fail_fast",
    "timeout_s": "timeout",
    "concurrency": "concurrency",
    "handlers": "handlers",
    "notify": "notify",
    "outputs": "outputs",
    "executor_settings": "settings of executors",
}


class Difference(NamedTuple):
    """One thing in which two versions of a step, or of a workflow, are not the same.

    `what` says which, `old` and `new` are its values, None where there is none: of a step that is
    `ADDED` or `REMOVED` the step. One that does not count only says how something is run; one
    `around` a step is of its workflow.
    """

    what: str
    old: object
    new: object
    counts: bool = True
    around: bool = False


def changed_steps(old: Workflow, new: Workflow) -> Dict[str, Tuple[str, ...]]:
    """What differs of each step that is not the same, by its full id without instances.

    A step is told by what it is itself; one with changed steps in it need not be changed.
    """
    found = step_differences(old, new, all=False)
    return {id: tuple(each.what for each in differing) for id, differing in found.items()}


def step_differences(
    old: Workflow, new: Workflow, all: bool = True
) -> Dict[str, Tuple[Difference, ...]]:
    """In what each step differs that is not the same, by its full id without instances.

    With `all` also in what does not count.
    """
    found: Dict[str, Tuple[Difference, ...]] = {}
    around = tuple(
        Difference("%s of the workflow" % _WORDS.get(field, field), None, None, around=True)
        for field in _ROOT_FIELDS
        if _differs(old, new, field)
    )
    _compare(_Side(old), _Side(new), "", around, all, found)
    return found


def root_differences(old: Workflow, new: Workflow) -> Tuple[Difference, ...]:
    """In what two versions differ beside their steps."""
    counting = {field: _WORDS.get(field, field) for field in ("params", "vars", *_ROOT_FIELDS)}
    found = list(_of_fields(old, new, counting, True))
    found += _of_fields(old, new, _HOW_OF_ROOT, False)
    return tuple(found)


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
    around: Tuple[Difference, ...],
    all: bool,
    found: Dict[str, Tuple[Difference, ...]],
) -> None:
    names = _changed_vars(old.workflow, new.workflow)
    for id, step in old.step_by_id.items():
        if id not in new.step_by_id:
            found[prefix + id] = (Difference(REMOVED, step, None),)
    for id, step in new.step_by_id.items():
        before = old.step_by_id.get(id)
        if before is None:
            found[prefix + id] = (Difference(ADDED, None, step),)
            continue
        differing = [*_of_fields(before, step, _KEY_BY_FIELD, True)]
        differing += _of_handlers(before, step, (Role.FALLBACK.value,), True)
        differing += _of_body(before, step)
        for name in sorted(_used_by(step, names)):
            values = old.workflow.vars.get(name), new.workflow.vars.get(name)
            differing.append(Difference("vars.%s" % name, *values))
        if isinstance(before.body, InnerSteps) and isinstance(step.body, InnerSteps):
            inside = old.within(before.body), new.within(step.body)
            _compare(*inside, "%s%s/" % (prefix, id), around, all, found)
        elif differing or around:
            differing += around
        elif isinstance(before.body, Uses) and isinstance(step.body, Uses):
            used = _Side(before.body.workflow), _Side(step.body.workflow)
            _compare(*used, "%s%s/" % (prefix, id), (), all, found)
        if all:
            differing += _of_fields(before, step, _HOW_BY_FIELD, False)
            differing += _of_handlers(before, step, _HANDLERS, False)
        if differing:
            found[prefix + id] = tuple(differing)


def _of_fields(
    old: Union[Step, Workflow],
    new: Union[Step, Workflow],
    key_by_field: Mapping[str, str],
    counts: bool,
) -> Iterator[Difference]:
    for field, key in key_by_field.items():
        if _differs(old, new, field):
            yield Difference(key, getattr(old, field), getattr(new, field), counts)


def _of_handlers(
    old: Step, new: Step, roles: Tuple[str, ...], counts: bool
) -> Iterator[Difference]:
    if old.handlers or new.handlers:
        for role in roles:
            before, now = old.handlers.get(role), new.handlers.get(role)
            if not _is_same(before, now):
                yield Difference(role, before, now, counts)


def _of_body(old: Step, new: Step) -> List[Difference]:
    """In what the bodies themselves differ; of steps in a step, only that there are such."""
    before, body = old.body, new.body
    whole = [Difference("what it runs", before, body)]
    if type(before) is not type(body):
        return whole
    if isinstance(before, InnerSteps):
        return []
    if not isinstance(before, Uses) or not isinstance(body, Uses):
        return [] if _is_same(before, body) else whole
    differing = []
    if not _is_same(before.given, body.given):
        differing.append(Difference("with", before.given, body.given))
    one, other = before.workflow, body.workflow
    for field in _USED_FIELDS:
        if _differs(one, other, field):
            what = "%s of what it uses" % _WORDS.get(field, field)
            differing.append(Difference(what, getattr(one, field), getattr(other, field)))
    if _changed_vars(one, other):
        differing.append(Difference("vars of what it uses", one.vars, other.vars))
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
