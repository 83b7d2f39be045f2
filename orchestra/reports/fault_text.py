"""The words of a fault, as programs get them. Pure."""

from __future__ import annotations

from orchestra.errors import Fault


def encodable(text: str) -> str:
    """The text with what cannot be encoded spelled out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def sentence(fault: Fault) -> str:
    """What is wrong and, in brackets, what to do."""
    words = fault.message + (" (%s)" % fault.suggestion if fault.suggestion else "")
    return encodable(words)


def title(fault: Fault) -> str:
    """The code of a fault, and the name of a lint."""
    return "%s %s" % (fault.code, fault.name) if fault.name else fault.code
