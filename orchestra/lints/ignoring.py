"""The comments `# orchestra: ignore[CODE]` of a file, and what they hide. Pure."""

from __future__ import annotations

import re
from typing import Dict, List, Mapping, Match, NamedTuple, Set, Tuple

from orchestra.errors import Fault
from orchestra.model.nearest import did_you_mean
from orchestra.spec.document import Document

_COMMENT = re.compile(
    r"(?:(^[ \t]*)|[ \t])\#[ \t]*orchestra:[ \t]*ignore\b(?:\[([^\]\n]*)\])?", re.MULTILINE
)
_WORD = re.compile(r"[^\s,]+")
_MOST_HINTS = 60

UNKNOWN = "unknown-lint"
"""The code of a comment that names no lint."""


class Comments(NamedTuple):
    """The codes that are ignored, by line, and what is wrong with the comments themselves."""

    codes_by_line: Mapping[int, Set[str]]
    faults: Tuple[Fault, ...]

    def hides(self, fault: Fault) -> bool:
        """Whether the fault is ignored; an error never is."""
        codes = self.codes_by_line.get(fault.line, ())
        return fault.severity == "warning" and fault.code in codes


def read_comments(document: Document, code_by_word: Mapping[str, str]) -> Comments:
    """The comments of a file; `code_by_word` has the codes by all words that stand for one.

    One behind something speaks of its own line, one alone on its line of the next line as well.
    """
    text = document.text
    codes_by_line: Dict[int, Set[str]] = {}
    faults: List[Fault] = []
    found = list(_COMMENT.finditer(text)) if "orchestra:" in text else []
    places = document.line_columns(
        [comment.end() for comment in found] + [at for each in found for _, at in _words(each)]
    )
    for comment in found:
        line, column = places[comment.end()]
        words = _words(comment)
        if not words:
            hint = "write which lint: `# orchestra: ignore[L101]`"
            faults.append(_fault(document, line, column, "this comment ignores nothing", hint))
        for word, at in words:
            if word in code_by_word:
                for number in (line, line + 1) if comment[1] is not None else (line,):
                    codes_by_line.setdefault(number, set()).add(code_by_word[word])
                continue
            hint = did_you_mean(word, code_by_word) if len(faults) < _MOST_HINTS else ""
            faults.append(_fault(document, *places[at], "`%s` is no lint" % word, hint))
    return Comments(codes_by_line, tuple(faults))


def _words(comment: Match[str]) -> List[Tuple[str, int]]:
    """The words in the brackets of a comment, and where each begins."""
    return [
        (word.group(), comment.start(2) + word.start()) for word in _WORD.finditer(comment[2] or "")
    ]


def _fault(document: Document, line: int, column: int, message: str, hint: str) -> Fault:
    return Fault(document.file, line, column, (), "warning", UNKNOWN, message, hint)
