"""The types of parameters: what a text or a value is read as, and what is refused. Pure."""

from __future__ import annotations

import datetime
import json
import os
import re
import warnings
from typing import Any, List, NamedTuple, Optional, Pattern, Tuple

from orchestra.errors import PathParts
from orchestra.model.expression import Value
from orchestra.model.workflow import Param, ParamType
from orchestra.spec.patience import ImpatientError, matches
from orchestra.spec.scalars import SourceFloat, text_of

_INT = re.compile(r"[-+]?[0-9]{1,100}", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_BOOLS = {"true": True, "false": False}
_WORDS_BY_TYPE = {
    ParamType.STRING: "text",
    ParamType.INT: "a whole number",
    ParamType.FLOAT: "a number",
    ParamType.BOOL: "true or false",
    ParamType.DATE: "a date as 2026-01-31, `today` or `yesterday`",
    ParamType.PATH: "a path",
    ParamType.JSON: "JSON",
}
_MAX_DEPTH = 64


class Clock(NamedTuple):
    """What relative values are resolved with: `today`, and the folder that paths start at."""

    today: datetime.date
    base_dir: str


class ParamError(ValueError):
    """A value does not fit its parameter; the text says what is wanted."""


def from_text(kind: ParamType, text: str) -> Value:
    """The value of a text given on the command line or in a variable, dates and paths as given.

    Raises:
        ParamError: the text is none of this type.
    """
    _check_characters(text)
    if kind is ParamType.INT and _INT.fullmatch(text):
        return int(text)
    if kind is ParamType.FLOAT and len(text) <= 400 and _FLOAT.fullmatch(text):
        return _finite(float(text), kind)
    if kind is ParamType.BOOL and text in _BOOLS:
        return _BOOLS[text]
    if kind is ParamType.JSON:
        return read_json(text)
    if kind in (ParamType.STRING, ParamType.PATH, ParamType.DATE):
        return from_value(kind, text)
    raise ParamError("must be %s" % _WORDS_BY_TYPE[kind])


def from_value(kind: ParamType, value: Any) -> Value:
    """The value of a parameter from what stands in a file, dates and paths as given.

    Raises:
        ParamError: the value is none of this type.
    """
    if kind is ParamType.JSON:
        _check_tree(value)
        plain: Value = value
        return plain
    if kind is ParamType.BOOL and isinstance(value, bool):
        return value
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is ParamType.INT and isinstance(value, int) and is_number:
        return int(value)
    if kind is ParamType.FLOAT and is_number:
        return _finite(float(value), kind)
    if kind is ParamType.STRING and (is_number or isinstance(value, str)):
        return _checked(text_of(value))
    if kind is ParamType.PATH and isinstance(value, str) and value:
        return _checked(value)
    if kind is ParamType.DATE and isinstance(value, str):
        return _date(value)
    raise ParamError("must be %s" % _WORDS_BY_TYPE[kind])


def check_rules(param: Param, value: Value, clock: Optional[Clock] = None) -> None:
    """Whether a value keeps to `enum`, `pattern`, `min` and `max`; with a clock, a resolved one.

    Raises:
        ParamError: it does not.
    """
    choices = [resolve(param.type, choice, clock) if clock else choice for choice in param.enum]
    if choices and value not in choices:
        shown = ", ".join(_show(choice) for choice in param.enum[:10])
        raise ParamError("must be one of %s" % (shown + (", …" if len(param.enum) > 10 else "")))
    if param.pattern is not None:
        _check_pattern(param.pattern, _show(value))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if param.min is not None and value < param.min:
            raise ParamError("must be at least %g" % param.min)
        if param.max is not None and value > param.max:
            raise ParamError("must be at most %g" % param.max)


def _check_pattern(pattern: str, text: str) -> None:
    try:
        if not matches(compiled(pattern), text):
            raise ParamError("must match the pattern %s" % pattern)
    except ImpatientError:
        raise ParamError("takes too long to be matched with the pattern %s" % pattern) from None


def compiled(pattern: str) -> Pattern[str]:
    """A regular expression; what Python would only warn of is no matter for its author.

    Raises:
        re.error, OverflowError, RecursionError: it is none.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return re.compile(pattern)


def resolve(kind: ParamType, value: Value, clock: Clock) -> Value:
    """The value with relative dates and paths made absolute."""
    if kind is ParamType.DATE and value in ("today", "yesterday"):
        days = 1 if value == "yesterday" else 0
        return (clock.today - datetime.timedelta(days=days)).isoformat()
    if kind is ParamType.PATH and isinstance(value, str):
        return os.path.normpath(os.path.join(clock.base_dir, value))
    return value


def type_of(value: Any) -> ParamType:
    """The type of a parameter that gives only its default."""
    if isinstance(value, bool):
        return ParamType.BOOL
    if isinstance(value, int):
        return ParamType.INT
    if isinstance(value, float):
        return ParamType.FLOAT
    return ParamType.JSON if isinstance(value, (list, dict)) else ParamType.STRING


def long_floats(value: Any) -> List[Tuple[PathParts, str]]:
    """The paths and texts of numbers such as `3.10`, which was perhaps meant as text."""
    if isinstance(value, SourceFloat):
        return [((), value.source)]
    parts: Any = ()
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)
    return [((key, *path), text) for key, part in parts for path, text in long_floats(part)]


def read_json(text: str) -> Value:
    """The data in a JSON text.

    Raises:
        ParamError: it is none, or nested too deep, or a key stands twice in it.
    """
    try:
        value: Value = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_pairs)
    except RecursionError:
        raise ParamError("is nested deeper than %d levels" % _MAX_DEPTH) from None
    except json.JSONDecodeError as error:
        raise ParamError(
            "must be JSON: %s at line %d, column %d" % (error.msg, error.lineno, error.colno)
        ) from None
    except ParamError:
        raise
    except ValueError:
        raise ParamError("must be JSON with numbers of a sensible length") from None
    _check_tree(value)
    return value


def _no_constant(word: str) -> None:
    raise ParamError("must be JSON, and %s is no number there" % word)


def _pairs(pairs: List[Tuple[str, Any]]) -> Any:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise ParamError("must be JSON without a key that stands twice")
    return mapping


def _check_tree(value: Any) -> None:
    waiting = [(value, 1)]
    while waiting:
        part, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise ParamError("is nested deeper than %d levels" % _MAX_DEPTH)
        if isinstance(part, str):
            _check_characters(part)
        elif isinstance(part, dict):
            waiting.extend((item, depth + 1) for pair in part.items() for item in pair)
        elif isinstance(part, list):
            waiting.extend((item, depth + 1) for item in part)
        elif isinstance(part, float):
            _finite(part, ParamType.JSON)


def _check_characters(text: str) -> None:
    if "\0" in text:
        raise ParamError("must not contain a NUL")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ParamError("must be text in UTF-8") from None


def _checked(text: str) -> str:
    _check_characters(text)
    return text


def _date(text: str) -> str:
    if text in ("today", "yesterday"):
        return text
    try:
        if _DATE.fullmatch(text):
            return datetime.date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise ParamError("must be %s" % _WORDS_BY_TYPE[ParamType.DATE])


def _finite(number: float, kind: ParamType) -> float:
    if number != number or number in (float("inf"), float("-inf")):
        raise ParamError("must be %s, and no infinite one" % _WORDS_BY_TYPE[kind])
    return number


def _show(value: Value) -> str:
    if isinstance(value, (bool, int, float, str)):
        return text_of(value)
    return json.dumps(value, ensure_ascii=False)
