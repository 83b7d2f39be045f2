"""What differs in a field of a workflow, as text for people: short, or not at all. Pure."""

from __future__ import annotations

import os
from enum import Enum
from typing import Any, Iterator, List, Mapping, Optional, Tuple

from orchestra.engine.changes import Difference
from orchestra.model.comparison import FieldChange
from orchestra.model.expression import Expression, Template
from orchestra.model.json_text import json_text
from orchestra.model.units import format_amount, format_duration
from orchestra.model.workflow import (
    ON_SUCCESS,
    Command,
    InnerSteps,
    Need,
    Param,
    PythonCode,
    ShellScript,
    Slot,
    Uses,
    Workflow,
)

_MOST_CHARACTERS = 160
_DURATIONS = ("timeout", "duration")
_OF_BODY = "what it runs"
_NOTHING = ("[]", "{}")
"""What a field has that an author left out."""

_EMPTY: Mapping[str, object] = {}


def field_changes(difference: Difference) -> Iterator[FieldChange]:
    """The fields that differ; of a mapping each entry that does."""
    what, old, new, counts, around = difference
    if around:
        yield FieldChange(what, None, None, counts)
    elif what == _OF_BODY:
        yield from _of_body(old, new)
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            pair = old.get(key), new.get(key)
            if pair[0] != pair[1] or type(pair[0]) is not type(pair[1]):
                before, now = (_text_in(what, str(key), value) for value in pair)
                yield change_of("%s.%s" % (what, key), before, now, counts)
    else:
        yield change_of(what, _text_of_field(what, old), _text_of_field(what, new), counts)


def change_of(
    field: str, old: Optional[str], new: Optional[str], counts: bool = True, note: str = ""
) -> FieldChange:
    """A change of a field from one text to another one, as far as they are short."""
    line = 0
    if old == new:  # what differs is not in the text
        return FieldChange(field, None, None, counts, note=note)
    if old is not None and new is not None and ("\n" in old or "\n" in new):
        line, old, new = _where_they_differ(old, new)
    if max(len(old or ""), len(new or "")) > _MOST_CHARACTERS:
        return FieldChange(field, None, None, counts, line, note)
    return FieldChange(field, old, new, counts, line, note)


def text_of(value: object) -> Optional[str]:
    """A value as text, None where there is none: text as it is, anything else as JSON."""
    if value is None:
        return None
    plain = _plain(value)
    return plain if isinstance(plain, str) else json_text(plain)


def _where_they_differ(old: str, new: str) -> Tuple[int, str, str]:
    """The number of the first line that differs, and the lines from there to the last one."""
    before, now = old.split("\n"), new.split("\n")
    shorter = min(len(before), len(now))
    start = 0
    while start < shorter and before[start] == now[start]:
        start += 1
    end = 0
    while end < shorter - start and before[-1 - end] == now[-1 - end]:
        end += 1
    parts = ["\n".join(lines[start : len(lines) - end]) for lines in (before, now)]
    return start + 1, parts[0], parts[1]


def _of_body(old: object, new: object) -> Iterator[FieldChange]:
    if isinstance(old, ShellScript) and isinstance(new, ShellScript):
        if old.pieces != new.pieces:
            yield change_of("run", _script(old), _script(new))
        if old.shell != new.shell:
            yield change_of("shell", text_of(old.shell), text_of(new.shell))
    elif isinstance(old, PythonCode) and isinstance(new, PythonCode):
        yield change_of("python", old.code, new.code)
    elif isinstance(old, Command) and isinstance(new, Command):
        yield change_of("command", text_of(old.argv), text_of(new.argv))
    elif type(old) is type(new) and isinstance(old, tuple):
        fields = _fields(old)
        for name, before in fields:
            now = getattr(new, name)
            if before != now and name != "preload":
                yield change_of("python.%s" % name, text_of(before), text_of(now))
    else:
        yield change_of(_OF_BODY, _body_text(old), _body_text(new))


def _body_text(body: object) -> str:
    """What a body is, for one that becomes another kind of body."""
    if body is None:
        return "nothing"
    if isinstance(body, ShellScript):
        return "run: %s" % _script(body)
    if isinstance(body, Command):
        return "command: %s" % text_of(body.argv)
    if isinstance(body, InnerSteps):
        return "steps: %s" % ", ".join(body.step_by_id)
    if isinstance(body, Uses):
        return "uses: %s" % os.path.basename(body.workflow.path)
    return "python: %s" % (body.code if isinstance(body, PythonCode) else text_of(body))


def _script(script: ShellScript) -> str:
    return "".join(_piece(piece) for piece in script.pieces)


def _piece(piece: object) -> str:
    return "${{ %s }}" % piece.expression.source if isinstance(piece, Slot) else str(piece)


def _text_in(what: str, key: str, value: object) -> Optional[str]:
    """An entry of a mapping as text."""
    if what in ("resources", "budget") and type(value) is int:
        return format_amount(key, value)
    return text_of(value)


def _text_of_field(what: str, value: object) -> Optional[str]:
    if what in _DURATIONS and isinstance(value, (int, float)):
        return format_duration(value)
    text = text_of(value)
    return None if text in _NOTHING else text


def _plain(value: Any) -> Any:
    """A value of the model as plain data, close to what the author wrote."""
    if isinstance(value, (Template, Expression)):
        return value.source
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, ShellScript):
        return _script(value)
    if isinstance(value, Need):
        if value.when == ON_SUCCESS:
            return value.step
        return {"step": value.step, "when": sorted(each.value for each in value.when)}
    if isinstance(value, InnerSteps):
        return list(value.step_by_id)
    if isinstance(value, Workflow):
        return os.path.basename(value.path)
    if isinstance(value, Param):
        return _without_defaults(vars(value), vars(Param(value.name)))
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return _without_defaults(dict(_fields(value)), getattr(value, "_field_defaults", _EMPTY))
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return str(value)


def _without_defaults(
    values: Mapping[str, object], defaults: Mapping[str, object]
) -> Mapping[str, object]:
    return {
        name: _plain(value)
        for name, value in values.items()
        if name not in defaults or value != defaults[name]
    }


def _fields(value: Any) -> List[Tuple[str, object]]:
    """The fields of a NamedTuple with their values."""
    return list(zip(value._fields, value))
