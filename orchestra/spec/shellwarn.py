"""Doubtful uses of values in a script: as code for another interpreter, as an option. Pure.

A warning never stops anything: the value is one word all the same, the shell does not run it.
"""

from __future__ import annotations

from typing import Dict, FrozenSet, Iterator, List, NamedTuple, Tuple

from orchestra.spec.shellbuiltins import builtin_of
from orchestra.spec.shelllexer import Command, ShellLexer
from orchestra.spec.shellreader import VALUE
from orchestra.spec.shellwords import Word

_SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "fish"})
_CODE_OPTIONS: Dict[str, Tuple[str, ...]] = {
    **dict.fromkeys(_SHELLS, ("-c",)),
    **dict.fromkeys(("python", "python2", "python3", "pypy3"), ("-c",)),
    **dict.fromkeys(("perl", "ruby", "lua"), ("-e", "-E")),
    "node": ("-e", "-p", "--eval", "--print"),
    "php": ("-r",),
    "Rscript": ("-e",),
    "su": ("-c", "--command"),
    "runuser": ("-c", "--command"),
    "flock": ("-c",),
    "script": ("-c",),
    "psql": ("-c", "--command"),
    "mysql": ("-e", "--execute"),
    "mariadb": ("-e", "--execute"),
    "duckdb": ("-c", "-s"),
    "clickhouse-client": ("-q", "--query"),
    "sed": ("-e", "--expression"),
    "osascript": ("-e",),
}
_ALL_CODE = frozenset({"eval", "watch", "parallel"})
_FIRST_CODE = frozenset(
    {"trap", "source", ".", "awk", "gawk", "mawk", "nawk", "sed", "jq", "yq", "xargs"}
)
_SECOND_CODE = frozenset({"ssh", "sqlite3", "mongosh"})
_READ_CODE = frozenset(_CODE_OPTIONS) - {"sed", "su", "flock", "script"} | _SECOND_CODE
_BEFORE_A_COMMAND = frozenset(
    {
        "sudo",
        "doas",
        "env",
        "nohup",
        "nice",
        "ionice",
        "time",
        "timeout",
        "stdbuf",
        "setsid",
        "exec",
    }
)

_PLAIN_OPTIONS = frozenset({"rm", "rmdir", "cp", "mv", "ln", "chmod", "chown", "touch", "cat"})
_TAKE_OPTIONS = _PLAIN_OPTIONS | frozenset(
    {"git", "tar", "grep", "egrep", "fgrep", "find", "rsync", "ssh", "scp", "curl", "wget", "zip"}
    | {"sed", "awk", "sort", "tee", "xargs", "docker", "pip", "npm", "make", "set", "mkdir", "ls"}
)
_OPTION_ARGUMENTS: FrozenSet[str] = frozenset({"-t", "-S", "-m", "--target-directory", "--mode"})


class Doubt(NamedTuple):
    """A doubtful use of the value that stands at `place` of the text that was read."""

    place: int
    code: str
    message: str
    suggestion: str


def doubts_of(lexer: ShellLexer) -> Iterator[Doubt]:
    """Every doubtful use of a value; the same one may come twice."""
    for command in lexer.commands:
        name, arguments = _program(command.words)
        for start, end in _code(command, name, arguments, lexer):
            yield from _each(lexer, start, end, _as_code(name))
        if name in _TAKE_OPTIONS:
            for word in _options(name, arguments):
                yield from _each(lexer, word.start, word.end, _as_option(name))


def _each(lexer: ShellLexer, start: int, end: int, doubt: Doubt) -> Iterator[Doubt]:
    place = lexer.text.find(VALUE, start, end)
    while place >= 0:
        if lexer.verdicts.get(place) is not None:
            yield doubt._replace(place=place)
        place = lexer.text.find(VALUE, place + 1, end)


def _as_code(name: str) -> Doubt:
    return Doubt(
        0,
        "value-as-code",
        "the value becomes part of what `%s` runs or evaluates" % name,
        "hand it over as an argument or under `env`, and read it there",
    )


def _as_option(name: str) -> Doubt:
    return Doubt(
        0,
        "value-as-option",
        "a value that begins with - is an option to `%s`" % name,
        "write -- before it, or ./ where it is a path",
    )


def _program(words: List[Word]) -> Tuple[str, List[Word]]:
    """The program that runs in the end, without its folder, and its arguments."""
    name, arguments = builtin_of(words)
    name = name.rpartition("/")[2]
    while name in _BEFORE_A_COMMAND:
        place = 0
        while place < len(arguments) and _is_preface(arguments[place].text):
            place += 1
        if place == len(arguments):
            break
        name = arguments[place].text.rpartition("/")[2]
        arguments = arguments[place + 1 :]
    return name, arguments


def _is_preface(text: str) -> bool:
    """An option, a number or an assignment, as they stand between `env`, `nice` and a program."""
    return text.startswith("-") or text[:1].isdigit() or "=" in text


def _code(
    command: Command, name: str, arguments: List[Word], lexer: ShellLexer
) -> Iterator[Tuple[int, int]]:
    """From where to where the command has code of its own or of a program that it starts."""
    if name in _ALL_CODE:
        yield from ((word.start, word.end) for word in arguments)
    operands = _operands(name, arguments)
    if name in _FIRST_CODE and not _code_in_options(name, arguments):
        yield from ((word.start, word.end) for word in operands[:1])
    if name in _SECOND_CODE:
        yield from ((word.start, word.end) for word in operands[1:])
    yield from _code_in_options(name, arguments)
    inner = [word.text.rpartition("/")[2] in _SHELLS for word in arguments]
    if True in inner:
        yield from _code_in_options("sh", arguments[inner.index(True) + 1 :])
    if name in _READ_CODE:
        yield from ((word.start, word.end) for word in command.strings)
        yield from (lexer.documents[number] for number in command.documents)


def _code_in_options(name: str, arguments: List[Word]) -> List[Tuple[int, int]]:
    """The word behind each option of the program that takes code."""
    options = _CODE_OPTIONS.get(name, ())
    found: List[Tuple[int, int]] = []
    for word, following in zip(arguments, arguments[1:]):
        text = word.text
        bundled = name in _SHELLS and text[:1] == "-" and text[1:2] != "-" and text[-1:] == "c"
        if text in options or bundled:
            found.append((following.start, following.end))
    for word in arguments:
        if word.text.startswith(tuple(option + "=" for option in options)):
            found.append((word.start, word.end))
    return found


def _operands(name: str, arguments: List[Word]) -> List[Word]:
    """Arguments that are neither options nor, for a few programs, what belongs to one."""
    takes = {"ssh": "bcDEeFIiJLlmOopQRSWw", "awk": "vF", "jq": "", "xargs": "adEIiLlnPs"}.get(
        name, ""
    )
    found: List[Word] = []
    skip = False
    for word in arguments:
        option = word.text.startswith("-") and len(word.text) > 1
        if not skip and not option:
            found.append(word)
        skip = option and len(word.text) == 2 and word.text[1] in takes
    return found


def _options(name: str, arguments: List[Word]) -> Iterator[Word]:
    """Words that are one value and may be read as an option."""
    before = ""
    for word in arguments:
        if word.text == "--":
            return
        argument_of_option = before.startswith("-") and (
            name not in _PLAIN_OPTIONS or before in _OPTION_ARGUMENTS
        )
        if word.text == VALUE and not argument_of_option:
            yield word
        before = word.text
