"""JSON text to a value, within bounds that are checked before anything large is made. Pure."""

from __future__ import annotations

import json
import re

from orchestra.model.expression.operators import check_number
from orchestra.model.expression.values import (
    MAX_ENTRIES,
    ExpressionError,
    Value,
    check_entries,
    check_length,
    to_json,
)

MAX_JSON_DEPTH = 64
"""Lists and mappings inside each other in a text that is read."""

_MARK = re.compile(r'\\.|["\[\]{},]', re.DOTALL)
_MAX_DIGITS = 20


def read_json(text: str) -> Value:
    """The value that a JSON text holds; of two equal keys the later one counts.

    Raises:
        ExpressionError: it is not JSON, or too large, too deep; a number does not fit in 64 bits
            or is not finite; a text has half a surrogate pair.
    """
    check_length(len(text))
    _check_shape(text)
    try:
        value: Value = _decode(text)
        to_json(value).encode()
    except json.JSONDecodeError as fault:
        raise ExpressionError(
            "the text is not JSON: %s, line %d column %d" % (fault.msg, fault.lineno, fault.colno)
        ) from None
    except UnicodeEncodeError:
        raise ExpressionError("the JSON has half a surrogate pair in a text") from None
    return value


def _check_shape(text: str) -> None:
    """Count depth and entries, where a first look does not rule out that there are too many."""
    brackets = text.count("[") + text.count("{")
    if brackets <= MAX_JSON_DEPTH and text.count(",") < MAX_ENTRIES:
        return
    depth = commas = 0
    quoted = False
    for match in _MARK.finditer(text):
        mark = match.group()
        if mark == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif mark in "[{":
            depth += 1
            if depth > MAX_JSON_DEPTH:
                raise ExpressionError("the JSON is nested deeper than %d levels" % MAX_JSON_DEPTH)
        elif mark in "]}":
            depth -= 1
        else:
            commas += 1
            check_entries(commas)


def _read_whole(digits: str) -> int:
    # Python takes n * n steps to read n digits.
    if len(digits) > _MAX_DIGITS:
        raise ExpressionError("the JSON has a number that is too large")
    return check_number(int(digits))


def _read_float(digits: str) -> float:
    return check_number(float(digits))


def _refuse_constant(name: str) -> None:
    raise ExpressionError("the text is not JSON: %s" % name)


_decode = json.JSONDecoder(
    parse_int=_read_whole, parse_float=_read_float, parse_constant=_refuse_constant
).decode
