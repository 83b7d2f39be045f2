"""A YAML file: its data, and where in the text each value stands. Refuses what could do harm.

Values are dicts with text keys, lists, text, numbers, bools and None; see `reader` for the guards.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from orchestra.errors import Fault, PathParts, Problem
from orchestra.spec.alignment import source_indexes
from orchestra.spec.events import Blemish
from orchestra.spec.files import MAX_BYTES
from orchestra.spec.positions import Place, find, locate, twins
from orchestra.spec.reader import Reading, read

LineColumn = Tuple[int, int]

_CHUNK = 2**16
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

    def line_columns(self, indexes: Iterable[int]) -> Dict[int, LineColumn]:
        """Line and column, from 1, of characters of the text; lines end at line feeds."""
        places: Dict[int, LineColumn] = {}
        line, counted = 1, 0
        for index in sorted(set(indexes)):
            line += self.text.count("\n", counted, index)
            counted = index
            places[index] = (line, index - self.text.rfind("\n", 0, index))
        return places

    def position(self, path: PathParts, on_key: bool = False) -> Tuple[int, int]:
        """Line and column of the value at `path` (or its key); the nearest one around it if none.

        Walks the whole text: for many problems at once use `faults`.
        """
        [fault] = self.faults([Problem(path, "", "", on_key=on_key)])
        return fault.line, fault.column

    def faults(self, problems: Sequence[Problem]) -> Tuple[Fault, ...]:
        """The problems with their positions, in the order given, by one walk of the text."""
        if not problems:
            return ()
        root = locate(self.data, [problem.path for problem in problems])
        return self._placed(
            [(at, p, None) for at, p in zip(self._indexes(root, problems), problems)]
        )

    def blemish_faults(self) -> Tuple[Fault, ...]:
        """The faults of the YAML itself."""
        seconds = frozenset(b.at for b in self.blemishes if b.code == "duplicate-key")
        first_by_second = twins(self.data, seconds) if seconds else {}
        return self._placed(
            [
                (
                    b.at,
                    Problem((), b.code, b.message, b.suggestion),
                    first_by_second.get(b.at, b.related),
                )
                for b in self.blemishes
            ]
        )

    def _placed(self, found: Sequence[Tuple[int, Problem, Optional[int]]]) -> Tuple[Fault, ...]:
        """Problems at characters of the text, each perhaps with a further one to show."""
        places = self.line_columns(
            [at for at, _, _ in found] + [other for _, _, other in found if other is not None]
        )
        return tuple(
            Fault(
                self.file,
                *places[at],
                problem.path,
                problem.severity,
                problem.code,
                problem.message,
                problem.suggestion,
                () if other is None else (places[other][0],),
            )
            for at, problem, other in found
        )

    def _indexes(self, root: Place, problems: Sequence[Problem]) -> List[int]:
        """The character that each problem is about."""
        offsets: Dict[PathParts, List[int]] = {}
        for problem in problems:
            if problem.offset is not None:
                offsets.setdefault(problem.path, []).append(problem.offset)
        inside = {path: self._inside(root, path, found) for path, found in offsets.items()}
        indexes = []
        for problem in problems:
            place = find(root, problem.path)
            index = place.key_start if problem.on_key else place.start
            if problem.offset is not None:
                index = inside[problem.path].get(problem.offset, index)
            indexes.append(index)
        return indexes

    def _inside(self, root: Place, path: PathParts, offsets: Sequence[int]) -> Mapping[int, int]:
        """Characters of the text by offset into the scalar at `path`."""
        place, value = find(root, path), self._value(path)
        if place.style is None or not isinstance(value, str):
            return {}
        source = self.text[place.start : place.end]
        found = source_indexes(source, place.style, value, offsets)
        return {offset: place.start + index for offset, index in found.items()}

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
    start = _first_not_utf8(body)
    if start is not None:
        return _broken(file, body, _not_utf8(body, start))
    reading: Reading = read(body)
    return Document(file, body, *reading)


def _broken(file: str, data: bytes, blemish: Blemish) -> Document:
    return Document(file, data, None, (blemish,), False)


def _first_not_utf8(data: bytes) -> Optional[int]:
    """Where the first byte stands that is no UTF-8; the text is not held as a whole."""
    decode = codecs.getincrementaldecoder("utf-8")().decode
    for start in range(0, len(data), _CHUNK):
        try:
            decode(data[start : start + _CHUNK], start + _CHUNK >= len(data))
        except UnicodeDecodeError as error:
            # the decoder may have kept some bytes of the chunk before
            return start + error.start - (len(error.object) - len(data[start : start + _CHUNK]))
    return None


def _not_utf8(data: bytes, start: int) -> Blemish:
    index = len(data[:start].decode("utf-8"))
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return Blemish(0, "encoding", "the file is UTF-16, and must be UTF-8", "save it as UTF-8")
    message = "the byte 0x%02x is no UTF-8" % data[start]
    return Blemish(index, "encoding", message, "save the file as UTF-8")
