"""Values and words of a file as they are shown in messages: short, and what they are. Pure."""

from __future__ import annotations

from typing import Any

from orchestra.spec.scalars import text_of

_LONGEST = 40


def shortened(text: str) -> str:
    """The text, or its beginning."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def shown(value: Any, as_text: bool = True) -> str:
    """What stands there, for `must be …, not …`: a scalar itself, a collection by its kind.

    `as_text` says of text that it is text, where something else is wanted.
    """
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if value is None:
        return "nothing"
    if isinstance(value, str):
        if not value:
            return "empty text"
        return "%s`%s`" % ("the text " if as_text else "", shortened(value))
    return "`%s`" % shortened(text_of(value))
