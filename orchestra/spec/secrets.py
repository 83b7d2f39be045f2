"""The key `secrets`, and where a variable that holds a secret must not stand. Reads no secret."""

from __future__ import annotations

import os
from typing import Any, Collection, Dict, Iterator, List, Mapping, Tuple

from orchestra.errors import PathParts, Problem
from orchestra.model.expression import Expression, Template, Text
from orchestra.model.secrecy import (
    NOTHING_HIDDEN,
    Hidden,
    hidden_above,
    hidden_by_all,
    hidden_given,
    hidden_in,
    hidden_references,
)
from orchestra.model.workflow import (
    Channel,
    FromCommand,
    FromFile,
    FromVariable,
    Handler,
    InnerSteps,
    ParamType,
    PythonCall,
    PythonCode,
    PythonFile,
    PythonModule,
    SecretSource,
    ShellScript,
    Step,
    Uses,
    Workflow,
)
from orchestra.spec.scalars import text_of
from orchestra.spec.texts import OPEN

_KINDS = ("env", "file", "command")
_OWN_PREFIX = "ORCHESTRA_"


def names_of_secrets(value: Any) -> Collection[str]:
    """The names of the secrets, whatever else is wrong with them."""
    if isinstance(value, dict):
        return value
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else ()


def read_secrets(value: Any) -> Tuple[Dict[str, SecretSource], List[Problem]]:
    """Where each secret comes from, in data of the right form; and what is wrong."""
    secrets: Dict[str, SecretSource] = {}
    problems: List[Problem] = []
    if isinstance(value, list):
        for number, name in enumerate(value):
            path: PathParts = ("secrets", number)
            if name in secrets:
                hint = "take one of them out"
                problems.append(
                    Problem(path, "secret-twice", "`%s` stands here twice" % name, hint)
                )
            secrets[name] = FromVariable(name)
            problems += _problems_of_variable(name, path)
        return secrets, problems
    for name, given in value.items():
        path = ("secrets", name)
        kinds = [kind for kind in _KINDS if kind in given]
        if len(kinds) != 1:
            message = "a secret takes one of `env`, `file` and `command`"
            place = (*path, kinds[1]) if kinds else path
            problems.append(Problem(place, "secret-kind", message, on_key=True))
            continue
        kind = kinds[0]
        words = [text_of(w) for w in (given[kind] if kind == "command" else [given[kind]])]
        problems += _problems_of_words(words, (*path, kind), kind)
        if kind == "env":
            problems += _problems_of_variable(given[kind], (*path, kind))
            secrets[name] = FromVariable(given[kind])
        else:
            secrets[name] = FromFile(words[0]) if kind == "file" else FromCommand(tuple(words))
    return secrets, problems


def _problems_of_words(words: List[str], path: PathParts, kind: str) -> Iterator[Problem]:
    for number, word in enumerate(words):
        if OPEN in word:
            place = (*path, number) if kind == "command" else path
            message = "`%s` takes no expressions" % kind
            yield Problem(place, "no-expression-here", message, offset=word.index(OPEN))


def _problems_of_variable(name: str, path: PathParts) -> Iterator[Problem]:
    if name.startswith(_OWN_PREFIX):
        message = "a secret cannot come from `%s`: names in %s* are orchestra's own" % (
            name,
            _OWN_PREFIX,
        )
        yield Problem(path, "own-variable", message, "put it into a variable of another name")


def problems_of_secrets(workflow: Workflow, above: Hidden = NOTHING_HIDDEN) -> Iterator[Problem]:
    """What would show a name that may hold a secret: all but `env`, `run` and `with` of a step.

    `above` is what it is given by a workflow that uses it.
    """
    if not workflow.secrets and above == NOTHING_HIDDEN:
        return
    below = hidden_by_all(workflow, above)
    for entry in workflow.notify:
        if entry.channel is Channel.COMMAND:
            yield from _problems_at(("notify", entry.place, "command"), entry.words, below)
    root = hidden_above(workflow.env, above)
    yield from _problems_at(("vars",), workflow.vars, root)
    yield from _problems_at(("concurrency",), workflow.concurrency, root)
    yield from _problems_at(("outputs",), workflow.outputs, root)
    yield from _problems_at((), workflow.executor_settings, root)
    yield from _problems_of_steps((), workflow.step_by_id, below, root)
    yield from _problems_of_handlers((), workflow.handlers, {}, below, root)


def _problems_of_steps(
    around: PathParts, step_by_id: Mapping[str, Step], below: Hidden, root: Hidden
) -> Iterator[Problem]:
    for step in step_by_id.values():
        place = (*around, "steps", step.id)
        inner = step.body.step_by_id if isinstance(step.body, InnerSteps) else {}
        own = step._replace(body=None) if inner else step
        hidden = hidden_in(step, below)
        yield from _problems_at(place, own, hidden)
        yield from _problems_of_handlers(place, step.handlers, step.env, below, root)
        yield from _problems_of_steps(place, inner, below, root)
        if isinstance(step.body, Uses):
            yield from _problems_of_used(place, step.body, hidden, root)


def _problems_of_used(
    place: PathParts, body: Uses, hidden: Hidden, root: Hidden
) -> Iterator[Problem]:
    """What is wrong with giving secrets to a workflow: only the first of what it would show."""
    names = hidden_given(body.given, hidden)
    used, file = body.workflow, os.path.basename(body.workflow.path)
    for name in sorted(names):
        param = used.params.get(name)
        if param is not None and param.type is not ParamType.STRING:
            message = "`%s` of %s is no string, and cannot be given a secret" % (name, file)
            yield Problem((*place, "with", name), "secret-place", message)
    for problem in problems_of_secrets(used, Hidden(root.variables, names)):
        where = ".".join(str(part) for part in problem.path)
        message = "%s would show a secret that it is given, in %s" % (file, where)
        hint = "only `env`, `run` and `with` can use it there"
        yield Problem((*place, "uses"), "secret-place", message, hint)
        return


def _problems_of_handlers(
    place: PathParts,
    handlers: Mapping[str, Handler],
    env: Mapping[str, Text],
    below: Hidden,
    root: Hidden,
) -> Iterator[Problem]:
    for key, handler in handlers.items():
        hidden = hidden_above({**env, **handler.env}, below)
        yield from _problems_at((*place, key), handler, hidden)
        if isinstance(handler.body, Uses):
            yield from _problems_of_used((*place, key), handler.body, hidden, root)


def _problems_at(place: PathParts, value: Any, hidden: Hidden) -> Iterator[Problem]:
    if hidden == NOTHING_HIDDEN:
        return
    for path, expression in _shown(place, value):
        for reference in hidden_references(expression, hidden):
            name = "%s.%s" % (reference.path[0], reference.path[1])
            message = "`%s` may hold a secret, and cannot be used here" % name
            hint = "only `env`, `run` and `with` can use it; a program finds it in its environment"
            yield Problem(path, "secret-place", message, hint, offset=reference.offset)


def _shown(path: PathParts, value: Any) -> Iterator[Tuple[PathParts, Expression]]:
    """The expressions whose values are seen by others than the process of a step."""
    if isinstance(value, Expression):
        yield path, value
    elif isinstance(value, Template):
        for part in value.parts:
            yield from _shown(path, part)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _shown((*path, key), part)
    elif hasattr(value, "_fields"):
        for field, part in zip(value._fields, value):
            if field == "executor_settings":
                yield from _shown((*path, value.executor), part)
            elif field not in _NOT_SHOWN and not isinstance(part, ShellScript):
                yield from _shown((*path, *_keys(field, part)), part)
    elif isinstance(value, (list, tuple)):
        for number, part in enumerate(value):
            yield from _shown((*path, number), part)


def _keys(field: str, value: Any) -> PathParts:
    """The keys in the file under which a field of the model stands."""
    if field == "fan_out" or (field == "body" and isinstance(value, Uses)):
        return ()
    if field == "body":
        return ("python",) if isinstance(value, _PYTHON) else ()
    if field in ("include", "exclude"):
        return ("matrix", field)
    return (_KEY_BY_FIELD.get(field, field),)


_NOT_SHOWN = ("env", "handlers", "workflow", "given")
_KEY_BY_FIELD = {"condition": "if", "argv": "command", "axes": "matrix", "items": "foreach"}
_PYTHON = (PythonCall, PythonCode, PythonFile, PythonModule)
