"""The commands of a shell script: what stands where in sh and bash. Pure; runs nothing.

It reads as far as a shell must to tell apart words, here-documents, comments, `case` patterns and
the like; what the builtins make of their words is in `shellbuiltins`.
"""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Tuple

from orchestra.spec import shellrefusals as no
from orchestra.spec.shellheredocs import HereDocs
from orchestra.spec.shellreader import Lost
from orchestra.spec.shellwords import ARGUMENT, ASSIGNABLE, ONE_WORD, REGEX, Rules, Word

DECLARING = frozenset({"declare", "typeset", "local", "export", "readonly"})
"""Builtins whose arguments may be assignments, arrays among them."""

_LEADING = frozenset(
    ("{", "}", "!", "if", "then", "elif", "else", "fi", "while", "until", "do", "done", "time")
)
_ONLY_BASH = frozenset(("select", "function", "[[", "coproc"))
_RESERVED = _LEADING | _ONLY_BASH | {"case", "for", "esac"}
_REDIRECTION = re.compile(
    r"([0-9]+|\{[A-Za-z_][A-Za-z0-9_]*\})?(<<<|<<-|<<|<&|<>|<|>>|>&|>\||>)|(&>>|&>)"
)
_IN = re.compile(r"in(?=[ \t\n;(]|\\\n|$)")
_ENDINGS: Dict[str, Tuple[str, ...]] = {"": ("",), ")": (")",), "esac": (";;", "esac")}


class Command(NamedTuple):
    """A simple command: assignments, words, `<<<` words, numbers of its here-documents."""

    assignments: List[Word]
    words: List[Word]
    strings: List[Word]
    documents: List[int]


class Loop(NamedTuple):
    """`for` and `select`: the variable, and the words that it becomes one after the other."""

    variable: Word
    words: List[Word]


class ShellLexer(HereDocs):
    """Reads a script: `read()`, then `verdicts`, `commands`, `loops`, `conditions`, `documents`.

    `conditions` are the words and operators of each `[[ … ]]`.
    """

    def __init__(self, text: str, bash: bool) -> None:
        super().__init__(text, bash)
        self.commands: List[Command] = []
        self.loops: List[Loop] = []
        self.conditions: List[List[Word]] = []

    def read(self) -> None:
        """Read the script.

        Raises:
            Lost: it cannot be told how a shell reads it; what was read before that is kept.
        """
        self._commands("")
        self.check_documents(0)

    def substituted_commands(self) -> None:
        """Read the commands of `$(…)`, from behind the parenthesis to behind its twin."""
        start = self.pos
        outer, self.pending = self.pending, []
        self._commands(")")
        self.check_documents(start)
        self.pending = outer
        self.pos += 1

    def word(self, rules: Rules) -> Word:
        """The word that begins here.

        Raises:
            Lost: there is none, or it cannot be told how a shell reads it.
        """
        found = super().word(rules)
        self.check_lines(found.start)
        return found

    def _commands(self, closer: str) -> str:
        """Read commands up to `)`, up to the end of a `case` branch, or to the end of the text.

        Gives back what ended them; `esac` has been read, all else not.
        """
        start = self.pos
        self.deeper()
        ended = ""
        while not ended:
            self._separators()
            if self.pos >= self.end:
                break
            if self.peek() == ")":
                ended = ")"
            elif self.at(";;") or self.at(";&"):
                ended = ";;"
            elif self._command():
                ended = "esac"
        self.shallower()
        if ended not in _ENDINGS[closer]:
            raise self.lost(
                "%s is missing" % closer if not ended else "%s stands alone" % ended, start
            )
        return ended

    def _separators(self) -> None:
        while True:
            self._line_breaks()
            if not self._at_separator():
                return
            self.pos += 1

    def _at_separator(self) -> bool:
        if self.peek() == ";":
            return self.peek(1) not in (";", "&")
        if self.peek() == "&":
            return not (self.bash and self.peek(1) == ">")
        return self.peek() == "|"

    def _line_breaks(self) -> None:
        while True:
            self.skip_blanks()
            if self.peek() == "\n":
                self.line_break()
            elif self.peek() == "#":
                self.comment()
            else:
                return

    def _command(self) -> bool:
        """Read one command, or a reserved word before one; says whether that was `esac`."""
        start = self.pos
        try:
            return self._command_here(Command([], [], [], []))
        except Lost as lost:
            lost.offset = min(start, lost.offset)
            raise

    def _command_here(self, command: Command) -> bool:
        start = self.pos
        while not self._ends_command():
            if self._redirection(command):
                continue
            if self.peek() == "(":
                self._parenthesis_at(command, first=self.pos == start)
                return False
            fresh = self.pos == start
            word = self.word(ARGUMENT if self._only_arguments(command) else ASSIGNABLE)
            if not command.words and word.plain and word.text in _RESERVED:
                if fresh:
                    return self._reserved(word.text)
                if word.text not in ("!", "time"):
                    raise self.lost("%s stands where shells differ" % word.text)
            self._take(command, word)
        self._check_aliases(command)
        self.commands.append(command)
        return False

    def _ends_command(self) -> bool:
        self.skip_blanks()
        char = self.peek()
        if char == "#":
            self.comment()
            return True
        if char == "&":
            return not (self.bash and self.peek(1) == ">")
        return char in ("", "\n", ";", ")", "|")

    def _only_arguments(self, command: Command) -> bool:
        return bool(command.words) and command.words[0].text not in DECLARING

    def _take(self, command: Command, word: Word) -> None:
        if command.words:
            command.words.append(word)
        elif word.assigned is not None:
            command.assignments.append(word)
        else:
            if word.named_by_value:
                self.refuse(word.start, word.end, no.ASSIGNED_NAME)
            elif word.braced:
                self.refuse(word.start, word.end, no.BRACES)
            command.words.append(word)

    def _check_aliases(self, command: Command) -> None:
        """An alias may hold half of a quotation, and sh puts it into what follows."""
        texts = [word.text for word in command.words]
        if texts[:1] == ["alias"] or ("alias" in texts and texts[0] in ("builtin", "command")):
            raise self.lost("alias changes how sh reads what follows")
        if any(word.assigned == "BASH_ALIASES" for word in command.assignments):
            raise self.lost("an alias changes how bash reads what follows")

    def _parenthesis_at(self, command: Command, first: bool) -> None:
        start = self.pos
        if first and self.at("(("):
            if not self.bash:
                raise self.lost_in_sh("((…))")
            self.arithmetic()
            self.check_lines(start)
        elif first:
            self.pos += 1
            self._commands(")")
            self.pos += 1
        elif len(command.words) == 1 and not any((command.assignments, command.strings)):
            self._function_of(command.words[0])
        elif command.assignments and not self.bash:
            raise self.lost_in_sh("arrays")
        else:
            raise self.lost("a ( stands where no command begins")

    def _function_of(self, name: Word) -> None:
        self.refuse(name.start, name.end, no.NAME)
        self.pos += 1
        self.skip_blanks()
        if self.peek() != ")":
            raise self.lost("a ( stands where no command begins")
        self.pos += 1

    def _reserved(self, text: str) -> bool:
        if text in _ONLY_BASH and not self.bash:
            raise self.lost_in_sh(text)
        if text == "case":
            self._case()
        elif text in ("for", "select"):
            self._for()
        elif text == "function":
            self._function()
        elif text == "[[":
            self._condition()
        elif text == "coproc":
            raise self.lost("coproc may name itself or its command")
        return text == "esac"

    def _redirection(self, command: Command) -> bool:
        found = _REDIRECTION.match(self.text, self.pos, self.end)
        if not found:
            return False
        number, operator = found.group(1), found.group(2) or found.group(3)
        if operator in "<>" and self.text[found.end() : found.end() + 1] == "(":
            if not self.bash:
                raise self.lost_in_sh("%s(…)" % operator)
            if number:
                raise self.lost("a number stands before %s(" % operator)
            return False
        if operator == "<<<" and not self.bash:
            raise self.lost_in_sh("<<<")
        self.pos = found.end()
        self.skip_blanks()
        if operator in ("<<", "<<-"):
            command.documents.append(self.begin_document(found.start(), operator == "<<-"))
            return True
        word = self.word(ONE_WORD)
        if operator in ("<&", ">&"):
            self.refuse(word.start, word.end, no.DESCRIPTOR)
        if operator == "<<<":
            command.strings.append(word)
        return True

    def _case(self) -> None:
        self.skip_blanks()
        self.word(ONE_WORD)
        self._line_breaks()
        if not _IN.match(self.text, self.pos, self.end):
            raise self.lost("case without in")
        self.pos += 2
        while True:
            self._line_breaks()
            parenthesis = self.peek() == "("
            if parenthesis:
                self.pos += 1
                self.skip_blanks()
            pattern = self.word(ONE_WORD)
            if pattern.plain and pattern.text == "esac":
                if parenthesis:
                    raise self.lost("(esac stands where a pattern should")
                return
            self._more_patterns()
            if self._commands("esac") == "esac":
                return
            self.pos += 3 if self.at(";;&") else 2

    def _more_patterns(self) -> None:
        self.skip_blanks()
        while self.peek() == "|":
            self.pos += 1
            self.skip_blanks()
            self.word(ONE_WORD)
            self.skip_blanks()
        if self.peek() != ")":
            raise self.lost("a pattern of case does not end in )")
        self.pos += 1

    def _for(self) -> None:
        self.skip_blanks()
        if self.at("(("):
            if not self.bash:
                raise self.lost_in_sh("for ((…))")
            start = self.pos
            self.arithmetic()
            self.check_lines(start)
            return
        variable = self.word(ONE_WORD)
        self.refuse(variable.start, variable.end, no.NAME)
        self._line_breaks()
        words: List[Word] = []
        if _IN.match(self.text, self.pos, self.end):
            self.pos += 2
            while not self._ends_command():
                words.append(self.word(ARGUMENT))
        self.loops.append(Loop(variable, words))

    def _function(self) -> None:
        self.skip_blanks()
        name = self.word(ONE_WORD)
        self.refuse(name.start, name.end, no.NAME)
        self.skip_blanks()
        if self.peek() == "(":
            self._function_of(name)

    def _condition(self) -> None:
        start = self.pos
        words: List[Word] = []
        while True:
            self._line_breaks()
            if words and words[-1].text == "=~":
                words.append(self.word(REGEX))
                continue
            operator = self._condition_operator()
            if operator:
                words.append(Word(self.pos - len(operator), self.pos, operator, plain=True))
                continue
            word = self.word(ONE_WORD)
            if word.plain and word.text == "]]":
                break
            words.append(word)
        self.check_lines(start)
        self.conditions.append(words)

    def _condition_operator(self) -> str:
        for operator in ("&&", "||", "(", ")", "<", ">"):
            if self.at(operator) and not (operator in "<>" and self.peek(1) == "("):
                self.pos += len(operator)
                return operator
        return ""
