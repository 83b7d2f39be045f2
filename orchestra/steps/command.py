"""`command:` a program and its arguments become an invocation. No shell is anywhere near."""

from __future__ import annotations

from typing import List, Sequence

from orchestra.engine.ports import Launching
from orchestra.model.expression import ExpressionError, Scope, Text, fill, to_text
from orchestra.model.run import LONGEST_STRING_BYTES, Invocation
from orchestra.model.workflow import Command
from orchestra.steps.environment import encode
from orchestra.steps.place import Place


def render_command(body: Command, launching: Launching, place: Place) -> Invocation:
    """The invocation of a command; its program is looked up by the executor.

    Raises:
        ExpressionError: an argument cannot be evaluated, or is null.
        ValueError: an argument cannot be handed over, or no program is named.
    """
    argv = fill_arguments(body.argv, launching.scope, "command")
    if not argv or not argv[0]:
        raise ValueError("command names no program")
    return Invocation(tuple(argv), place.env, place.working_dir, place.log_path)


def fill_arguments(texts: Sequence[Text], scope: Scope, what: str) -> List[bytes]:
    """The arguments that the texts stand for, all of which are named `what` in a fault.

    A text that is one expression and yields a list becomes an argument for each element, so none
    at all where the list is empty.

    Raises:
        ExpressionError: one cannot be evaluated, or is null; says which, counted from 1.
        ValueError: one cannot be handed over; says which.
    """
    arguments: List[bytes] = []
    for number, text in enumerate(texts, 1):
        filled = [text] if type(text) is str else _fill(text, scope, what, number)
        for one in filled:
            raw = encode(one, "%s argument %d" % (what, number))
            if len(raw) > LONGEST_STRING_BYTES:
                about = (what, number, len(raw), LONGEST_STRING_BYTES)
                raise ValueError("%s argument %d is %d bytes, the limit is %d" % about)
            arguments.append(raw)
    return arguments


def _fill(text: Text, scope: Scope, what: str, number: int) -> List[str]:
    try:
        value = fill(text, scope)
        values = value if isinstance(value, (list, tuple)) else (value,)
        return [to_text(one) for one in values]
    except ExpressionError as fault:
        raise fault.within("%s argument %d" % (what, number)) from None
