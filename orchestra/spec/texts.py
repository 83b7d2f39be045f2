"""Texts of a workflow with their expressions read, and every name in them checked. No I/O."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterable, Optional, Tuple, Union

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
from orchestra.spec.paramtypes import compiled
from orchestra.spec.references import Names, References, Where
from orchestra.spec.scalars import text_of

OPEN = "${{"
"""What an expression in a text begins with."""


class Texts:
    """Reads texts and expressions, each distinct one once, and reports what is wrong with them."""

    def __init__(self, names: Names, findings: Findings) -> None:
        self._references = References(names)
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
        parts: Tuple[Any, ...] = read.parts if isinstance(read, Template) else (read,)
        expressions = [part for part in parts if isinstance(part, Expression)]
        problems = [p for found in expressions for p in self._references.problems(found, where)]
        return read, tuple(problems)


def _is_plain(part: Any) -> bool:
    """Whether a part of data has nothing to read in it."""
    if part.__class__ is str:
        return OPEN not in part
    return part.__class__ not in (dict, list)
