"""The expression language: parse, the names an expression uses, evaluate. Pure, no I/O.

What stands in `${{ … }}` is read by a small parser of our own into a tree of tuples and evaluated
over plain data. No attribute of a Python object is ever reached; size, depth and cost are bounded.
"""

from __future__ import annotations

from orchestra.model.expression.evaluation import evaluate, evaluate_condition
from orchestra.model.expression.functions import (
    FILE_FUNCTIONS,
    PURE_FUNCTIONS,
    STATUS_FUNCTIONS,
)
from orchestra.model.expression.nodes import (
    Expression,
    Reference,
    Scope,
    Span,
    Template,
    Text,
    Tree,
)
from orchestra.model.expression.parser import parse
from orchestra.model.expression.texts import (
    expressions_of,
    fill,
    fill_text,
    fill_tree,
    functions_of,
    parse_text,
    references_of,
    scan_text,
)
from orchestra.model.expression.values import ExpressionError, Value, to_text

__all__ = [
    "FILE_FUNCTIONS",
    "PURE_FUNCTIONS",
    "STATUS_FUNCTIONS",
    "Expression",
    "ExpressionError",
    "Reference",
    "Scope",
    "Span",
    "Template",
    "Text",
    "Tree",
    "Value",
    "evaluate",
    "evaluate_condition",
    "expressions_of",
    "fill",
    "fill_text",
    "fill_tree",
    "functions_of",
    "parse",
    "parse_text",
    "references_of",
    "scan_text",
    "to_text",
]
