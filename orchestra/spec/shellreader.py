"""A place in a shell script, and what has been decided of the values before it. Pure; runs nothing.

The text that is read has one `VALUE` character in place of each expression. Whatever a shell might
read differently from another, or from us, ends in `Lost`: from there on no value is accepted.
"""

from __future__ import annotations

from typing import Dict, Optional, Union

from orchestra.model.workflow import Splice
from orchestra.spec.shellrefusals import Refusal

VALUE = "\0"
"""Stands for an expression, in the text that is read and in `Word.text`."""

DYNAMIC = "\1"
"""Stands in `Word.text` for what only the shell knows: `$x`, `$(…)`."""

MAX_DEPTH = 40
"""Levels of `$(…)`, `${…}`, `(…)`, `case` inside each other."""

Verdict = Union[Splice, Refusal, None]
"""How a value is handed over at its place, or why not; None in a comment, which stays as it is."""


class Lost(Exception):
    """It cannot be told how a shell reads what follows.

    `seen` is the place that says so; `offset` is where what cannot be trusted begins; `bash_reads`
    says that bash would read it, and only sh may not.
    """

    def __init__(self, offset: int, reason: str, bash_reads: bool = False) -> None:
        super().__init__(reason)
        self.seen = self.offset = offset
        self.reason = reason
        self.bash_reads = bash_reads


class ShellReader:
    """A place in the text. `verdicts` are by the offset of the value."""

    def __init__(self, text: str, bash: bool) -> None:
        self.text = text
        self.pos = 0
        self.end = len(text)
        self.bash = bash
        self.verdicts: Dict[int, Verdict] = {}
        self.refusing: Optional[Refusal] = None
        self._depth = 0

    def peek(self, ahead: int = 0) -> str:
        """The character `ahead` of the present one; empty behind the end."""
        place = self.pos + ahead
        return self.text[place] if place < self.end else ""

    def at(self, mark: str) -> bool:
        """Whether the text goes on with `mark`."""
        return self.text.startswith(mark, self.pos, self.end)

    def lost(self, reason: str, offset: Optional[int] = None) -> Lost:
        """The exception for one who cannot be sure from `offset` (the present place) on."""
        return Lost(self.pos if offset is None else offset, reason)

    def lost_in_sh(self, what: str, offset: Optional[int] = None) -> Lost:
        """The exception for what bash knows and not every sh."""
        place = self.pos if offset is None else offset
        return Lost(place, "not every sh knows %s" % what, bash_reads=True)

    def value(self, verdict: Verdict) -> None:
        """Go past the value at the present place; where `refusing` is set, that is the verdict."""
        self.verdicts[self.pos] = self.refusing or verdict
        self.pos += 1

    def values_until(self, end: int, verdict: Verdict) -> None:
        """Go to `end`; the values on the way get the verdict."""
        while True:
            found = self.text.find(VALUE, self.pos, end)
            if found < 0:
                self.pos = end
                return
            self.pos = found
            self.value(verdict)

    def has_value(self, start: int, end: int) -> bool:
        """Whether a value stands between these offsets, however deep."""
        return self.text.find(VALUE, start, end) >= 0

    def refuse(self, start: int, end: int, refusal: Refusal) -> None:
        """No value between these offsets is accepted, however deep it stands."""
        found = self.text.find(VALUE, start, end)
        while found >= 0:
            self.verdicts[found] = refusal
            found = self.text.find(VALUE, found + 1, end)

    def deeper(self) -> None:
        """Begin one level more of nesting.

        Raises:
            Lost: there are too many.
        """
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self.lost("it is nested more than %d levels deep" % MAX_DEPTH)

    def shallower(self) -> None:
        """End a level of nesting."""
        self._depth -= 1

    def skip_blanks(self) -> None:
        """Go past blanks and line continuations."""
        while True:
            if self.peek() in (" ", "\t"):
                self.pos += 1
            elif self.at("\\\n"):
                self.pos += 2
            else:
                return

    def comment(self) -> None:
        """Go to the end of the line."""
        end = self.text.find("\n", self.pos, self.end)
        outer, self.refusing = self.refusing, None
        self.values_until(self.end if end < 0 else end, None)
        self.refusing = outer
