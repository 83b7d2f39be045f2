"""What the shell's own commands do with their words: names, formats, operators, code. Pure.

A value is refused where a builtin would evaluate it: most of them run `$(…)` in the subscript of a
name they are given. Each was seen to happen in bash 5.2.
"""

from __future__ import annotations

import re
from typing import List, Mapping, Match, NamedTuple, Optional, Set, Tuple

from orchestra.model.workflow import Splice
from orchestra.spec import shellrefusals as no
from orchestra.spec.shelllexer import DECLARING, Command, ShellLexer
from orchestra.spec.shellreader import DYNAMIC, VALUE
from orchestra.spec.shellrefusals import Refusal
from orchestra.spec.shellwords import Word

_EVALUATED = frozenset({"PS4", "BASH_ENV"})
_INTEGERS = frozenset({"RANDOM", "SRANDOM", "SECONDS", "HISTCMD", "OPTIND", "LINENO", "BASHPID"})
_ARRAYS = frozenset(
    {"BASH_ARGC", "BASH_ARGV", "BASH_CMDS", "BASH_LINENO", "BASH_REMATCH", "BASH_SOURCE"}
    | {"BASH_VERSINFO", "COPROC", "DIRSTACK", "FUNCNAME", "GROUPS", "MAPFILE", "PIPESTATUS"}
)
_NAME_TAKERS = frozenset({"read", "unset", "getopts", "mapfile", "readarray", "wait"})
_CHANGERS = frozenset({"bind", "compgen", "complete", "compopt", "enable", "fc", "shopt"})
_CHECKS: Mapping[str, Refusal] = {
    "let": no.ARITHMETIC,
    **dict.fromkeys(_NAME_TAKERS, no.NAME),
    **dict.fromkeys(_CHANGERS, no.BUILTIN),
}
_AFTER_NOTHING = frozenset(_CHECKS) | DECLARING | {"printf", "["}
_SEE_THROUGH = frozenset({"command", "builtin", "-p", "--"})

_NUMERIC_TESTS = frozenset({"-eq", "-ne", "-lt", "-le", "-gt", "-ge"})
_NAME_TESTS = frozenset({"-v", "-R"})
_JOINING = frozenset({"", "!", "(", ")", "-a", "-o"})
_BINARY_TESTS = _NUMERIC_TESTS | {"=", "==", "!=", "<", ">", "-nt", "-ot", "-ef"}
_UNARY_TESTS = frozenset("-" + letter for letter in "abcdefghknoprstuwxzGLNOS")

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[\x01\])?\+?=")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class _Declared(NamedTuple):
    """What the script declares: an assignment to an integer or reference is evaluated.

    `any_integer` says that only the shell knows which variables are integers.
    """

    integers: Set[str]
    arrays: Set[str]
    any_integer: bool

    def evaluates(self, name: str) -> bool:
        return self.any_integer or name in self.integers or name in _INTEGERS


def check_builtins(lexer: ShellLexer) -> None:
    """Refuse the values that a builtin, or an assignment, would evaluate."""
    declared = _declarations(lexer)
    for command in lexer.commands:
        for word in command.assignments:
            _check_variable(lexer, word.assigned or "", word.start, word.end, declared)
        _check_command(lexer, command, declared)
    for loop in lexer.loops:
        for word in loop.words:
            _check_variable(lexer, loop.variable.text, word.start, word.end, declared)
    for default in lexer.defaulted:
        _check_variable(lexer, default.name, default.start, default.end, declared)
    for condition in lexer.conditions:
        _check_condition(lexer, condition)


def builtin_of(words: List[Word]) -> Tuple[str, List[Word]]:
    """The name of the command, looked for behind `command` and `builtin`, and its arguments."""
    place = 0
    while place < len(words) and words[place].text in _SEE_THROUGH:
        place += 1
    if place == len(words):
        return "", []
    # an unquoted $x and a list may be empty, and the next word the command
    behind = place
    while behind < len(words) and words[behind].text in (DYNAMIC, VALUE):
        behind += 1
    if behind < len(words) and words[behind].text in _AFTER_NOTHING:
        place = behind
    return words[place].text, words[place + 1 :]


def _declarations(lexer: ShellLexer) -> _Declared:
    integers: Set[str] = set()
    arrays: Set[str] = set()
    any_integer = False
    for command in lexer.commands:
        arrays.update(word.assigned or "" for word in command.assignments if word.array)
        name, arguments = builtin_of(command.words)
        if name in ("read", "mapfile", "readarray"):
            arrays.update(word.text for word in arguments)
        if name not in DECLARING:
            continue
        flags = _flags(arguments)
        names = [_declared_name(word) for word in arguments]
        if flags is None or ({"i", "n"} & flags and None in names):
            any_integer = any_integer or name != "export"
            continue
        if {"i", "n"} & flags:
            integers.update(filter(None, names))
        if {"a", "A"} & flags:
            arrays.update(filter(None, names))
        arrays.update(word.assigned or "" for word in arguments if word.array)
    return _Declared(integers, arrays, any_integer)


def _flags(arguments: List[Word]) -> Optional[Set[str]]:
    """The letters of the options; None where only the shell knows them."""
    if any(word.text in (DYNAMIC, VALUE) for word in arguments):
        return None
    options = [word.text for word in arguments if word.text.startswith("-")]
    if any(DYNAMIC in option or VALUE in option for option in options):
        return None
    return set("".join(options))


def _declared_name(word: Word) -> Optional[str]:
    """The variable that an argument declares; empty for an option, None if it cannot be told."""
    if word.text[:1] in ("-", "+"):
        return ""
    found = _ASSIGNMENT.match(word.text)
    if found:
        return found.group(1)
    return word.text if _NAME.fullmatch(word.text) else None


def _check_variable(
    lexer: ShellLexer, name: str, start: int, end: int, declared: _Declared
) -> None:
    if name in _EVALUATED:
        lexer.refuse(start, end, no.EVALUATED)
    elif declared.evaluates(name):
        lexer.refuse(start, end, no.INTEGER)


def _check_command(lexer: ShellLexer, command: Command, declared: _Declared) -> None:
    name, arguments = builtin_of(command.words)
    if name in DECLARING:
        _check_declaring(lexer, name, arguments, declared)
    elif name == "printf":
        _check_printf(lexer, arguments, declared)
    elif name == "test":
        _check_test(lexer, arguments)
    elif name == "[":
        _check_test(lexer, arguments[:-1])
    elif name in _CHECKS:
        for word in arguments:
            lexer.refuse(word.start, word.end, _CHECKS[name])


def _check_declaring(
    lexer: ShellLexer, name: str, arguments: List[Word], declared: _Declared
) -> None:
    flags = _flags(arguments)
    for word in arguments:
        found = _ASSIGNMENT.match(word.text)
        compound = word.array and found is not None and found.group(2) is None
        if found is None:
            refusal: Optional[Refusal] = no.NAME
        elif flags is None or {"i", "n"} & flags:
            refusal = no.INTEGER
        elif not compound and _is_reparsed(name, word.text, found, flags, declared):
            refusal = no.REPARSED
        else:
            refusal = None
        if refusal:
            lexer.refuse(word.start, word.end, refusal)
        elif found:
            _check_variable(lexer, found.group(1), word.start, word.end, declared)


def _is_reparsed(
    name: str, text: str, found: Match[str], flags: Set[str], declared: _Declared
) -> bool:
    """Whether the text that is assigned may be read once more, as the elements of an array."""
    if found.group(2) or text.startswith("(", found.end()) or {"a", "A"} & flags:
        return True
    variable = found.group(1)
    return name != "export" and (variable in declared.arrays or variable in _ARRAYS)


def _check_printf(lexer: ShellLexer, arguments: List[Word], declared: _Declared) -> None:
    rest = arguments
    if rest and rest[0].text.startswith("-v"):
        taken = 1 if len(rest[0].text) > 2 else 2
        target, rest = rest[:taken], rest[taken:]
        lexer.refuse(target[0].start, target[-1].end, no.NAME)
        variable = "".join(word.text for word in target)[2:].partition("[")[0]
        for word in rest:
            _check_variable(lexer, variable, word.start, word.end, declared)
    if not rest or rest[0].text == "--":
        return
    first = rest[0]
    if first.text[:1] in (DYNAMIC, "-"):
        # another option, or an unquoted $x that is empty: what follows may be the format
        doubtful = rest
    else:
        doubtful = rest[:1] if first.text[:1] == VALUE or first.braced else []
    for word in doubtful:
        lexer.refuse(word.start, word.end, no.FORMAT)


def _check_test(lexer: ShellLexer, arguments: List[Word]) -> None:
    texts = ["", *(word.text for word in arguments), ""]
    for word, before, after in zip(arguments, texts, texts[2:]):
        if not lexer.has_value(word.start, word.end):
            continue
        _keep_one_word(lexer, word)
        if before in _NAME_TESTS:
            lexer.refuse(word.start, word.end, no.NAME)
        elif word.braced:
            lexer.refuse(word.start, word.end, no.BRACES)
        elif not _is_operand(word.text, before, after):
            lexer.refuse(word.start, word.end, no.TEST_OPERATOR)


def _keep_one_word(lexer: ShellLexer, word: Word) -> None:
    """A list of several words could bring its own operators."""
    if lexer.verdicts.get(word.start) is Splice.WORDS:
        lexer.verdicts[word.start] = Splice.WORD


def _is_operand(text: str, before: str, after: str) -> bool:
    if text[:1] not in (VALUE, DYNAMIC, "-", "(", ")", "!"):
        return True
    if before in _BINARY_TESTS or before in _UNARY_TESTS:
        return True
    return before in _JOINING and (after in _BINARY_TESTS or after in _JOINING)


def _check_condition(lexer: ShellLexer, words: List[Word]) -> None:
    texts = ["", *(word.text for word in words), ""]
    for word, before, after in zip(words, texts, texts[2:]):
        if before in _NAME_TESTS:
            lexer.refuse(word.start, word.end, no.NAME)
        elif before in _NUMERIC_TESTS or after in _NUMERIC_TESTS:
            lexer.refuse(word.start, word.end, no.COMPARISON)
