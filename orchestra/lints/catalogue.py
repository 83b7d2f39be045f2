"""All lints, which of them are wanted, and what they find in a file. Pure."""

from __future__ import annotations

from typing import FrozenSet, Mapping, NamedTuple, Sequence, Tuple

from orchestra.engine.graph import Graph
from orchestra.errors import Fault, UsageError
from orchestra.lints.conditions import CONSTANT, NEVER
from orchestra.lints.ignoring import read_comments
from orchestra.lints.lint import Lint, Subject
from orchestra.lints.splitting import UNQUOTED
from orchestra.lints.timeouts import NO_TIMEOUT
from orchestra.lints.unused import UNUSED_OUTPUT, UNUSED_PARAM, UNUSED_SECRET, UNUSED_VAR
from orchestra.model.nearest import did_you_mean
from orchestra.spec.load import Loaded, told

LINTS: Tuple[Lint, ...] = (
    UNUSED_OUTPUT,
    UNUSED_PARAM,
    UNUSED_SECRET,
    UNUSED_VAR,
    CONSTANT,
    NEVER,
    UNQUOTED,
    NO_TIMEOUT,
)
"""By their codes."""

WARNINGS = (
    "missing-folder",
    "no-expression-here",
    "no-use",
    "value-as-code",
    "value-as-option",
)
"""The codes of the warnings that every command tells, which can be ignored as lints are."""

CODE_BY_WORD: Mapping[str, str] = {
    **{word: lint.code for lint in LINTS for word in (lint.code, lint.name)},
    **{code: code for code in WARNINGS},
}
"""The code by each word that stands for one in a comment or in an option."""

_NAME_BY_CODE = {lint.code: lint.name for lint in LINTS}


class Choice(NamedTuple):
    """The lints that are looked for, and the codes of which nothing is told."""

    lints: Tuple[Lint, ...]
    ignored: FrozenSet[str] = frozenset()


def choose(select: Sequence[str], ignore: Sequence[str], in_ci: bool) -> Choice:
    """The lints that are asked for: all but those for CI elsewhere, or those of `select` alone.

    Raises:
        UsageError: a word is no code and no name.
    """
    selected, ignored = _codes("--select", select), _codes("--ignore", ignore)
    lints = [
        lint
        for lint in LINTS
        if lint.code not in ignored
        and (lint.code in selected if select else in_ci or not lint.in_ci)
    ]
    return Choice(tuple(lints), ignored)


def lint(
    loaded: Loaded, graph: Graph, warnings: Sequence[Fault], choice: Choice
) -> Tuple[Fault, ...]:
    """What a file without errors is warned of: what is known already, and what its lints find."""
    document = loaded.document
    faults = [*warnings]
    if loaded.workflow is not None:
        subject = Subject(loaded.workflow, graph, document.root)
        problems = [
            problem._replace(severity="warning")
            for each in choice.lints
            for problem in each.find(subject)
        ]
        found = document.faults(problems)
        faults += [fault._replace(name=_NAME_BY_CODE[fault.code]) for fault in found]
    comments = read_comments(document, CODE_BY_WORD)
    faults = [f for f in faults if f.code not in choice.ignored and not comments.hides(f)]
    return told([*faults, *comments.faults])


def _codes(option: str, texts: Sequence[str]) -> FrozenSet[str]:
    words = [word for text in texts for word in text.replace(",", " ").split()]
    for word in words:
        if word not in CODE_BY_WORD:
            hint = did_you_mean(word, CODE_BY_WORD) or "lints: %s" % ", ".join(_NAME_BY_CODE)
            raise UsageError("%s %s is no lint" % (option, word), hint)
    return frozenset(CODE_BY_WORD[word] for word in words)
