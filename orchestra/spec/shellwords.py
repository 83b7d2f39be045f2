"""The words of a shell script, as a command gets them once the quotes are gone. Pure."""

from __future__ import annotations

import re
from typing import List, NamedTuple, Optional

from orchestra.model.workflow import Splice
from orchestra.spec.shellexpansions import Expansions
from orchestra.spec.shellreader import DYNAMIC, VALUE

_RUN = re.compile(r"[A-Za-z0-9_./:,%^~{}-]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ASSIGNED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:\[\x01\])?\+?")
_NAMED_BY_VALUE = re.compile(r"[A-Za-z0-9_\x00\x01\[\]]*\+?")


class Word(NamedTuple):
    """One word of a command, from `start` to `end` in the text.

    `text` is what is left when the quotes are gone; `plain` says that there were none and nothing
    to expand; `assigned` is the variable of `NAME=…` and `NAME[…]=…` with an unquoted name,
    `array` says that it is one; `named_by_value` that a value stands in such a name; `braced` that
    bash may make several words of it, as of `{a,b}`.
    """

    start: int
    end: int
    text: str
    plain: bool = False
    assigned: Optional[str] = None
    array: bool = False
    named_by_value: bool = False
    braced: bool = False


class Rules(NamedTuple):
    """How a word is read at its place.

    `whole` is how a value is handed over that is the whole word; `assignable` lets `name[…]` and
    `name=(…)` be an assignment; `element` is a word of `name=(…)`; `regex` is one after `=~`.
    """

    whole: Splice = Splice.WORD
    assignable: bool = False
    element: bool = False
    regex: bool = False


ONE_WORD = Rules()
ARGUMENT = Rules(whole=Splice.WORDS)
ASSIGNABLE = Rules(whole=Splice.WORDS, assignable=True)
REGEX = Rules(regex=True)
_ELEMENT = Rules(whole=Splice.WORDS, element=True)


class Words(Expansions):
    """Reads words."""

    def word(self, rules: Rules) -> Word:
        """The word that begins here.

        Raises:
            Lost: there is none, or it cannot be told how a shell reads it.
        """
        found = _WordInProgress(self, rules).read()
        if found.start == found.end:
            raise self.lost("a word is missing")
        return found


class _WordInProgress:
    def __init__(self, words: Words, rules: Rules) -> None:
        self._words = words
        self._rules = rules
        self._start = words.pos
        self._pieces: List[str] = []
        self._plain = True
        self._assigned: Optional[str] = None
        self._array = False
        self._named_by_value = False
        self._braced = False
        self._bracket_seen = False
        self._equals_seen = False

    def read(self) -> Word:
        words = self._words
        while self._part():
            pass
        source = words.text[self._start : words.pos]
        if VALUE in source and source.replace("\\\n", "") == VALUE:
            self._is_one_value(self._start + source.index(VALUE))
        return Word(
            self._start,
            words.pos,
            "".join(self._pieces),
            self._plain,
            self._assigned,
            self._array,
            self._named_by_value,
            self._braced,
        )

    def _is_one_value(self, offset: int) -> None:
        if self._words.verdicts[offset] is Splice.WORD:
            self._words.verdicts[offset] = self._rules.whole

    def _part(self) -> bool:
        """Read one part of the word; false at its end."""
        words = self._words
        run = _RUN.match(words.text, words.pos, words.end)
        if run:
            words.pos = run.end()
            self._braced = self._braced or "{" in run.group()
            self._pieces.append(run.group())
            return True
        char = words.peek()
        if char in ("", " ", "\t", "\n"):
            return False
        if char in "<>":
            return self._process_substitution()
        if char in ";&|()":
            return self._metacharacter(char)
        if words.at("\\\n"):
            words.pos += 2
        elif char == "[" and self._subscript_begins():
            self._pieces.append("[%s]" % words.subscript())
        elif char in "'\"\\$`" or char == VALUE:
            self._quoted(self._quotes(char))
        else:
            self._unquoted(char)
        return True

    def _quotes(self, char: str) -> str:
        words = self._words
        if char == VALUE:
            words.value(Splice.WORD)
            return VALUE
        if char == "'":
            return words.single_quoted(Splice.SINGLE)
        if char == '"':
            return words.double_quoted()
        if char == "\\":
            return words.escaped()
        return words.dollar() if char == "$" else words.backquoted()

    def _quoted(self, text: str) -> bool:
        self._plain = False
        self._pieces.append(text)
        return True

    def _unquoted(self, char: str) -> None:
        if char == "=" and not self._equals_seen:
            self._equals_seen = True
            self._equals()
        self._pieces.append(char)
        self._words.pos += 1

    def _equals(self) -> None:
        before = "".join(self._pieces)
        assigned = _ASSIGNED.fullmatch(before)
        if assigned and self._plain:
            self._assigned = assigned.group(1)
            self._array = "[" in before
        elif VALUE in before and _NAMED_BY_VALUE.fullmatch(before):
            self._named_by_value = True

    def _subscript_begins(self) -> bool:
        if self._bracket_seen or not self._words.bash:
            return False
        self._bracket_seen = True
        if self._rules.element:
            return self._words.pos == self._start
        if not (self._rules.assignable and self._plain):
            return False
        return bool(_NAME.fullmatch("".join(self._pieces)))

    def _process_substitution(self) -> bool:
        words = self._words
        if not words.bash or words.peek(1) != "(":
            return False
        words.pos += 2
        words.substituted_commands()
        return self._quoted(DYNAMIC)

    def _metacharacter(self, char: str) -> bool:
        words = self._words
        if self._rules.regex and char == "|":
            self._unquoted(char)
            return True
        if not words.bash or char != "(":
            return False
        if self._rules.regex:
            return self._quoted(words.pattern_group())
        if self._rules.assignable and self._assigned and self._pieces[-1] == "=":
            self._array = True
            return self._quoted(self._elements())
        before = words.text[words.pos - 1] if words.pos > self._start else ""
        if before not in ("?", "*", "+", "@", "!") or words.peek(1) == ")":
            return False
        if before == "!" and words.pos == self._start + 1 and self._rules.assignable:
            raise words.lost("!( may be a pattern or the opposite of a command")
        return self._quoted(words.pattern_group())

    def _elements(self) -> str:
        """Read the `(…)` of `name=(…)`."""
        words = self._words
        words.deeper()
        words.pos += 1
        while True:
            words.skip_blanks()
            char = words.peek()
            if char == ")":
                break
            if char == "\n":
                words.pos += 1
            elif char == "#":
                words.comment()
            else:
                words.word(_ELEMENT)
        words.pos += 1
        words.shallower()
        return DYNAMIC
