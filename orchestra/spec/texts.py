"""Texts of a workflow with their expressions read, and every name in them checked. No I/O."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Optional, Tuple, Union

from orchestra.errors import PathParts, Problem
from orchestra.model.expression import (
    FILE_FUNCTIONS,
    STATUS_FUNCTIONS,
    Expression,
    ExpressionError,
    Reference,
    Template,
    Text,
    Tree,
    parse,
    parse_text,
)
from orchestra.spec.findings import Findings
from orchestra.spec.hints import did_you_mean
from orchestra.spec.scalars import text_of

OPEN = "${{"
"""What an expression in a text begins with."""

_RUN_FACTS = ("id", "name", "date", "started_at", "dir", "state")
_STEP_FACTS = ("result", "state", "exit_code", "duration", "outputs")
_LATER = frozenset(["secrets", "matrix", "item", "failure"])


class Where(NamedTuple):
    """What the expressions at one kind of place may use, and how the place is called."""

    words: str
    names: Tuple[str, ...]
    refused_functions: FrozenSet[str]


IN_VARS = Where("vars", ("params", "vars"), STATUS_FUNCTIONS | FILE_FUNCTIONS)
IN_ROOT_ENV = Where(
    "env of the workflow", ("params", "vars", "env", "run"), STATUS_FUNCTIONS | FILE_FUNCTIONS
)
IN_NAME = Where("a name", ("params", "vars", "env", "run"), STATUS_FUNCTIONS | FILE_FUNCTIONS)
IN_STEP = Where("a step", ("params", "vars", "env", "run", "steps"), STATUS_FUNCTIONS)
IN_CONDITION = Where("`if`", IN_STEP.names, frozenset())


class Names(NamedTuple):
    """What the file declares: parameters, variables, and the outputs of each step by its id."""

    params: Mapping[str, Any]
    vars: Mapping[str, Any]
    outputs_by_step: Mapping[str, Optional[Iterable[str]]]


class Texts:
    """Reads texts and expressions, each distinct one once, and reports what is wrong with them."""

    def __init__(self, names: Names, findings: Findings) -> None:
        self._names = names
        self._findings = findings
        self._known: Dict[Tuple[str, Where, bool], Tuple[Any, Tuple[Problem, ...]]] = {}

    def text(self, value: Union[bool, int, float, str], path: PathParts, where: Where) -> Text:
        """A text that may hold expressions; numbers as they were written."""
        text = text_of(value)
        if OPEN not in text:
            return text
        read: Text = self._read(text, path, where, is_condition=False)
        return read

    def template(self, value: str, path: PathParts, where: Where) -> Template:
        """A text that was seen to hold an expression."""
        text = self.text(value, path, where)
        return text if isinstance(text, Template) else Template(value, (text,))

    def condition(self, value: Union[bool, str], path: PathParts, where: Where) -> Expression:
        """One expression, with or without `${{ }}`."""
        read: Expression = self._read(text_of(value), path, where, is_condition=True)
        return read

    def tree(self, value: Any, path: PathParts, where: Where) -> Tree:
        """Data with a text at every place where a text stands."""
        if isinstance(value, str):
            return self.text(value, path, where)
        if isinstance(value, dict):
            return {
                key: part if _is_plain(part) else self.tree(part, (*path, key), where)
                for key, part in value.items()
            }
        if isinstance(value, list):
            return [
                part if _is_plain(part) else self.tree(part, (*path, number), where)
                for number, part in enumerate(value)
            ]
        plain: Tree = value
        return plain

    def constant(self, value: Union[bool, int, float, str], path: PathParts, words: str) -> str:
        """A text that takes no expressions."""
        text = text_of(value)
        if OPEN in text:
            message = "%s takes no expressions" % words
            self._findings.error(path, "no-expression-here", message, offset=text.index(OPEN))
        return text

    def check(self, expressions: Iterable[Expression], path: PathParts, where: Where) -> None:
        """Reports what expressions that were read elsewhere use wrongly."""
        for expression in expressions:
            for problem in self._problems(expression, where):
                self._findings.add(problem._replace(path=path))

    def _read(self, text: str, path: PathParts, where: Where, is_condition: bool) -> Any:
        key = (text, where, is_condition)
        if key not in self._known:
            self._known[key] = self._read_new(text, where, is_condition)
        read, problems = self._known[key]
        for problem in problems:
            self._findings.add(problem._replace(path=path))
        return read

    def _read_new(self, text: str, where: Where, is_condition: bool) -> Any:
        try:
            read = parse(text) if is_condition else parse_text(text)
        except ExpressionError as error:
            problem = Problem((), "expression", error.message, error.hint, offset=error.offset)
            return (parse("true") if is_condition else text), (problem,)
        expressions: Iterable[Any] = (read,)
        if isinstance(read, Template):
            expressions = (part for part in read.parts if isinstance(part, Expression))
        elif not isinstance(read, Expression):
            expressions = ()
        return read, tuple(p for found in expressions for p in self._problems(found, where))

    def _problems(self, expression: Expression, where: Where) -> List[Problem]:
        found = [self._reference_problem(r, where) for r in expression.references]
        problems = [problem for problem in found if problem]
        for function in sorted(expression.functions & where.refused_functions):
            place = "in `if`" if function in STATUS_FUNCTIONS else "in steps"
            message = "`%s()` can be asked only %s" % (function, place)
            problems.append(Problem((), "function-place", message, offset=expression.offset))
        return problems

    def _reference_problem(self, reference: Reference, where: Where) -> Optional[Problem]:
        root, keys = str(reference.path[0]), reference.path[1:]
        if root not in where.names:
            return _unknown_root(root, where, self._names, reference.offset)
        if not keys or root == "env":
            return None
        name = str(keys[0])
        if root == "steps":
            return self._step_problem(name, keys[1:], reference.offset)
        kind, names = {
            "params": ("parameter", self._names.params),
            "vars": ("variable", self._names.vars),
            "run": ("fact of the run", dict.fromkeys(_RUN_FACTS)),
        }[root]
        if name in names:
            return None
        return _unknown("unknown-" + root.rstrip("s"), kind, name, names, reference.offset)

    def _step_problem(self, step: str, keys: Any, offset: int) -> Optional[Problem]:
        if step not in self._names.outputs_by_step:
            return _unknown("unknown-step", "step", step, self._names.outputs_by_step, offset)
        if not keys:
            return None
        if keys[0] not in _STEP_FACTS:
            return _unknown("unknown-fact", "fact of a step", str(keys[0]), _STEP_FACTS, offset)
        outputs = self._names.outputs_by_step[step]
        if keys[0] != "outputs" or len(keys) == 1 or outputs is None or keys[1] in outputs:
            return None
        problem = _unknown("unknown-output", "output of `%s`" % step, str(keys[1]), outputs, offset)
        hint = problem.suggestion or "declare it under `outputs` of `%s`" % step
        return problem._replace(suggestion=hint)


def _is_plain(part: Any) -> bool:
    """Whether a part of data has nothing to read in it."""
    if part.__class__ is str:
        return OPEN not in part
    return part.__class__ not in (dict, list)


def _unknown(code: str, kind: str, name: str, names: Iterable[str], offset: int) -> Problem:
    message = "`%s` is no %s" % (name, kind)
    return Problem((), code, message, did_you_mean(name, names), offset=offset)


def _unknown_root(root: str, where: Where, names: Names, offset: int) -> Problem:
    message = "`%s` cannot be used in %s" % (root, where.words)
    homes = {"params": names.params, "vars": names.vars, "steps": names.outputs_by_step}
    home = next((home for home, known in homes.items() if root in known), None)
    if home and home in where.names:
        message = "`%s` is no name" % root
        hint = "write `%s.%s`" % (home, root)
    elif root in IN_STEP.names:
        hint = "here are only %s" % ", ".join("`%s`" % name for name in where.names)
    elif root in _LATER:
        hint = "this version of orchestra does not have it"
    else:
        message = "`%s` is no name" % root
        hint = did_you_mean(root, where.names) or "put text in quotes, and begin names with %s" % (
            ", ".join("`%s.`" % name for name in where.names)
        )
    return Problem((), "unknown-name", message, hint, offset=offset)
