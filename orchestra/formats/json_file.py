"""A JSON file of another tool: its data, and where in the text each value stands."""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from typing import Any, Collection, Dict, List, NamedTuple, Sequence, Tuple, Union

from orchestra.errors import Fault, PathParts, Problem, WorkflowError
from orchestra.spec.files import read_file
from orchestra.spec.findings import MORE

MAX_BYTES = 128 * 2**20
"""The largest file that is read: a trace of 25,000 tasks takes 15 to 60 MB, and `[],[],[]` 20 times
as much of memory as of the file."""

_MOST_FAULTS = 20
_MOST_DIGITS = 300  # a float has room for so many; reading n digits takes n * n steps
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[][{}:,]|[^][{}:,"\s]+', re.DOTALL)


class JsonFile(NamedTuple):
    """What a file holds; `file` is its name as given."""

    file: str
    text: str
    root: Any

    def error(self, problems: Sequence[Problem]) -> WorkflowError:
        """The problems, by line, as an error to raise; not more than are of use."""
        offset_by_path = _offsets(self.text, {problem.path for problem in problems})
        placed = sorted((offset_by_path.get(p.path, 0), n) for n, p in enumerate(problems))
        faults = []
        line, counted = 1, 0
        for offset, number in placed[:_MOST_FAULTS]:
            problem = problems[number]
            line += self.text.count("\n", counted, offset)
            counted = offset
            column = offset - self.text.rfind("\n", 0, offset)
            faults.append(
                Fault(
                    self.file,
                    line,
                    column,
                    problem.path,
                    problem.severity,
                    problem.code,
                    problem.message,
                    problem.suggestion,
                )
            )
        if len(problems) > _MOST_FAULTS:
            words = "and %d more" % (len(problems) - _MOST_FAULTS)
            faults.append(Fault(self.file, line, 1, (), "error", MORE, words))
        return WorkflowError(tuple(faults), self.text)


def read_json_file(path: str) -> JsonFile:
    """The data in the JSON file `path`; numbers too large for a float are infinite.

    Raises:
        UsageError: it cannot be read, or is larger than `MAX_BYTES`.
        WorkflowError: it is no JSON.
    """
    data = read_file(path, MAX_BYTES, "take a smaller part of it")
    data = data[len(BOM_UTF8) :] if data.startswith(BOM_UTF8) else data
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        text = data.decode("utf-8", "replace")
        index = len(data[: error.start].decode("utf-8"))
        message = "the byte 0x%02x is no UTF-8" % data[error.start]
        raise _no_json(path, text, index, message, "JSON is UTF-8") from None
    try:
        root = json.loads(text, parse_int=_integer)
    except RecursionError:
        message = "the values are nested too deep"
        raise _no_json(path, text, 0, message, "is it the right file?") from None
    except json.JSONDecodeError as error:
        message = "this is no JSON: %s" % error.msg
        raise _no_json(path, text, error.pos, message, "is it the right file?") from None
    return JsonFile(path, text, root)


def _integer(digits: str) -> Union[int, float]:
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def _no_json(path: str, text: str, index: int, message: str, hint: str) -> WorkflowError:
    line = text.count("\n", 0, index) + 1
    column = index - text.rfind("\n", 0, index)
    fault = Fault(path, line, column, (), "error", "json", message, hint)
    return WorkflowError((fault,), text)


def _offsets(text: str, paths: Collection[PathParts]) -> Dict[PathParts, int]:
    """The character at which the value of each path begins; only called where one is to be told."""
    offsets: Dict[PathParts, int] = {}
    path: List[Union[str, int]] = []
    in_list: List[bool] = []
    is_key = False
    for token in _TOKEN.finditer(text):
        first = text[token.start()]
        if first == ":":
            continue
        if first == ",":
            is_key = not in_list[-1]
            if in_list[-1]:
                path[-1] = int(path[-1]) + 1
        elif first in "]}":
            path.pop()
            in_list.pop()
            is_key = False
        elif is_key:
            path[-1] = json.loads(token.group(), strict=False)
            is_key = False
        else:
            here: Tuple[Union[str, int], ...] = tuple(path)
            if here in paths:
                offsets[here] = token.start()
            if first in "[{":
                in_list.append(first == "[")
                path.append(0 if first == "[" else "")
                is_key = first == "{"
    return offsets
