"""What an attempt wrote to `$ORCHESTRA_OUTPUT`, as values. Never runs or follows what it reads.

The format is that of `$GITHUB_OUTPUT`: `name=value` lines, and blocks that begin with `name<<END`
and go to a line that is END; a later value of a name replaces an earlier one, empty lines are
passed over. Lines end in `\\n` alone: all other bytes of a value are the step's.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import re
import stat
from typing import Callable, Container, Dict, List, Mapping, NamedTuple, Optional, Tuple

from orchestra.engine.ports import Written
from orchestra.model.expression.values import ExpressionError, Value, check_size
from orchestra.model.masking import Masker
from orchestra.model.workflow import OutputType

LARGEST_BYTES = 16 * 2**20
"""What one attempt may write."""

_MOST_ENTRIES = 100_000
_MOST_PROBLEMS = 10
_MOST_SHOWN = 40
_LONGEST_NUMBER = 400
_SMALLEST_INT, _LARGEST_INT = -(2**63), 2**63 - 1

_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_INT = re.compile(r"-?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_BLANKS = " \t\r\n"

_NOTHING = Written({})


class _Entry(NamedTuple):
    """One line or block: what it says, where the next one begins, and what is wrong with it."""

    name: bytes
    value: bytes
    after: int
    problem: str = ""


def read_outputs(
    path: str, declared: Mapping[str, OutputType], masker: Optional[Masker] = None
) -> Written:
    """The values in the file, those that are declared as their types, the others as text.

    A file that is not there is one with nothing in it. What can be read is given back also
    where there are problems; but nothing is where a secret stands in it, and the file is removed.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        data, problem = _content(descriptor)
    except FileNotFoundError:
        return Written({}, tuple(_missing(declared, ()))) if declared else _NOTHING
    except OSError as fault:
        return Written({}, (_unreadable(fault),))
    written = Written({}, (problem,)) if problem else parse_outputs(data, declared)
    if masker is None:
        return written
    secrets = () if problem else _secret_problems(data, written, masker)
    if problem or secrets:
        with contextlib.suppress(OSError):
            os.unlink(path)
    return Written({}, secrets) if secrets else written


def _secret_problems(data: bytes, written: Written, masker: Masker) -> Tuple[str, ...]:
    """Which outputs hold a secret, if any do; names that do so themselves are not said."""
    guilty = [name for name, raw in _split(data)[0].items() if masker.holds(raw)]
    if not guilty:
        # what stands in JSON may be escaped in ways of its own
        values = written.outputs.items()
        guilty = [n for n, v in values if not isinstance(v, str) and masker.holds(_as_json(v))]
    if not (guilty or masker.holds(data)):
        return ()
    names = ["`%s`" % name for name in guilty if not masker.holds(name.encode("ascii"))]
    if not names:
        return ("the outputs hold a secret, none of them is kept",)
    words = "output %s holds" if len(names) == 1 else "outputs %s hold"
    shown = words % ", ".join(names[:_MOST_PROBLEMS])
    return (shown + " a secret, no output of the step is kept",)


def _as_json(value: Value) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def parse_outputs(data: bytes, declared: Mapping[str, OutputType]) -> Written:
    """The values in the text of such a file; see `read_outputs`."""
    raw_by_name, problems = _split(data)
    outputs: Dict[str, Value] = {}
    for name, raw in raw_by_name.items():
        try:
            outputs[name] = _READERS[declared.get(name, OutputType.STRING)](raw.decode("utf-8"))
        except UnicodeDecodeError as fault:
            problems.append("output `%s` is not UTF-8 at its byte %d" % (name, fault.start + 1))
        except ValueError as fault:
            problems.append("output `%s` %s" % (name, fault))
    problems += _missing(declared, raw_by_name)
    if len(problems) > _MOST_PROBLEMS:
        problems[_MOST_PROBLEMS:] = ["and more problems with the outputs"]
    return Written(outputs, tuple(problems), _undeclared(declared, outputs))


def _unreadable(fault: OSError) -> str:
    if fault.errno == errno.ELOOP:
        return "the outputs file was replaced by a symbolic link"
    return "the outputs file cannot be read: %s" % fault.strerror


def _content(descriptor: int) -> Tuple[bytes, str]:
    """The bytes of the file, which is closed, or why they are not taken."""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b"", "the outputs file was replaced by something that is no file"
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(LARGEST_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > LARGEST_BYTES:
        return b"", "the outputs are more than 16 MiB"
    return data, ""


def _split(data: bytes) -> Tuple[Dict[str, bytes], List[str]]:
    """The outputs by name, still bytes, and what is wrong with the file."""
    raw_by_name: Dict[str, bytes] = {}
    problems: List[str] = []
    start = entries = 0
    while start < len(data) and len(problems) < _MOST_PROBLEMS:
        entries += 1
        if entries > _MOST_ENTRIES:
            problems.append("the outputs are more than %d lines and blocks" % _MOST_ENTRIES)
            break
        entry = _entry(data, start)
        if entry.problem:
            line = data.count(b"\n", 0, start) + 1
            problems.append("line %d of the outputs %s" % (line, entry.problem))
        elif entry.name:
            raw_by_name[entry.name.decode("ascii")] = entry.value
        start = entry.after
    return raw_by_name, problems


def _entry(data: bytes, start: int) -> _Entry:
    """The line or block that begins at `start`; an empty line has no name."""
    stop = data.find(b"\n", start)
    line = data[start:] if stop < 0 else data[start:stop]
    after = start + len(line) + 1
    if not line:
        return _Entry(b"", b"", after)
    name, equals, value = line.partition(b"=")
    if b"<<" in name or not equals:
        name, arrows, end = line.partition(b"<<")
        if not (arrows and end):
            return _Entry(b"", b"", after, "is neither name=value nor name<<END: %s" % _raw(line))
        close = _close(data, after, end)
        if close < 0:
            return _Entry(b"", b"", len(data), "begins a block that has no end %s" % _raw(end))
        value = data[after : close - 1]
        after = close + len(end) + 1
    if not _NAME.fullmatch(name):
        return _Entry(b"", b"", after, "has %s where a name is needed" % _raw(name))
    return _Entry(name, value, after)


def _close(data: bytes, start: int, end: bytes) -> int:
    """Where, from `start`, a line begins that is `end` and nothing else; -1 if there is none."""
    found = data.find(b"\n%b\n" % end, start - 1)
    if found >= 0:
        return found + 1
    last = len(data) - len(end)
    return last if last >= start and data.endswith(b"\n" + end) else -1


def _missing(declared: Mapping[str, OutputType], written: Container[str]) -> List[str]:
    return [
        "output `%s` was declared and not written" % name
        for name in declared
        if name not in written
    ]


def _undeclared(
    declared: Mapping[str, OutputType], outputs: Mapping[str, object]
) -> Tuple[str, ...]:
    names = [name for name in outputs if name not in declared]
    if not names:
        return ()
    more = len(names) - _MOST_PROBLEMS
    shown = ", ".join(names[:_MOST_PROBLEMS]) + (" and %d more" % more if more > 0 else "")
    return ("outputs that the step does not declare are kept as text: %s" % shown,)


def _raw(text: bytes) -> str:
    return _shown(text.decode("utf-8", "replace"))


def _shown(text: str) -> str:
    """The text for a message, short and without characters that could move the cursor."""
    return repr(text) if len(text) <= _MOST_SHOWN else repr(text[:_MOST_SHOWN]) + "…"


def _read_string(text: str) -> Value:
    return text


def _read_bool(text: str) -> Value:
    word = text.strip(_BLANKS)
    if word not in ("true", "false"):
        raise ValueError("is %s, neither true nor false" % _shown(text))
    return word == "true"


def _read_int(text: str) -> Value:
    number = text.strip(_BLANKS)
    if not _INT.fullmatch(number):
        raise ValueError("is %s, which is no int" % _shown(text))
    return _whole(number)


def _read_float(text: str) -> Value:
    number = text.strip(_BLANKS)
    if not _FLOAT.fullmatch(number):
        raise ValueError("is %s, which is no float" % _shown(text))
    return _finite(number)


def _read_json(text: str) -> Value:
    try:
        value: Value = _decode(text)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        check_size(value)
    except json.JSONDecodeError as fault:
        raise ValueError("is no JSON: %s" % fault) from fault
    except UnicodeEncodeError as fault:
        raise ValueError("has half a character (\\ud800 to \\udfff) in its JSON") from fault
    except (RecursionError, ExpressionError) as fault:
        raise ValueError("is too large or too deep as JSON") from fault
    return value


def _whole(number: str) -> int:
    if len(number) > _LONGEST_NUMBER or not _SMALLEST_INT <= int(number) <= _LARGEST_INT:
        raise ValueError("has a whole number beyond 64 bits: %s" % _shown(number))
    return int(number)


def _finite(number: str) -> float:
    if len(number) > _LONGEST_NUMBER or math.isinf(float(number)):
        raise ValueError("has a number beyond what a float holds: %s" % _shown(number))
    return float(number)


def _no_number(word: str) -> Value:
    raise ValueError("has %s, which is no JSON" % word)


_decode = json.JSONDecoder(parse_int=_whole, parse_float=_finite, parse_constant=_no_number).decode

_READERS: Mapping[OutputType, Callable[[str], Value]] = {
    OutputType.STRING: _read_string,
    OutputType.INT: _read_int,
    OutputType.FLOAT: _read_float,
    OutputType.BOOL: _read_bool,
    OutputType.JSON: _read_json,
}
