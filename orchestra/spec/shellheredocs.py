"""The here-documents of a shell script: delimiters, and the bodies that follow. Pure."""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Tuple

from orchestra.spec import shellrefusals as no
from orchestra.spec.shellreader import VALUE
from orchestra.spec.shellwords import Words

_QUOTED_PART = re.compile(r"'([^'\n\0]*)'|\"([^\"\n\\$`\0]*)\"|\\([^\n\0])")
_PLAIN_PART = re.compile(r"[^ \t\n;&|<>()'\"\\$`\0]+")

_BEHIND = ("", " ", "\t", "\n", ";", "&", "|", "<", ">", "(", ")")


class HereDoc(NamedTuple):
    """A here-document whose body is still to come; `number` is its place among all."""

    offset: int
    delimiter: str
    quoted: bool
    indented: bool
    number: int


class HereDocs(Words):
    """Reads here-documents. `documents` are where bodies begin and end, by number."""

    def __init__(self, text: str, bash: bool) -> None:
        super().__init__(text, bash)
        self.documents: Dict[int, Tuple[int, int]] = {}
        self.pending: List[HereDoc] = []
        self._begun = 0

    def begin_document(self, offset: int, indented: bool) -> int:
        """Read the delimiter of the document whose operator is at `offset`; gives its number."""
        start = self.pos
        pieces: List[str] = []
        quoted = False
        while True:
            plain = _PLAIN_PART.match(self.text, self.pos, self.end)
            part = plain or _QUOTED_PART.match(self.text, self.pos, self.end)
            if not part:
                break
            quoted = quoted or not plain
            pieces.append(part.group() if plain else "".join(filter(None, part.groups())))
            self.pos = part.end()
        if self.peek() == VALUE:
            self.value(no.HEREDOC_DELIMITER)
        if self.pos == start or self.peek() not in _BEHIND:
            raise self.lost("this delimiter of a here-document is none every shell knows", offset)
        self._begun += 1
        delimiter = "".join(pieces)
        self.pending.append(HereDoc(offset, delimiter, quoted, indented, self._begun))
        return self._begun

    def line_break(self) -> None:
        """Go past the end of a line, and past the documents that follow it."""
        self.pos += 1
        pending, self.pending = self.pending, []
        for document in pending:
            self._read_document(document)

    def check_documents(self, start: int) -> None:
        """Nothing is pending where commands that began at `start` end.

        Raises:
            Lost: a document has no body.
        """
        if self.pending:
            raise self.lost("a here-document has no body", start)

    def check_lines(self, start: int) -> None:
        """What was read since `start` does not go over a line end behind which a document begins.

        Raises:
            Lost: it does, and shells differ about where the document is then.
        """
        if self.pending and self.text.find("\n", start, self.pos) >= 0:
            raise self.lost("a here-document begins in the middle of this", start)

    def _read_document(self, document: HereDoc) -> None:
        start = self.pos
        while True:
            line_start = self.pos
            if line_start >= self.end:
                raise self.lost("a here-document never ends", document.offset)
            if self._is_delimiter(document):
                break
        behind, self.pos = self.pos, start
        if document.quoted:
            self.values_until(line_start, no.QUOTED_HEREDOC)
        else:
            self.heredoc_text(line_start)
        self.documents[document.number] = (start, line_start)
        self.pos = behind

    def _is_delimiter(self, document: HereDoc) -> bool:
        """Read one line, in a body that is expanded with those it continues in."""
        lines = [self._line()]
        while not document.quoted and self.pos < self.end and _continues(lines[-1]):
            lines.append(self._line())
        whole = "".join(line[:-1] for line in lines[:-1]) + lines[-1]
        found = (whole.lstrip("\t") if document.indented else whole) == document.delimiter
        if found and len(lines) > 1:
            raise self.lost("a delimiter of a here-document is continued", document.offset)
        return found

    def _line(self) -> str:
        found = self.text.find("\n", self.pos, self.end)
        end = self.end if found < 0 else found
        line = self.text[self.pos : end]
        self.pos = min(end + 1, self.end)
        return line


def _continues(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1
