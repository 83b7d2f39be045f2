"""Quotes and expansions of a shell script: `"…"`, `'…'`, `$x`, `${…}`, `$(…)`, `$((…))`. Pure.

Each reader begins at the opening mark and ends behind the closing one.
"""

from __future__ import annotations

import re
from typing import List, NamedTuple, Optional

from orchestra.model.workflow import Splice
from orchestra.spec import shellrefusals as no
from orchestra.spec.shellreader import DYNAMIC, VALUE, ShellReader, Verdict
from orchestra.spec.shellrefusals import Refusal

_DOUBLE_RUN = re.compile(r'[^"\\$`\0]+')
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-]")
_KEY_QUOTES = re.compile(r"'[A-Za-z0-9_ .,:/-]*'")
_HEREDOC = "heredoc"


class Defaulted(NamedTuple):
    """`${name=word}`: the variable, and where its word begins and ends."""

    name: str
    start: int
    end: int


class Expansions(ShellReader):
    """Reads quotes and expansions; `defaulted` are the variables that they assign to."""

    def __init__(self, text: str, bash: bool) -> None:
        super().__init__(text, bash)
        self.defaulted: List[Defaulted] = []

    def substituted_commands(self) -> None:
        """Read the commands of `$(…)`, from behind the parenthesis to behind its twin."""
        raise NotImplementedError

    def single_quoted(self, verdict: Verdict) -> str:
        """Read `'…'`; gives back its text."""
        start = self.pos
        closing = self.text.find("'", start + 1, self.end)
        if closing < 0:
            raise self.lost("a ' is never closed")
        self.values_until(closing, verdict)
        self.pos += 1
        return self.text[start + 1 : closing]

    def double_quoted(self, verdict: Verdict = Splice.DOUBLE) -> str:
        """Read `"…"`; gives back its text, `DYNAMIC` for expansions."""
        start = self.pos
        self.pos += 1
        pieces: List[str] = []
        while self.peek() != '"':
            if self.pos >= self.end:
                raise self.lost('a " is never closed', start)
            pieces.append(self._double_part(verdict, '"'))
        self.pos += 1
        return "".join(pieces)

    def heredoc_text(self, end: int) -> None:
        """Read the body of a here-document that is expanded, up to `end`."""
        outer_end, self.end = self.end, end
        while self.pos < end:
            self._double_part(Splice.DOUBLE, _HEREDOC)
        self.end = outer_end

    def _double_part(self, verdict: Verdict, quoted: str) -> str:
        run = _DOUBLE_RUN.match(self.text, self.pos, self.end)
        if run:
            self.pos = run.end()
            return run.group()
        return self._active(verdict, quoted)

    def _active(self, verdict: Verdict, quoted: str) -> str:
        """One character, or what it begins, where quotes have no meaning."""
        char = self.peek()
        if char == VALUE:
            self.value(verdict)
            return VALUE
        if char == "\\":
            return self._escaped_in_double()
        if char == "$":
            return self.dollar(quoted)
        if char == "`":
            return self.backquoted()
        self.pos += 1
        return char

    def _escaped_in_double(self) -> str:
        char = self.escaped()
        if char in ("", VALUE):
            return char
        return char if char in '$`"\\' else "\\" + char

    def escaped(self) -> str:
        """Read a backslash and what it quotes, which is given back; empty for an end of line."""
        self.pos += 1
        char = self.peek()
        if char == VALUE:
            self.value(no.BACKSLASH)
            return VALUE
        self.pos += len(char)
        return "" if char == "\n" else char

    def backquoted(self) -> str:
        """Read a command substitution in backquotes."""
        return self._opaque(1, "`", no.BACKQUOTES)

    def _ansi_c_quoted(self) -> str:
        start = self.pos
        self._opaque(2, "'", no.ANSI_C)
        if not self.bash and "\\" in self.text[start : self.pos]:
            raise self.lost_in_sh("$'…'", start)
        return DYNAMIC

    def _opaque(self, opening: int, closing: str, refusal: Refusal) -> str:
        start = self.pos
        self.pos += opening
        while self.peek() != closing:
            if self.pos >= self.end:
                raise self.lost("a %s is never closed" % closing, start)
            if self.peek() == "\\":
                self.pos += 1
            if self.peek() == VALUE:
                self.value(refusal)
            else:
                self.pos += 1
        self.pos += 1
        return DYNAMIC

    def dollar(self, quoted: str = "") -> str:
        """Read what begins with `$`; `quoted` says in what it stands: `"`, `heredoc` or nothing."""
        parameter = _PARAMETER.match(self.text, self.pos + 1, self.end)
        if parameter:
            # $12 is ${1}2, but all that counts here is that only the shell knows it
            self.pos = parameter.end()
            return DYNAMIC
        self.deeper()
        found = self._expansion(self.peek(1), quoted)
        self.shallower()
        return found

    def _expansion(self, following: str, quoted: str) -> str:
        if following == "(":
            return self._parenthesis()
        if following == "{":
            return self._braces(quoted)
        if following == "[":
            if not self.bash:
                raise self.lost_in_sh("$[…]")
            self.pos += 2
            return self._refused(no.ARITHMETIC, "]")
        if following == "'" and not quoted:
            return self._ansi_c_quoted()
        if following == '"' and not quoted:
            self.pos += 1
            return self.double_quoted(no.TRANSLATED)
        if following == VALUE:
            raise self.lost("a $ stands before a value")
        self.pos += 1
        return "$"

    def _parenthesis(self) -> str:
        if self.peek(2) == "(":
            self.pos += 1
            return self.arithmetic()
        self.pos += 2
        self.substituted_commands()
        return DYNAMIC

    def arithmetic(self) -> str:
        """Read `((…))`."""
        self.pos += 2
        return self._refused(no.ARITHMETIC, "))")

    def subscript(self) -> str:
        """Read `[…]`, the subscript of an array."""
        self.pos += 1
        return self._refused(no.SUBSCRIPT, "]")

    def _refused(self, refusal: Refusal, closing: str) -> str:
        """Read a calculation up to `closing`; no value in it is accepted, however deep."""
        start = self.pos
        outer, self.refusing = self.refusing, self.refusing or refusal
        open_marks: List[str] = []
        while open_marks or not self.at(closing):
            char = self.peek()
            if not char:
                raise self.lost("a calculation or subscript is never closed", start)
            if char in "([":
                open_marks.append(")" if char == "(" else "]")
                self.pos += 1
            elif char in ")]":
                if not open_marks or open_marks.pop() != char:
                    raise self.lost("brackets do not match in what may be a calculation", start)
                self.pos += 1
            else:
                self._calculation_part(char, refusal)
        self.pos += len(closing)
        self.refusing = outer
        return DYNAMIC

    def _calculation_part(self, char: str, refusal: Refusal) -> None:
        if char == '"':
            self.double_quoted()
        elif char == "'":
            key = _KEY_QUOTES.match(self.text, self.pos, self.end)
            if not key:
                raise self.lost("a quote stands in a calculation or subscript")
            self.pos = key.end()
        else:
            self._active(refusal, "")

    def pattern_group(self) -> str:
        """Read `(…)` of an extended pattern or of a regular expression; it takes no values."""
        start = self.pos
        self.deeper()
        outer, self.refusing = self.refusing, self.refusing or no.PATTERN_GROUP
        self.pos += 1
        while self.peek() != ")":
            char = self.peek()
            if not char:
                raise self.lost("a ( is never closed", start)
            if char == "(":
                self.pattern_group()
            else:
                self._bare_part(char)
        self.pos += 1
        self.refusing = outer
        self.shallower()
        return DYNAMIC

    def _bare_part(self, char: str) -> None:
        if char == "'":
            self.single_quoted(Splice.SINGLE)
        elif char == '"':
            self.double_quoted()
        elif char == "\\":
            self.escaped()
        elif char in "<>" and self.peek(1) == "(":
            raise self.lost("%s( stands where it may be text" % char)
        else:
            self._active(Splice.WORD, "")

    def _braces(self, quoted: str) -> str:
        start = self.pos
        self.pos += 2
        if self.peek() == VALUE:
            return self._braced_word(quoted, no.NAME, start)
        unusual = self._parameter_mark()
        name = _PARAMETER.match(self.text, self.pos, self.end)
        if not name:
            raise self.lost("this ${ is none that every shell knows", start)
        self.pos = name.end()
        if self.peek() == "[":
            if not self.bash:
                raise self.lost_in_sh("arrays")
            self.subscript()
        if self.peek() == "}":
            self.pos += 1
            return DYNAMIC
        return self._operation(quoted, name.group(), unusual, start)

    def _parameter_mark(self) -> bool:
        """Read the `#` of `${#x}` or the `!` of `${!x}`; says whether there was one."""
        if self.peek() in ("#", "!") and _PARAMETER.match(self.text, self.pos + 1, self.end):
            self.pos += 1
            return True
        return False

    def _operation(self, quoted: str, name: str, unusual: bool, start: int) -> str:
        if self.peek() == VALUE:
            return self._braced_word(quoted, no.NAME, start)
        operator = self._operator()
        if unusual or operator not in ("-", "=", "?", "+", "#", "%"):
            refusal = no.SUBSTRING if operator == ":" else no.PATTERN_IN_BRACES
            return self._braced_word(quoted, refusal, start)
        if operator in "#%":
            return self._braced_word(quoted, no.PATTERN_IN_BRACES if quoted else None, start)
        word_start = self.pos
        self._braced_word(quoted, None, start)
        if operator == "=":
            self.defaulted.append(Defaulted(name, word_start, self.pos))
        return DYNAMIC

    def _operator(self) -> str:
        if self.peek() == ":" and self.peek(1) in ("-", "=", "?", "+"):
            self.pos += 1
        operator = self.peek()
        self.pos += len(operator)
        if operator in ("#", "%") and self.peek() == operator:
            self.pos += 1
        return operator

    def _braced_word(self, quoted: str, refusal: Optional[Refusal], start: int) -> str:
        """Read the word of `${x-word}` and the brace; with a refusal it takes no values."""
        outer, self.refusing = self.refusing, self.refusing or refusal
        while self.peek() != "}":
            char = self.peek()
            if not char:
                raise self.lost("a ${ is never closed", start)
            if not quoted:
                self._bare_part(char)
            elif char in "'\"":
                self._quotes_in_quoted_braces(char, quoted)
            else:
                self._active(Splice.DOUBLE, quoted)
        self.pos += 1
        self.refusing = outer
        return DYNAMIC

    def _quotes_in_quoted_braces(self, char: str, quoted: str) -> None:
        start = self.pos
        if quoted == _HEREDOC:
            raise self.lost("a quote stands inside ${ in a here-document")
        if char == '"':
            doubtful = "}" in self.double_quoted(no.QUOTES_IN_BRACES)
        else:
            inside = self.single_quoted(no.QUOTES_IN_BRACES)
            doubtful = any(mark in inside for mark in '}"\\$`')
        if doubtful:
            raise self.lost('shells differ about such quotes inside "${', start)
