"""Texts of a workflow with their expressions read, and every name in them checked. No I/O."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import Any, Dict, Iterable, Iterator, Mapping, Optional, Tuple, Union

from orchestra.errors import PathParts, Problem
from orchestra.model.expression import (
    Expression,
    ExpressionError,
    Template,
    Text,
    Tree,
    parse,
    parse_text,
)
from orchestra.spec.findings import Findings
from orchestra.spec.paramtypes import compiled, long_floats
from orchestra.spec.references import Names, References, Where
from orchestra.spec.scalars import text_of

OPEN = "${{"
"""What an expression in a text begins with."""


class Texts:
    """Reads texts and expressions, each distinct one once, and reports what is wrong with them."""

    def __init__(self, names: Names, findings: Findings) -> None:
        self._references = References(names)
        self._findings = findings
        self._known: Dict[Tuple[str, Where, bool, object], Tuple[Any, Tuple[Problem, ...]]] = {}
        self._here: object = None
        self._around: Tuple[Optional[Tuple[str, ...]], bool] = (None, False)
        self._inside = self._insides = 0

    @contextmanager
    def inside(self, steps: Mapping[str, Any]) -> Iterator[None]:
        """Meanwhile texts stand in steps that are in a step, and see each other first."""
        references, here = self._references, self._here
        around, inside = self._around, self._inside
        names, axes, has_item = references.names, references.axes, references.has_item
        references.names = names.inside(steps)
        self._around = (axes, has_item)
        self._insides += 1
        self._inside = self._insides
        yield
        references.names, references.axes, references.has_item = names, axes, has_item
        self._here, self._around, self._inside = here, around, inside

    def enter(self, axes: Optional[Tuple[str, ...]], has_item: bool) -> None:
        """From now on texts stand in a step that has these axes, None for no matrix, or an item."""
        outer_axes, outer_has_item = self._around
        self._references.axes = outer_axes if axes is None else axes
        self._references.has_item = has_item or outer_has_item
        self._here = (self._inside, axes, has_item)

    def refuse_long_floats(self, value: Any, path: PathParts) -> None:
        """Reports numbers such as `3.10`, which was perhaps meant as text."""
        for inner, source in long_floats(value):
            message = "`%s` is read as the number %r" % (source, float(source))
            hint = 'write %r, or quote it for text: "%s"' % (float(source), source)
            self._findings.error((*path, *inner), "unclear-number", message, hint)

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

    def pattern(self, value: Optional[str], path: PathParts) -> Optional[str]:
        """A regular expression, None where there is none or it cannot be read."""
        if value is None:
            return None
        try:
            compiled(value)
        except (re.error, OverflowError, RecursionError) as error:
            message = "this is no regular expression: %s" % error
            self._findings.error(path, "pattern", message)
            return None
        return value

    def check(self, expressions: Iterable[Expression], path: PathParts, where: Where) -> None:
        """Reports what expressions that were read elsewhere use wrongly."""
        for expression in expressions:
            for problem in self._references.problems(expression, where):
                self._findings.add(problem._replace(path=path))

    def _read(self, text: str, path: PathParts, where: Where, is_condition: bool) -> Any:
        key = (text, where, is_condition, self._here)
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
        parts: Tuple[Any, ...] = read.parts if isinstance(read, Template) else (read,)
        expressions = [part for part in parts if isinstance(part, Expression)]
        problems = [p for found in expressions for p in self._references.problems(found, where)]
        return read, tuple(problems)


def _is_plain(part: Any) -> bool:
    """Whether a part of data has nothing to read in it."""
    if part.__class__ is str:
        return OPEN not in part
    return part.__class__ not in (dict, list)
