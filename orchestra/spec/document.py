"""A YAML file: its data, and where in the text each value stands. Refuses what could do harm.

Values are dicts with text keys, lists, text, numbers, bools and None; see `reader` for the guards.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Iterable, List, Sequence, Tuple

from orchestra.errors import Fault, PathParts, Problem
from orchestra.spec.alignment import source_index
from orchestra.spec.events import Blemish
from orchestra.spec.files import MAX_BYTES
from orchestra.spec.positions import Place, find, locate, twins
from orchestra.spec.reader import Reading, read

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Document:
    """A file as it was read. `data` is its bytes without a byte order mark, `file` its name as
    given; `root` is None where `whole` is False, and `blemishes` are what is wrong with the YAML.
    """

    file: str
    data: bytes
    root: Any
    blemishes: Tuple[Blemish, ...]
    whole: bool

    @cached_property
    def text(self) -> str:
        """The whole text; bytes that are no UTF-8 are shown as U+FFFD."""
        return self.data.decode("utf-8", "replace")

    @cached_property
    def _line_starts(self) -> List[int]:
        starts = [0]
        index = self.text.find("\n")
        while index >= 0:
            starts.append(index + 1)
            index = self.text.find("\n", index + 1)
        return starts

    def line_column(self, index: int) -> Tuple[int, int]:
        """Line and column, from 1, of a character of the text; lines end at line feeds."""
        line = bisect_right(self._line_starts, index)
        return line, index - self._line_starts[line - 1] + 1

    def position(self, path: PathParts, on_key: bool = False) -> Tuple[int, int]:
        """Line and column of the value at `path` (or its key); the nearest one around it if none.

        Walks the whole text: for many problems at once use `faults`.
        """
        place = find(locate(self.data, [path]), path)
        return self.line_column(place.key_start if on_key else place.start)

    def faults(self, problems: Sequence[Problem]) -> Tuple[Fault, ...]:
        """The problems with their positions, in the order given, by one walk of the text."""
        if not problems:
            return ()
        root = locate(self.data, [problem.path for problem in problems])
        return tuple(self._fault(root, problem) for problem in problems)

    def blemish_faults(self) -> Tuple[Fault, ...]:
        """The faults of the YAML itself."""
        seconds = frozenset(b.at for b in self.blemishes if b.code == "duplicate-key")
        first_by_second = twins(self.data, seconds) if seconds else {}
        return tuple(
            self._at(
                blemish.at,
                Problem((), blemish.code, blemish.message, blemish.suggestion),
                [first_by_second[blemish.at]] if blemish.at in first_by_second else [],
            )
            for blemish in self.blemishes
        )

    def _fault(self, root: Place, problem: Problem) -> Fault:
        place = find(root, problem.path)
        index = place.key_start if problem.on_key else place.start
        if problem.offset is not None and place.style is not None:
            value = self._value(problem.path)
            source = self.text[place.start : place.end]
            if isinstance(value, str):
                index += source_index(source, place.style, value, problem.offset)
        return self._at(index, problem, ())

    def _at(self, index: int, problem: Problem, related: Iterable[int]) -> Fault:
        line, column = self.line_column(index)
        return Fault(
            self.file,
            line,
            column,
            problem.path,
            problem.severity,
            problem.code,
            problem.message,
            problem.suggestion,
            tuple(self.line_column(index)[0] for index in related),
        )

    def _value(self, path: PathParts) -> Any:
        value = self.root
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value


def read_document(file: str, data: bytes) -> Document:
    """The document in `data`; what is wrong with it is in `blemishes`, nothing is raised."""
    if len(data) > MAX_BYTES:
        message = "the file is larger than %d MiB" % (MAX_BYTES // 2**20)
        return _broken(file, b"", Blemish(0, "too-large", message))
    body = data[len(_BOM) :] if data.startswith(_BOM) else data
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        return _broken(file, body, _not_utf8(body, error))
    reading: Reading = read(body)
    return Document(file, body, *reading)


def _broken(file: str, data: bytes, blemish: Blemish) -> Document:
    return Document(file, data, None, (blemish,), False)


def _not_utf8(data: bytes, error: UnicodeDecodeError) -> Blemish:
    index = len(data[: error.start].decode("utf-8"))
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return Blemish(0, "encoding", "the file is UTF-16, and must be UTF-8", "save it as UTF-8")
    message = "the byte 0x%02x is no UTF-8" % data[error.start]
    return Blemish(index, "encoding", message, "save the file as UTF-8")
