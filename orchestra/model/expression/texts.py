"""Text with `${{ … }}` in it: find the expressions, fill them, name what they use. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping as AbstractMapping
from typing import Any, FrozenSet, Iterator, List, Union

from orchestra.model.expression.evaluation import evaluate
from orchestra.model.expression.nodes import (
    Expression,
    Reference,
    Scope,
    Span,
    Template,
    Text,
    Tree,
)
from orchestra.model.expression.parser import parse_closed
from orchestra.model.expression.tokens import OPEN
from orchestra.model.expression.values import (
    ExpressionError,
    Value,
    check_depth,
    check_length,
    check_size,
    to_text,
)

_MARK = re.compile(r"\$?\$\{\{")


def scan_text(text: str) -> List[Span]:
    """Every expression and every escape in the text, in order.

    Raises:
        ExpressionError: an expression cannot be read; the offset counts into the text.
    """
    spans = []
    mark = _MARK.search(text)
    while mark:
        start, end = mark.span()
        expression = None
        if end - start == len(OPEN):
            expression, end = parse_closed(text, end)
        spans.append(Span(start, end, expression))
        mark = _MARK.search(text, end)
    return spans


def parse_text(text: str) -> Text:
    """The text with its expressions read; a plain `str` where it has none.

    Raises:
        ExpressionError: as `scan_text`.
    """
    if OPEN not in text:
        return text
    parts: List[Union[str, Expression]] = []
    plain: List[str] = []
    end = 0
    for span in scan_text(text):
        plain.append(text[end : span.start])
        end = span.end
        if span.expression is None:
            plain.append(OPEN)
            continue
        _flush(plain, parts)
        parts.append(span.expression)
    plain.append(text[end:])
    if not parts:
        return "".join(plain)
    _flush(plain, parts)
    return Template(text, tuple(parts))


def _flush(plain: List[str], parts: List[Union[str, Expression]]) -> None:
    joined = "".join(plain)
    plain.clear()
    if joined:
        parts.append(joined)


def fill(text: Text, scope: Scope) -> Value:
    """The text with its values; one that is a single expression is that expression's value.

    Raises:
        ExpressionError: as `evaluate`, or a value inside text is null.
    """
    if isinstance(text, Template) and len(text.parts) == 1:
        part = text.parts[0]
        return part if isinstance(part, str) else evaluate(part, scope)
    return fill_text(text, scope)


def fill_text(text: Text, scope: Scope) -> str:
    """The text with its values as text.

    Raises:
        ExpressionError: as `evaluate`, or a value is null, or the text grows too long.
    """
    if isinstance(text, str):
        return text
    pieces: List[str] = []
    length = 0
    for part in text.parts:
        if isinstance(part, str):
            pieces.append(part)
            continue
        value = evaluate(part, scope)
        try:
            pieces.append(to_text(value))
            length += len(pieces[-1])
            check_length(length)
        except ExpressionError as fault:
            raise ExpressionError(fault.message, part.offset, fault.hint) from None
    return "".join(pieces)


def fill_tree(tree: Tree, scope: Scope) -> Value:
    """The data with every text in it filled as `fill` does.

    Raises:
        ExpressionError: as `fill`, or the data grow too large; offsets count into each text.
    """
    value = _fill_tree(tree, scope, 0)
    if isinstance(value, (list, dict)):
        check_size(value)
    return value


def _fill_tree(tree: Any, scope: Scope, depth: int) -> Value:
    if isinstance(tree, Template):
        return fill(tree, scope)
    check_depth(depth)
    if isinstance(tree, AbstractMapping):
        return {key: _fill_tree(entry, scope, depth + 1) for key, entry in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_fill_tree(entry, scope, depth + 1) for entry in tree]
    value: Value = tree
    return value


def expressions_of(tree: Union[Tree, Expression]) -> Iterator[Expression]:
    """Every expression in a text or in data, in the order they stand there."""
    waiting: List[Any] = [tree]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Expression):
            yield item
        elif isinstance(item, Template):
            waiting.extend(reversed(item.parts))
        elif isinstance(item, AbstractMapping):
            waiting.extend(reversed(list(item.values())))
        elif isinstance(item, (list, tuple)):
            waiting.extend(reversed(item))


def references_of(tree: Union[Tree, Expression]) -> Iterator[Reference]:
    """Every name used in a text or in data, in the order they stand there."""
    for expression in expressions_of(tree):
        yield from expression.references


def functions_of(tree: Union[Tree, Expression]) -> FrozenSet[str]:
    """The names of all functions called in a text or in data."""
    return frozenset(name for found in expressions_of(tree) for name in found.functions)
