"""What the pure functions of expressions do, on arguments of the right kinds. Pure.

Each takes the meter of the evaluation first. They raise `ExpressionError` without an offset: who
calls them knows where the call stands. Nothing large is made before its size is known.
"""

from __future__ import annotations

import math
import re
from datetime import date, timedelta
from typing import Any, Dict, List, Optional, Sequence, Union

from orchestra.model.expression.json_reader import read_json
from orchestra.model.expression.operators import check_number, check_order, search_work
from orchestra.model.expression.operators import contains as is_in
from orchestra.model.expression.values import (
    MAX_ENTRIES,
    ExpressionError,
    Kind,
    Meter,
    Value,
    check_entries,
    check_length,
    kind_of,
    size_of,
    to_json,
    to_text,
)

MAX_RANGE = 100_000
"""Entries that `range` and `date_range` may give."""

_PLACE = re.compile(r"\{\{|\}\}|\{([0-9]{0,3})\}|[{}]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def contains(meter: Meter, container: Value, item: Value) -> bool:
    """Is the item in the text, list or mapping: `item in container`."""
    return is_in(container, item, meter)


def starts_with(_: Meter, text: str, start: str) -> bool:
    """Does the text start so."""
    return text.startswith(start)


def ends_with(_: Meter, text: str, end: str) -> bool:
    """Does the text end so."""
    return text.endswith(end)


def join(meter: Meter, entries: Sequence[Value], separator: str) -> str:
    """The entries as text, with the separator between them."""
    texts: List[str] = []
    length = -len(separator)
    for entry in entries:
        texts.append(to_text(entry))
        length += len(texts[-1]) + len(separator)
        check_length(length)
    meter.take(max(length, 0))
    return separator.join(texts)


def split(meter: Meter, text: str, separator: Optional[str] = None) -> List[str]:
    """The parts between separators; without one, the words between stretches of white space."""
    if separator is not None:
        _check_part("separator", separator)
        meter.take(search_work(text, separator))
    parts = text.split(separator, MAX_ENTRIES)
    check_entries(len(parts))
    return parts


def replace(meter: Meter, text: str, old: str, new: str) -> str:
    """The text with every `old` turned into `new`."""
    _check_part("old", old)
    meter.take(search_work(text, old))
    check_length(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


def _check_part(name: str, part: str) -> None:
    if not part:
        raise ExpressionError("`%s` is empty" % name)


def lower(_: Meter, text: str) -> str:
    """The text in small letters."""
    changed = text.lower()
    check_length(len(changed))
    return changed


def upper(_: Meter, text: str) -> str:
    """The text in capital letters."""
    changed = text.upper()
    check_length(len(changed))
    return changed


def trim(_: Meter, text: str) -> str:
    """The text without white space at its ends."""
    return text.strip()


def fill_places(meter: Meter, template: str, *values: Value) -> str:
    """The template with `{}` or `{0}` turned into values; `{{` and `}}` are single braces."""
    pieces = _read_places(template)
    used = {piece for piece in pieces if isinstance(piece, int)}
    given = set(range(len(values)))
    if used - given:
        raise ExpressionError("the template has no value for {%d}" % min(used - given))
    if given - used:
        raise ExpressionError("the template has no place for value {%d}" % min(given - used))
    texts: Dict[int, str] = {}
    length = 0
    for place, piece in enumerate(pieces):
        if isinstance(piece, int):
            if piece not in texts:
                texts[piece] = to_text(values[piece])
            pieces[place] = texts[piece]
        length += len(str(pieces[place]))
        check_length(length)
    meter.take(length)
    return "".join(map(str, pieces))


def _read_places(template: str) -> List[Union[str, int]]:
    check_entries(template.count("{") + template.count("}"))
    pieces: List[Union[str, int]] = []
    end = counted = 0
    styles = set()
    for match in _PLACE.finditer(template):
        pieces.append(template[end : match.start()])
        end = match.end()
        sign, number = match.group(0, 1)
        if number is not None:
            styles.add(number == "")
            pieces.append(int(number or counted))
            counted += 1
        elif len(sign) == 2:
            pieces.append(sign[0])
        else:
            raise ExpressionError(
                "a single `%s` in the template" % sign,
                hint="places are {} or {0}; the sign itself is `%s`" % (sign * 2),
            )
    if len(styles) > 1:
        raise ExpressionError("the template mixes {} and {0}")
    return [*pieces, template[end:]]


def least(_: Meter, *values: Value) -> Value:
    """The least of the values, or of the entries of the only one."""
    value: Value = min(_comparable("min", values))
    return value


def greatest(_: Meter, *values: Value) -> Value:
    """The greatest of the values, or of the entries of the only one."""
    value: Value = max(_comparable("max", values))
    return value


def _comparable(name: str, values: Sequence[Value]) -> Any:
    if len(values) > 1:
        return _check_alike(values)
    entries: Any = values[0]
    if kind_of(entries) is not Kind.LIST:
        raise ExpressionError("%s takes a list or several values" % name)
    if not entries:
        raise ExpressionError("%s of an empty list" % name)
    return _check_alike(entries)


def _check_alike(entries: Any) -> Any:
    for entry in entries:
        check_order(entries[0], entry)
    return entries


def in_order(_: Meter, entries: Sequence[Value]) -> List[Value]:
    """The numbers or the texts of a list from the least to the greatest."""
    return sorted(_check_alike(entries))


def total(_: Meter, numbers: Sequence[Value]) -> Value:
    """The sum of a list of numbers; rounded once where any is not whole, on every Python."""
    for number in numbers:
        if kind_of(number) is not Kind.NUMBER:
            raise ExpressionError("sum takes a list of numbers, not %s" % kind_of(number).value)
    entries: Any = numbers
    whole = not any(isinstance(number, float) for number in entries)
    try:
        return check_number(sum(entries) if whole else math.fsum(entries))
    except (OverflowError, ValueError):
        raise ExpressionError("the number is too large") from None


def length(_: Meter, value: Value) -> int:
    """Characters of a text, entries of a list or mapping."""
    return size_of(value)


def whole_numbers(
    _: Meter, start: Value, stop: Optional[Value] = None, step: Value = 1
) -> List[int]:
    """Whole numbers as Python's `range` counts them: without the stop."""
    bounds = (0, start, step) if stop is None else (start, stop, step)
    first, end, steps = [_whole("range", bound) for bound in bounds]
    if steps == 0:
        raise ExpressionError("`step` is 0")
    numbers = range(first, end, steps)
    # len() of a range cannot count beyond sys.maxsize, a slice of it can.
    if numbers[MAX_RANGE:]:
        raise ExpressionError("the range has more than %d entries" % MAX_RANGE)
    return list(numbers)


def _whole(function: str, value: Value) -> int:
    if not isinstance(value, int):
        raise ExpressionError("%s counts in whole numbers" % function)
    return value


def date_add(_: Meter, day: str, days: Value) -> str:
    """The date so many days later, earlier where `days` is negative."""
    try:
        return (_date(day) + timedelta(days=_whole("date_add", days))).isoformat()
    except OverflowError:
        raise ExpressionError("dates run from 0001-01-01 to 9999-12-31") from None


def date_range(_: Meter, first: str, last: str) -> List[str]:
    """All dates from the first to the last, both included; none where the last is before."""
    start = _date(first)
    days = (_date(last) - start).days + 1
    if days > MAX_RANGE:
        raise ExpressionError("the range has more than %d entries" % MAX_RANGE)
    return [(start + timedelta(days=number)).isoformat() for number in range(days)]


def _date(text: str) -> date:
    if not _DATE.fullmatch(text):
        raise ExpressionError("the text is not a date", hint="dates look like 2026-11-22")
    try:
        return date(int(text[:4]), int(text[5:7]), int(text[8:]))
    except ValueError:
        raise ExpressionError("`%s` is not in the calendar" % text) from None


def basename(_: Meter, path: str) -> str:
    """The last part of a path, as POSIX `basename`."""
    return path.rstrip("/").rpartition("/")[2] or path[:1]


def dirname(_: Meter, path: str) -> str:
    """A path without its last part, as POSIX `dirname`: `.` where there is only one."""
    bare = path.rstrip("/")
    if not bare:
        return path[:1] or "."
    folder, slash, _name = bare.rpartition("/")
    return folder.rstrip("/") or slash or "."


def stem(meter: Meter, path: str) -> str:
    """The last part of a path without its last suffix: `b.tar` of `a/b.tar.gz`."""
    name = basename(meter, path)
    dot = name.rfind(".")
    return name[:dot] if 0 < dot < len(name) - 1 else name


def json_text(_: Meter, value: Value) -> str:
    """The value as compact JSON."""
    return to_json(value)


def from_json(_: Meter, text: str) -> Value:
    """The value that a JSON text holds."""
    return read_json(text)
