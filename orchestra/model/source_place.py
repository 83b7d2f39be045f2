"""Where in the sources the end of a log points to, as compilers and tracebacks write it. Pure."""

from __future__ import annotations

import re
from typing import Callable, Iterator, NamedTuple, Optional, Sequence, Tuple

_PLACES = re.compile(
    r"""File\ "(?P<python>[^"]+)",\ line\ (?P<at>[0-9]{1,7})
    |(?:^|(?<=[\s"'`(\[=]))(?P<file>[^\s"'`()\[\]:=]+\.\w{1,10})
     :(?P<line>[0-9]{1,7})(?::(?P<column>[0-9]{1,5}))?(?P<rest>:?\s+(?:fatal\s+)?error\b)?""",
    re.VERBOSE,
)
_LONGEST = 1000


class Place(NamedTuple):
    """A line of a file, both counted from 1; `column` is None where none was named."""

    file: str
    line: int
    column: Optional[int] = None


def place_in(lines: Sequence[str], find: Callable[[str], Optional[str]]) -> Optional[Place]:
    """The place that is most likely at fault; None where no line names a file that there is.

    That is the first that a compiler calls an error, else the last that is named: so tracebacks
    and test runs end. `find` gives the name to show of a file, None where there is no such file.
    """
    last = None
    for line in lines:
        for place, is_error in _places(line[:_LONGEST]):
            file = find(place.file)
            if file is None:
                continue
            last = place._replace(file=file)
            if is_error:
                return last
    return last


def _places(line: str) -> Iterator[Tuple[Place, bool]]:
    for match in _PLACES.finditer(line):
        if match["python"]:
            yield Place(match["python"], int(match["at"])), False
        else:
            column = int(match["column"]) if match["column"] else None
            yield Place(match["file"], int(match["line"]), column), bool(match["rest"])
