"""What the body of a step depends on, part by part: its text, its values, its own source file.

Reads the source files that a body names in the workflow's folder, and imports none of them.
"""

from __future__ import annotations

import ast
import os
from typing import Any, Dict, FrozenSet, Iterator, List, Mapping, Optional, Sequence, Union

from orchestra.engine.fingerprint import digest_of_text, digest_of_value
from orchestra.model.expression import (
    Expression,
    ExpressionError,
    Scope,
    Template,
    Tree,
    Value,
    evaluate,
    expressions_of,
)
from orchestra.model.workflow import (
    Body,
    Command,
    PythonCall,
    PythonCode,
    PythonFile,
    PythonModule,
    ShellScript,
    Slot,
)

_SEEN: FrozenSet[str] = frozenset(["params", "steps", "item", "matrix"])
_LONGEST_SOURCE = 2**20


def body_parts(body: Body, scope: Scope, folder: str) -> Dict[str, str]:
    """The parts of a body but for the contents of its files."""
    parts = {"body": digest_of_text("%s %s" % (type(body).__name__, _source(body)))}
    if isinstance(body, ShellScript):
        parts["shell"] = digest_of_text(repr(body.shell))
    for expression in _expressions(body):
        name = "value %s" % expression.source
        if name not in parts:
            parts[name] = _digest_of(expression, scope)
    seen = _names_seen(body, folder)
    for name in seen & {"item", "matrix"} & scope.names.keys():
        parts["value %s" % name] = digest_of_value(scope.names[name])
    if "params" in seen:
        for param, value in _mapping(scope, "params").items():
            parts["value params.%s" % param] = digest_of_value(value)
    if "steps" in seen:
        code = body.code if isinstance(body, PythonCode) else ""
        parts.update(_steps_seen(_mapping(scope, "steps"), code))
    return parts


def digest_of_variable(name: str, scope: Scope) -> str:
    """The digest of a variable of the step's environment."""
    return digest_of_value(_mapping(scope, "env").get(name))


def source_files(body: Body, folder: str) -> List[str]:
    """The files of the workflow's folder that the body runs, relative to it.

    What they import is not looked for.
    """
    if isinstance(body, PythonFile):
        return [body.file]
    module = ""
    if isinstance(body, PythonModule):
        module = body.module
    elif isinstance(body, PythonCall):
        module = body.call.partition(":")[0]
    path = module.replace(".", "/")
    names = (path + ".py", path + "/__init__.py", path + "/__main__.py") if module else ()
    return [name for name in names if os.path.isfile(os.path.join(folder, name))]


def _digest_of(expression: Expression, scope: Scope) -> str:
    """The digest of a value; what cannot be evaluated counts by what it is made from.

    That is told when the step is started, or a name stands for a secret in it.
    """
    try:
        return digest_of_value(evaluate(expression, scope))
    except ExpressionError:
        values = [_looked_up(reference.path, scope) for reference in expression.references]
        return digest_of_value([expression.source, *values])


def _looked_up(path: Sequence[Union[str, int]], scope: Scope) -> Value:
    found: Any = scope.names
    for key in path:
        try:
            found = found[key]
        except (LookupError, TypeError, ExpressionError):
            return None
    value: Value = found
    return value


def _source(body: Body) -> str:
    """The body as it was written, without the values that it will have."""
    if isinstance(body, ShellScript):
        return "".join(
            "${{%s}}" % piece.expression.source if isinstance(piece, Slot) else piece
            for piece in body.pieces
        )
    written: Dict[str, Any] = body._asdict()
    written.pop("preload", None)  # how it is started changes nothing that it does
    return repr([(name, _written(value)) for name, value in written.items()])


def _written(value: Any) -> Any:
    if isinstance(value, Template):
        return ("template", value.source)
    if isinstance(value, (list, tuple)):
        return [_written(part) for part in value]
    if isinstance(value, Mapping):
        return sorted((str(key), _written(part)) for key, part in value.items())
    return value


def _expressions(body: Body) -> Iterator[Expression]:
    if isinstance(body, ShellScript):
        for piece in body.pieces:
            if isinstance(piece, Slot):
                yield piece.expression
        return
    holder: Tree = None
    if isinstance(body, Command):
        holder = list(body.argv)
    elif isinstance(body, (PythonFile, PythonModule)):
        holder = list(body.args)
    elif isinstance(body, PythonCall):
        holder = dict(body.args)
    yield from expressions_of(holder)


def _mapping(scope: Scope, name: str) -> Mapping[str, Any]:
    value = scope.names.get(name)
    return value if isinstance(value, Mapping) else {}


def _names_seen(body: Body, folder: str) -> FrozenSet[str]:
    """Which of the names of a run the code can look into beside its arguments."""
    if isinstance(body, PythonCode):
        return frozenset(name for name in _SEEN if name in body.code)
    if isinstance(body, PythonCall):
        files = source_files(body, folder)
        asked = _asked_for(os.path.join(folder, files[0]), body.call) if files else None
        return (_SEEN if asked is None else asked & _SEEN) - body.args.keys()
    return frozenset()


def _asked_for(path: str, call: str) -> Optional[FrozenSet[str]]:
    """The parameters of the function in a file, None where they cannot be told."""
    name = call.partition(":")[2]
    try:
        with open(path, "rb") as file:
            module = ast.parse(file.read(_LONGEST_SOURCE))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    for node in module.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name:
            if node.decorator_list:
                return None  # what stands in its place may ask for anything
            arguments: List[ast.arg] = [*node.args.args, *node.args.kwonlyargs]
            return frozenset(argument.arg for argument in arguments)
    return None


def _steps_seen(steps: Mapping[str, Any], code: str) -> Dict[str, str]:
    """What code sees of the steps above: of those that it names, of all if it may see others."""
    named = _steps_named(code)
    ids = [id for id in steps if named is None or id in named]
    return {
        "value steps.%s" % id: digest_of_value(
            {key: steps[id][key] for key in ("result", "outputs", "items") if key in steps[id]}
        )
        for id in ids
    }


def _steps_named(code: str) -> Optional[FrozenSet[str]]:
    """The ids in `steps["id"]`, None where `steps` is used in any other way."""
    try:
        nodes = list(ast.walk(ast.parse(code)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    ids = [
        node.slice if isinstance(node.slice, ast.Constant) else getattr(node.slice, "value", None)
        for node in nodes
        if isinstance(node, ast.Subscript) and _is_steps(node.value)
    ]
    named = [id.value for id in ids if isinstance(id, ast.Constant) and isinstance(id.value, str)]
    uses = sum(_is_steps(node) for node in nodes)
    return frozenset(named) if uses and uses == len(named) else None


def _is_steps(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "steps"
