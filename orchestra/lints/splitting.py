"""The lint of variables that a shell takes apart. Pure; runs nothing.

What stands in `${{ }}` is always one word. A variable that a script refers to by itself is not.
"""

from __future__ import annotations

import re
from typing import (
    AbstractSet,
    Any,
    Dict,
    FrozenSet,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
)

from orchestra.errors import PathParts, Problem
from orchestra.lints.lint import Lint, Subject
from orchestra.model.expression import Text, expressions_of, scan_text
from orchestra.model.expression.nodes import Lookup
from orchestra.model.workflow import Body, Param, ParamType, ShellScript, Splice
from orchestra.spec.bodies import LONGEST_SCRIPT
from orchestra.spec.shelllexer import ShellLexer
from orchestra.spec.shellreader import VALUE, Lost

_VARIABLE = re.compile(r"(?<![\\$])\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
_BARE_NAME = re.compile(r"(?<![\w${])[A-Za-z_][A-Za-z0-9_]*")
_TEXTS = frozenset([ParamType.STRING, ParamType.PATH, ParamType.JSON])
_SPLIT_AT = re.compile(r"[\s*?\[]")
_ON_PURPOSE = frozenset(["set", "eval"])
_OTHER_RULES = re.compile(r"\bIFS\b|\bset\s+-[a-z]*f|\bnoglob\b")


class Script(NamedTuple):
    """A script, the path to it, and the variables that the workflow sets for it."""

    path: PathParts
    body: ShellScript
    env: Mapping[str, Text]


def _unquoted(subject: Subject) -> Iterator[Problem]:
    workflow = subject.workflow
    loose = frozenset(name for name, param in workflow.params.items() if _is_loose(param))
    if not loose:
        return
    split_below = _split({**workflow.env, **workflow.default_env}, loose)
    for script in _scripts(subject):
        text = _text_at(script.path, subject.data)
        if "$" in text and len(text) <= LONGEST_SCRIPT:
            split = (split_below - script.env.keys()) | _split(script.env, loose)
            for name, offset in _split_words(text, script.body.shell == "bash", split):
                message = "the shell takes `$%s` apart at blanks, and `*` in it for files" % name
                hint = 'write "$%s": its value is a parameter, which may hold them' % name
                yield Problem(script.path, UNQUOTED.code, message, hint, offset=offset)


def _scripts(subject: Subject) -> Iterator[Script]:
    """The scripts for sh and bash in the file."""
    for key, handler in subject.workflow.handlers.items():
        yield from _script((key,), handler.body, handler.env)
    for level in subject.levels:
        for step in level.step_by_id.values():
            yield from _script(level.at(step), step.body, step.env)
            for key, handler in step.handlers.items():
                yield from _script(level.at(step, key), handler.body, {**step.env, **handler.env})


def _script(path: PathParts, body: Optional[Body], env: Mapping[str, Text]) -> Iterator[Script]:
    if isinstance(body, ShellScript) and isinstance(body.shell, str):
        yield Script((*path, "run"), body, env)


def _is_loose(param: Param) -> bool:
    """Whether a value that fits the parameter can be taken apart."""
    if param.type not in _TEXTS or param.pattern is not None:
        return False
    return not param.enum or any(
        isinstance(value, str) and (not value or _SPLIT_AT.search(value)) for value in param.enum
    )


def _split(env: Mapping[str, Text], loose: FrozenSet[str]) -> FrozenSet[str]:
    """The variables whose text holds one of the loose parameters as it is."""
    return frozenset(name for name, text in env.items() if not loose.isdisjoint(_params_in(text)))


def _params_in(text: Text) -> Iterator[str]:
    for expression in expressions_of(text):
        path = expression.references[0].path if isinstance(expression.root, Lookup) else ()
        if len(path) == 2 and path[0] == "params":
            yield str(path[1])


def _text_at(path: PathParts, data: Any) -> str:
    """The script as it stands in the file; empty where it comes from elsewhere."""
    value = data
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def _split_words(text: str, bash: bool, split: AbstractSet[str]) -> Iterator[Tuple[str, int]]:
    """The variables that are a whole unquoted argument, with the offsets of their `$`."""
    if not split or _OTHER_RULES.search(text):
        return
    marked, name_by_place = _marked(text, split)
    if not name_by_place:
        return
    lexer = ShellLexer(marked, bash)
    sure_until = len(marked)
    try:
        lexer.read()
    except Lost as lost:
        sure_until = lost.offset
    for command in lexer.commands:
        if not command.words or command.words[0].text in _ON_PURPOSE:
            continue
        for word in command.words[1:]:
            place = marked.find(VALUE, word.start, word.end)
            is_bare = lexer.verdicts.get(place) is Splice.WORDS
            if is_bare and place in name_by_place and place < sure_until:
                yield name_by_place[place]


def _marked(text: str, split: AbstractSet[str]) -> Tuple[str, Mapping[int, Tuple[str, int]]]:
    """The text for the lexer, a mark for each value; which marks stand for which variables.

    A variable counts only in a script that names it nowhere else, as to set it.
    """
    names = {found[1] or found[2] for found in _VARIABLE.finditer(text)} & split
    names -= set(_BARE_NAME.findall(text))
    marks = [
        (found.start(), found.end(), found[1] or found[2])
        for found in _VARIABLE.finditer(text)
        if (found[1] or found[2]) in names
    ]
    marks += [(span.start, span.end, "") for span in scan_text(text)]
    pieces: List[str] = []
    name_by_place: Dict[int, Tuple[str, int]] = {}
    end = length = 0
    for start, stop, name in sorted(marks):
        if start < end:
            continue  # inside of an expression
        pieces += (text[end:start], VALUE)
        length += start - end
        if name:
            name_by_place[length] = (name, start)
        length += 1
        end = stop
    return "".join((*pieces, text[end:])), name_by_place


UNQUOTED = Lint(
    "L301",
    "unquoted-variable",
    "A variable with the value of a parameter, unquoted in a script.",
    "put it in double quotes, or write `${{ params.NAME }}`, which is always one word",
    _unquoted,
)
