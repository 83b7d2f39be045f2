"""Whether the names and functions in an expression are known, and may stand where it does. Pure."""

from __future__ import annotations

from typing import Any, Collection, FrozenSet, Iterable, List, Mapping, NamedTuple, Optional, Tuple

from orchestra.errors import Problem
from orchestra.model.expression import (
    FILE_FUNCTIONS,
    STATUS_FUNCTIONS,
    Expression,
    Reference,
)
from orchestra.model.nearest import did_you_mean

_RUN_FACTS = ("id", "name", "date", "started_at", "dir", "state")
_STEP_FACTS = ("result", "state", "exit_code", "duration", "outputs")
_FAILURE_FACTS = ("step", "exit_code", "reason", "log", "steps")
_LATER = frozenset(["matrix", "item"])

_MOST_HINTS = 60
"""Names that are looked for among all others: as many as a person is told, and a few more."""


class Where(NamedTuple):
    """What the expressions at one kind of place may use, and how the place is called."""

    words: str
    names: Tuple[str, ...]
    refused_functions: FrozenSet[str]


_SECRETS_PLACES = "secrets stand in `env` and `run` only: put it into a variable by `env`"

_BEFORE_STEPS = ("params", "vars", "env", "run")
_NEITHER = STATUS_FUNCTIONS | FILE_FUNCTIONS
IN_VARS = Where("vars", ("params", "vars"), _NEITHER)
IN_ROOT_ENV = Where("env of the workflow", (*_BEFORE_STEPS, "secrets"), _NEITHER)
IN_NAME = Where("a name", _BEFORE_STEPS, _NEITHER)
IN_STEP = Where("a step", (*_BEFORE_STEPS, "steps"), STATUS_FUNCTIONS)
IN_HANDLER = Where("a handler", (*IN_STEP.names, "failure"), STATUS_FUNCTIONS)
IN_CACHE = Where("`cache`", IN_STEP.names, STATUS_FUNCTIONS)
IN_CONDITION = Where("`if`", IN_STEP.names, frozenset())


def with_secrets(where: Where) -> Where:
    """The same for `env` and `run` there, which alone may name secrets."""
    return where._replace(names=(*where.names, "secrets"))


class Names(NamedTuple):
    """What the file declares: parameters, variables, secrets, the outputs of each step by its id.

    Outputs are None where they cannot be told.
    """

    params: Mapping[str, Any]
    vars: Mapping[str, Any]
    outputs_by_step: Mapping[str, Optional[Iterable[str]]]
    secrets: Collection[str] = ()


class References:
    """Checks expressions against what one file declares."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._hints_left = _MOST_HINTS

    def problems(self, expression: Expression, where: Where) -> List[Problem]:
        """What is wrong with the names and functions of an expression; no path is given yet."""
        found = [self._problem(reference, where) for reference in expression.references]
        problems = [problem for problem in found if problem]
        for function in sorted(expression.functions & where.refused_functions):
            place = "in `if`" if function in STATUS_FUNCTIONS else "in steps"
            message = "`%s()` can be asked only %s" % (function, place)
            problems.append(Problem((), "function-place", message, offset=expression.offset))
        return problems

    def _problem(self, reference: Reference, where: Where) -> Optional[Problem]:
        root, keys = str(reference.path[0]), reference.path[1:]
        if root not in where.names:
            return self._unknown_root(root, where, reference.offset)
        if not keys and root == "secrets":
            message = "which secret this is cannot be told"
            hint = "write its name: `secrets.NAME`"
            return Problem((), "unnamed-secret", message, hint, offset=reference.offset)
        if not keys or root == "env":
            return None
        name = str(keys[0])
        if root == "steps":
            return self._step_problem(name, keys[1:], reference.offset)
        kind, names = {
            "params": ("parameter", self._names.params),
            "vars": ("variable", self._names.vars),
            "secrets": ("secret", self._names.secrets),
            "run": ("fact of the run", dict.fromkeys(_RUN_FACTS)),
            "failure": ("fact of a failure", dict.fromkeys(_FAILURE_FACTS)),
        }[root]
        if name in names:
            return None
        problem = self._unknown("unknown-" + root.rstrip("s"), kind, name, names, reference.offset)
        if root == "secrets" and not problem.suggestion:
            return problem._replace(suggestion="declare it under `secrets` of the workflow")
        return problem

    def _step_problem(self, step: str, keys: Tuple[Any, ...], offset: int) -> Optional[Problem]:
        steps = self._names.outputs_by_step
        if step not in steps:
            return self._unknown("unknown-step", "step", step, steps, offset)
        if not keys:
            return None
        fact = str(keys[0])
        if fact not in _STEP_FACTS:
            return self._unknown("unknown-fact", "fact of a step", fact, _STEP_FACTS, offset)
        outputs = steps[step]
        if fact != "outputs" or len(keys) == 1 or outputs is None or keys[1] in outputs:
            return None
        kind = "output of `%s`" % step
        problem = self._unknown("unknown-output", kind, str(keys[1]), outputs, offset)
        hint = problem.suggestion or "declare it under `outputs` of `%s`" % step
        return problem._replace(suggestion=hint)

    def _unknown(
        self, code: str, kind: str, name: str, names: Iterable[str], offset: int
    ) -> Problem:
        message = "`%s` is no %s" % (name, kind)
        return Problem((), code, message, self._near(name, names), offset=offset)

    def _unknown_root(self, root: str, where: Where, offset: int) -> Problem:
        message = "`%s` cannot be used in %s" % (root, where.words)
        home = self._home(root)
        if home in where.names:
            message = "`%s` is no name" % root
            hint = "write `%s.%s`" % (home, root)
        elif root in IN_STEP.names:
            hint = "here are only %s" % ", ".join("`%s`" % name for name in where.names)
        elif root == "failure":
            hint = "it is known in `fallback`, `on_failure` and the other handlers only"
        elif root == "secrets":
            message, hint = "`secrets` cannot be used here", _SECRETS_PLACES
        elif root in _LATER:
            hint = "this version of orchestra does not have it"
        else:
            message = "`%s` is no name" % root
            begins = ", ".join("`%s.`" % name for name in where.names)
            hint = "put text in quotes, and begin names with %s" % begins
            hint = self._near(root, where.names) or hint
        return Problem((), "unknown-name", message, hint, offset=offset)

    def _home(self, name: str) -> Optional[str]:
        """Where a name that stands alone would be found."""
        homes = {
            "params": self._names.params,
            "vars": self._names.vars,
            "steps": self._names.outputs_by_step,
            "secrets": self._names.secrets,
        }
        return next((home for home, names in homes.items() if name in names), None)

    def _near(self, name: str, names: Iterable[str]) -> str:
        self._hints_left -= 1
        return did_you_mean(name, names) if self._hints_left >= 0 else ""
