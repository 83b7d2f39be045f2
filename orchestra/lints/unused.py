"""Lints of what is declared and never used: outputs, params, secrets, vars. Pure."""

from __future__ import annotations

from typing import Iterator

from orchestra.errors import PathParts, Problem
from orchestra.lints.lint import Lint, Subject


def _outputs(subject: Subject) -> Iterator[Problem]:
    """Those of steps that others need; what a last step leaves is a result, for people to read."""
    for level in subject.levels:
        for step, dependents in zip(level.graph.order, level.graph.dependents):
            for name in step.outputs if dependents else ():
                if not subject.usage.has_output(level.at(step), name):
                    message = "nothing uses the output `%s` of `%s`" % (name, step.id)
                    yield _unused(UNUSED_OUTPUT, level.at(step, "outputs", name), message)


def _params(subject: Subject) -> Iterator[Problem]:
    for name in subject.workflow.params:
        if not subject.usage.has("params", name):
            yield _unused(UNUSED_PARAM, ("params", name), "nothing uses the parameter `%s`" % name)


def _secrets(subject: Subject) -> Iterator[Problem]:
    is_list = isinstance(subject.data.get("secrets"), list)
    for number, name in enumerate(subject.workflow.secrets):
        if not subject.usage.has("secrets", name):
            message = "no step is handed the secret `%s`" % name
            path: PathParts = ("secrets", number if is_list else name)
            yield _unused(UNUSED_SECRET, path, message)


def _vars(subject: Subject) -> Iterator[Problem]:
    for name in subject.workflow.vars:
        if not subject.usage.has("vars", name):
            yield _unused(UNUSED_VAR, ("vars", name), "nothing uses the variable `%s`" % name)


def _unused(lint: Lint, path: PathParts, message: str) -> Problem:
    return Problem(path, lint.code, message, lint.advice, on_key=True)


UNUSED_OUTPUT = Lint(
    "L101",
    "unused-output",
    "An output of a step that others need, and that nothing uses.",
    "use it, or take it out",
    _outputs,
)
UNUSED_PARAM = Lint(
    "L102",
    "unused-param",
    "A parameter that nothing uses.",
    "use it, or take it out: who gives it a value expects it to do something",
    _params,
)
UNUSED_SECRET = Lint(
    "L103",
    "unused-secret",
    "A secret that no step is handed.",
    "name it in `env`, `run` or `with`, or take it out: it is read at each start",
    _secrets,
)
UNUSED_VAR = Lint(
    "L104",
    "unused-var",
    "A variable under `vars` that nothing uses.",
    "use it, or take it out",
    _vars,
)
