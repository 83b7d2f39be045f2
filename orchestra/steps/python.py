"""`python:` code, a file, a module or a call becomes an invocation. Runs and imports none of it.

The child is the chosen interpreter on `bootstrap.py`, which needs nothing of orchestra. Code and
calls get what they see by a private file; a file and a module get arguments alone. An interpreter
with a `/` in it is relative to the workflow's folder; one without is looked up by the executor.

Every function here may raise
    ExpressionError: an argument cannot be evaluated, or is null where it has to be text.
    ValueError: an argument cannot be handed over; says which.
    OSError: the private file cannot be written.
"""

from __future__ import annotations

import json
import os
from typing import Dict, Mapping, Union

from orchestra.engine.ports import Launching
from orchestra.model.expression import ExpressionError, Scope, Tree, Value, fill_tree
from orchestra.model.run import Invocation
from orchestra.model.workflow import PythonCall, PythonCode, PythonFile, PythonModule
from orchestra.steps.command import fill_arguments
from orchestra.steps.environment import encode
from orchestra.steps.place import Place, write_private

BOOTSTRAP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bootstrap.py")
"""What the interpreter runs; never imported here."""

_SEEN = ("params", "steps", "matrix", "item", "failure")


def render_file(body: PythonFile, launching: Launching, place: Place) -> Invocation:
    """As `python FILE ARG…`."""
    file = encode(os.path.join(place.folder, body.file), "python file")
    args = fill_arguments(body.args, launching.scope, "python")
    return _invocation(body, place, b"file", file, *args)


def render_module(body: PythonModule, launching: Launching, place: Place) -> Invocation:
    """As `python -m MODULE ARG…`."""
    args = fill_arguments(body.args, launching.scope, "python")
    return _invocation(body, place, b"module", encode(body.module, "python module"), *args)


def render_code(body: PythonCode, launching: Launching, place: Place) -> Invocation:
    """Inline code, with what it may see of the run: params, steps, its instance, a failure."""
    names = _names(launching.scope)
    if "steps" not in body.code:
        names.pop("steps", None)  # there may be many of them
    payload: Dict[str, Value] = {"step": launching.key.step, "names": names, "code": body.code}
    return _invocation(body, place, b"code", _payload(place, payload))


def render_call(body: PythonCall, launching: Launching, place: Place) -> Invocation:
    """A function with its arguments by name, which keep their types."""
    scope = launching.scope
    args = {name: _fill(name, tree, scope) for name, tree in body.args.items()}
    payload: Dict[str, Value] = {"names": _names(scope), "call": body.call, "args": args}
    return _invocation(body, place, b"call", _payload(place, payload))


def _fill(name: str, tree: Tree, scope: Scope) -> Value:
    try:
        return fill_tree(tree, scope)
    except ExpressionError as fault:
        raise fault.within("python argument " + name) from None


def _invocation(
    body: Union[PythonCode, PythonFile, PythonModule, PythonCall],
    place: Place,
    kind: bytes,
    *rest: bytes,
) -> Invocation:
    chosen = body.interpreter or place.interpreter
    named = "/" not in chosen
    preload = body.preload if body.interpreter is None and not named else None
    program = os.fsencode(chosen if named else os.path.join(place.folder, chosen))
    argv = (program, os.fsencode(BOOTSTRAP), kind, os.fsencode(place.folder), *rest)
    place.env.setdefault(b"PYTHONUNBUFFERED", b"1")
    executable = None if named else program
    return Invocation(
        argv, place.env, place.working_dir, place.log_path, executable, preload=preload
    )


def _names(scope: Scope) -> Dict[str, Value]:
    return {name: scope.names[name] for name in _SEEN if name in scope.names}


def _payload(place: Place, content: Mapping[str, Value]) -> bytes:
    """The private file of a child, by its path; the child removes it."""
    path = place.private + ".json"
    write_private(path, _encode(content).encode("ascii"))
    return os.fsencode(path)


_encode = json.JSONEncoder(default=dict, separators=(",", ":")).encode
"""With mappings that make their entries when asked as dicts; there is nothing else in a value."""
