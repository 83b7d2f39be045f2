"""Whether the names and functions in an expression are known, and may stand where it does. Pure."""

from __future__ import annotations

from typing import (
    Any,
    Collection,
    Dict,
    FrozenSet,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Tuple,
)

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
_LATER: FrozenSet[str] = frozenset()
_OF_FAN_OUT = {"matrix": "matrix", "item": "foreach"}

_MOST_HINTS = 60
"""Names that are looked for among all others: as many as a person is told, and a few more."""


class Where(NamedTuple):
    """What the expressions at one kind of place may use, and how the place is called."""

    words: str
    names: Tuple[str, ...]
    refused_functions: FrozenSet[str]


_SECRETS_PLACES = "secrets stand in `env`, `run` and `with` only: put it into a variable by `env`"

_BEFORE_STEPS = ("params", "vars", "env", "run")
_NEITHER = STATUS_FUNCTIONS | FILE_FUNCTIONS
IN_VARS = Where("vars", ("params", "vars"), _NEITHER)
IN_ROOT_ENV = Where("env of the workflow", (*_BEFORE_STEPS, "secrets"), _NEITHER)
IN_GROUP = Where("the name of a group", _BEFORE_STEPS, _NEITHER)
IN_NOTIFY = Where("a command of notify", _BEFORE_STEPS, _NEITHER)
IN_ADDRESS = Where("an address of notify", (*_BEFORE_STEPS, "secrets"), _NEITHER)
IN_NAME = Where("a name", _BEFORE_STEPS, _NEITHER)
IN_STEP = Where("a step", (*_BEFORE_STEPS, "steps"), STATUS_FUNCTIONS)
IN_SETTINGS = Where("the settings of an executor", _BEFORE_STEPS, _NEITHER)
IN_MATRIX = Where("`matrix`", IN_VARS.names, _NEITHER)
IN_OUTPUTS = Where("`outputs` of the workflow", IN_STEP.names, STATUS_FUNCTIONS)
IN_FOREACH = Where("`foreach`", IN_STEP.names, STATUS_FUNCTIONS)
IN_HANDLER = Where("a handler", (*IN_STEP.names, "failure"), STATUS_FUNCTIONS)
IN_CACHE = Where("`cache`", IN_STEP.names, STATUS_FUNCTIONS)
IN_CONDITION = Where("`if`", IN_STEP.names, frozenset())


def with_secrets(where: Where) -> Where:
    """The same for `env`, `run` and `with` there, which alone may name secrets."""
    return where._replace(names=(*where.names, "secrets"))


_IN_INSTANCES = frozenset([IN_NAME, IN_STEP, IN_CACHE, IN_CONDITION, IN_HANDLER])
_IN_INSTANCES |= frozenset([with_secrets(IN_STEP), with_secrets(IN_HANDLER)])


class Names(NamedTuple):
    """What the file declares: parameters, variables, secrets, the outputs of each step by its id.

    Outputs are None where they cannot be told. `fanned_out` are the steps with instances.
    """

    params: Mapping[str, Any]
    vars: Mapping[str, Any]
    outputs_by_step: Mapping[str, Optional[Iterable[str]]]
    secrets: Collection[str] = ()
    fanned_out: FrozenSet[str] = frozenset()

    def inside(self, steps: Mapping[str, Any]) -> Names:
        """What is in sight among the steps in a step: these first, then all around them."""
        return self._replace(
            outputs_by_step={**self.outputs_by_step, **outputs_of(steps)},
            fanned_out=(self.fanned_out - steps.keys()) | fanned_out_of(steps),
        )


def outputs_of(steps: Mapping[str, Any]) -> Dict[str, Optional[Iterable[str]]]:
    """The names of the outputs of each step, None where they cannot be told."""
    return {id: _outputs(step) for id, step in steps.items()}


def fanned_out_of(steps: Mapping[str, Any]) -> FrozenSet[str]:
    """The steps that have instances."""
    return frozenset(
        id
        for id, step in steps.items()
        if isinstance(step, dict) and ("matrix" in step or "foreach" in step)
    )


def _outputs(step: Any) -> Optional[Iterable[str]]:
    if not isinstance(step, dict) or "uses" in step:
        return None
    outputs = step.get("outputs", ())
    return outputs if isinstance(outputs, (dict, tuple)) else None


class References:
    """Checks expressions against what one file declares.

    `names` may be replaced where others are in sight. `axes` are those of the step that is being
    read, None where it has no matrix; `has_item` says that it has an `item`.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.axes: Optional[Tuple[str, ...]] = None
        self.has_item = False
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
        if root in _OF_FAN_OUT and where in _IN_INSTANCES:
            return self._instance_problem(root, keys, reference.offset)
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
            "params": ("parameter", self.names.params),
            "vars": ("variable", self.names.vars),
            "secrets": ("secret", self.names.secrets),
            "run": ("fact of the run", dict.fromkeys(_RUN_FACTS)),
            "failure": ("fact of a failure", dict.fromkeys(_FAILURE_FACTS)),
        }[root]
        if name in names:
            return None
        problem = self._unknown("unknown-" + root.rstrip("s"), kind, name, names, reference.offset)
        if root == "secrets" and not problem.suggestion:
            return problem._replace(suggestion="declare it under `secrets` of the workflow")
        return problem

    def _instance_problem(self, root: str, keys: Tuple[Any, ...], offset: int) -> Optional[Problem]:
        axes = self.axes
        if self.has_item if root == "item" else axes is not None:
            if root == "item" or not keys or str(keys[0]) in (axes or ()):
                return None
            return self._unknown("unknown-axis", "axis", str(keys[0]), axes or (), offset)
        message = "`%s` is only in a step with `%s`" % (root, _OF_FAN_OUT[root])
        return Problem((), "unknown-name", message, "", offset=offset)

    def _step_problem(self, step: str, keys: Tuple[Any, ...], offset: int) -> Optional[Problem]:
        steps = self.names.outputs_by_step
        if step not in steps:
            return self._unknown("unknown-step", "step", step, steps, offset)
        if not keys:
            return None
        fact = str(keys[0])
        if fact == "items" and step in self.names.fanned_out:
            return None
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
            "params": self.names.params,
            "vars": self.names.vars,
            "steps": self.names.outputs_by_step,
            "secrets": self.names.secrets,
        }
        return next((home for home, names in homes.items() if name in names), None)

    def _near(self, name: str, names: Iterable[str]) -> str:
        self._hints_left -= 1
        return did_you_mean(name, names) if self._hints_left >= 0 else ""
