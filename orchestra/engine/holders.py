"""What of a step may hold expressions, and the steps that these name. Pure."""

from __future__ import annotations

from typing import Iterator, Optional, Tuple, Union

from orchestra.errors import PathParts
from orchestra.model.expression import Expression, Reference, Tree, references_of
from orchestra.model.workflow import (
    Body,
    Command,
    Foreach,
    Handler,
    InnerSteps,
    PythonCall,
    PythonFile,
    PythonModule,
    ShellScript,
    Slot,
    Step,
    Uses,
)


def step_references(step: Step) -> Iterator[Tuple[PathParts, Reference, bool]]:
    """Every `steps.ID` that an expression of the step names, with the path to where it stands.

    The third part says that it stands in a handler, which may look at its own step. Of the steps in
    a step those references are left out that mean each other.
    """
    if isinstance(step.body, InnerSteps):
        for inner in step.body.step_by_id.values():
            for path, reference, _ in step_references(inner):
                if reference.path[1] not in step.body.step_by_id:
                    yield ("steps", step.id, *path), reference, False
    for path, holder in step_expressions(step):
        for reference in references_of(holder):
            if reference.path[0] == "steps" and len(reference.path) > 1:
                yield ("steps", step.id, *path), reference, path[0] in step.handlers


def step_expressions(step: Step) -> Iterator[Tuple[PathParts, Union[Expression, Tree]]]:
    """Everything of a step that may hold expressions, with the path in it to where it stands."""
    if step.condition is not None:
        yield ("if",), step.condition
    for number, requirement in enumerate(step.require):
        yield ("require", number, "if"), requirement.condition
        yield ("require", number, "message"), requirement.message
    for key, text in (
        ("name", step.name),
        ("working_dir", step.working_dir),
        ("timeout", step.timeout),
    ):
        if text is not None and type(text) is not float:
            yield (key,), text
    if isinstance(step.fan_out, Foreach):
        yield ("foreach",), step.fan_out.items
    for name, value in step.env.items():
        yield ("env", name), value
    for name, amount in step.resources.items():
        if type(amount) is not int:
            yield ("resources", name), amount
    for name, setting in step.executor_settings.items():
        yield (step.executor, name), setting
    if step.cache is not None:
        yield ("cache", "key"), step.cache.key
        for key, texts in (("inputs", step.cache.inputs), ("outputs", step.cache.outputs)):
            for number, text in enumerate(texts):
                yield ("cache", key, number), text
    yield from body_expressions(step.body)
    for key, handler in step.handlers.items():
        for path, holder in handler_expressions(handler):
            yield (key, *path), holder


def handler_expressions(handler: Handler) -> Iterator[Tuple[PathParts, Union[Expression, Tree]]]:
    """Everything of a handler that may hold expressions, with the path in it to where it stands."""
    for key, text in (("working_dir", handler.working_dir), ("timeout", handler.timeout)):
        if text is not None and type(text) is not float:
            yield (key,), text
    for name, value in handler.env.items():
        yield ("env", name), value
    yield from body_expressions(handler.body)


def body_expressions(
    body: Optional[Body],
) -> Iterator[Tuple[PathParts, Union[Expression, Tree]]]:
    """Everything of a body that may hold expressions, with the path to where it stands."""
    if isinstance(body, ShellScript):
        for piece in body.pieces:
            if isinstance(piece, Slot):
                yield ("run",), piece.expression
    elif isinstance(body, Command):
        for number, argument in enumerate(body.argv):
            yield ("command", number), argument
    elif isinstance(body, (PythonFile, PythonModule)):
        for number, argument in enumerate(body.args):
            yield ("python", "args", number), argument
    elif isinstance(body, Uses):
        for name, tree in body.given.items():
            yield ("with", name), tree
    elif isinstance(body, PythonCall):
        for name, tree in body.args.items():
            yield ("python", "args", name), tree
