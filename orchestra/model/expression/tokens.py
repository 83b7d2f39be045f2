"""The words of an expression: source to tokens. Pure; its time grows with the source only."""

from __future__ import annotations

import math
import re
from typing import Dict, List, Mapping, Match, NamedTuple, Tuple, Union

from orchestra.model.expression.hints import HINT_BY_WRONG_SIGN
from orchestra.model.expression.values import MAX_NUMBER, ExpressionError, shown

MAX_SOURCE = 64 * 2**10
"""Characters in one expression."""

OPEN = "${{"
CLOSE = "}}"
KEYWORDS = frozenset({"and", "or", "not", "in", "if", "else", "true", "false", "null"})


class Token(NamedTuple):
    """One word of an expression.

    `kind` is `name`, `number`, `text`, `key` (what follows a dot), `end`, or the sign or keyword
    itself; `value` is the number or the unquoted text, for all others how they are written.
    """

    kind: str
    value: Union[str, int, float]
    offset: int


_NUMBER = r"""
    (?P<number> (?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?(?![\w.]) )
  | (?P<figure> \.?[0-9][\w.]* )
"""
_ANYWHERE = r"""
    (?P<name> [^\W\d]\w* )
  | (?P<text> '[^'\\\n]*(?:\\.[^'\\\n]*)*' | "[^"\\\n]*(?:\\.[^"\\\n]*)*" )
  | (?P<wrong> === | !== | && | & | \|\| | \| | \*\* | << | >> | <> | := | ->
             | =(?!=) | !(?!=) | [?^~;$\#@`\\] )
  | (?P<sign> [=!<>]= | // | [-+*/%<>()\[\]{},:.] )
  | (?P<quote> ['"] )
  | (?P<other> [^ \t\r\n] )
"""


def _pattern(*words: str) -> re.Pattern[str]:
    return re.compile(r"[ \t\r\n]*(?:%s)" % "|".join(words), re.VERBOSE)


_BEFORE_OPERAND = _pattern(_NUMBER, _ANYWHERE)
_AFTER_OPERAND = _pattern(r"\.(?P<key>[\w-]+)", _NUMBER, _ANYWHERE)

_PATTERN_AFTER: Mapping[str, re.Pattern[str]] = {
    **dict.fromkeys(("name", "number", "text", "key"), _AFTER_OPERAND),
    **dict.fromkeys(("true", "false", "null", ")", "]", "}"), _AFTER_OPERAND),
}
_OPENING: Mapping[str, str] = {")": "(", "]": "[", "}": "{"}

_ENDS_WITH = "an expression ends with }}"
_MAX_DIGITS = 19
_ESCAPE = re.compile(
    r"\\(?:x(?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})|(?P<sign>.))"
)
_CHARACTER_BY_SIGN: Dict[str, str] = {
    "\\": "\\",
    "'": "'",
    '"': '"',
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
}


def tokenize(source: str) -> List[Token]:
    """The tokens of a source that is one expression, an `end` token last.

    Raises:
        ExpressionError: a word is none, brackets do not match, or the source is too long.
    """
    if len(source) > MAX_SOURCE:
        raise too_long(0)
    return _Reader(source, 0, closed=False).read()[0]


def tokenize_closed(text: str, start: int) -> Tuple[List[Token], int]:
    """The tokens of the expression after the `${{` that ends at `start`, and where its `}}` ends.

    Raises:
        ExpressionError: as `tokenize`, or there is no `}}`.
    """
    return _Reader(text, start, closed=True).read()


class _Reader:
    """Reads one expression from left to right; `closed`: it ends with `}}`."""

    def __init__(self, source: str, start: int, closed: bool) -> None:
        self.source = source
        self.start = start
        self.limit = min(len(source), start + MAX_SOURCE)
        self.closed = closed
        self.brackets: List[Tuple[str, int]] = []
        self.tokens: List[Token] = []

    def read(self) -> Tuple[List[Token], int]:
        position = self.start
        kind = ""
        while True:
            pattern = _PATTERN_AFTER.get(kind, _BEFORE_OPERAND)
            match = pattern.match(self.source, position, self.limit)
            if match is None:
                return self.finish()
            position = match.end()
            group = str(match.lastgroup)
            word = match.group(group)
            offset = position - len(word)
            if group == "name":
                kind = word if word in KEYWORDS else "name"
                self.tokens.append(Token(kind, word, offset))
            elif group == "key":
                kind = "key"
                self.tokens.append(Token(kind, word, offset))
            elif group == "sign":
                kind = word
                if word in "()[]{}" and self.ends_with(word, offset):
                    self.tokens.append(Token("end", "", offset))
                    return self.tokens, position + 1
                self.tokens.append(Token(kind, word, offset))
            else:
                kind = group
                self.tokens.append(Token(kind, self.value(kind, word, offset), offset))

    def ends_with(self, bracket: str, offset: int) -> bool:
        """Note the bracket; is it the start of the `}}` that ends the expression."""
        if bracket in "([{":
            self.brackets.append((bracket, offset))
            return False
        innermost, opened = self.brackets[-1] if self.brackets else ("", offset)
        if innermost == _OPENING[bracket]:
            self.brackets.pop()
            return False
        if innermost:
            raise self.refusal("`%s` is never closed" % innermost, opened)
        if self.closed and self.source.startswith(CLOSE, offset):
            return True
        hint = _ENDS_WITH if self.closed and bracket == "}" else ""
        raise self.refusal("`%s` closes nothing" % bracket, offset, hint)

    def value(self, kind: str, word: str, offset: int) -> Union[str, int, float]:
        if kind == "text":
            return word[1:-1] if "\\" not in word else _unescape(word[1:-1], offset + 1)
        if kind == "number":
            return _number(word, offset)
        if kind == "figure":
            raise self.refusal("%s is not a number" % shown(word), offset, _figure_hint(word))
        if kind == "quote":
            raise self.refusal(
                "the quoted text does not end on its line", offset, "a new line in it is \\n"
            )
        if word == "$" and self.source.startswith(OPEN, offset):
            raise self.opened_twice(offset)
        raise self.refusal(
            "%s is not part of the expression language" % shown(word),
            offset,
            HINT_BY_WRONG_SIGN.get(word, ""),
        )

    def finish(self) -> Tuple[List[Token], int]:
        if self.closed:
            raise self.unclosed()
        if self.brackets:
            innermost, opened = self.brackets[-1]
            raise ExpressionError("`%s` is never closed" % innermost, opened)
        self.tokens.append(Token("end", "", self.limit))
        return self.tokens, self.limit

    def refusal(self, message: str, offset: int, hint: str = "") -> ExpressionError:
        """The error; where no `}}` is left, that is the one to tell."""
        if self.closed and CLOSE not in self.source[offset : self.limit]:
            return self.unclosed()
        return ExpressionError(message, offset, hint)

    def opened_twice(self, offset: int) -> ExpressionError:
        if self.closed:
            return self.unclosed()
        return ExpressionError(
            "`${{` inside an expression", offset, "put all of it into one ${{ }}, or leave it out"
        )

    def unclosed(self) -> ExpressionError:
        if self.limit < len(self.source) and CLOSE in self.source[self.limit - 1 :]:
            return too_long(self.start)
        return ExpressionError("`${{` is never closed", self.start - len(OPEN), _ENDS_WITH)


def too_long(offset: int) -> ExpressionError:
    """The error for an expression that starts at the offset and has more than `MAX_SOURCE`."""
    return ExpressionError("the expression is longer than %d KiB" % (MAX_SOURCE // 1024), offset)


def _number(word: str, offset: int) -> Union[int, float]:
    if not word.isdigit():
        number = float(word)
        if math.isinf(number):
            raise ExpressionError("the number is too large", offset)
        return number
    if len(word) > 1 and word[0] == "0":
        raise ExpressionError(
            "%s is not a number" % shown(word), offset, "write it without the 0, or quoted as text"
        )
    if len(word) > _MAX_DIGITS or int(word) >= MAX_NUMBER:
        raise ExpressionError("the number is too large", offset)
    return int(word)


def _figure_hint(word: str) -> str:
    if "_" in word:
        return "a number has no _ in it"
    return "write it in decimal digits, or quoted as text"


def _unescape(text: str, offset: int) -> str:
    def character(match: Match[str]) -> str:
        sign = match.group("sign")
        if sign is None:
            code = int(match.group(match.lastgroup or 0), 16)
            if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF:
                return chr(code)
        elif sign in _CHARACTER_BY_SIGN:
            return _CHARACTER_BY_SIGN[sign]
        raise ExpressionError(
            "`%s` is not a character" % match.group(),
            offset + match.start(),
            "a backslash itself is written twice",
        )

    return _ESCAPE.sub(character, text)
