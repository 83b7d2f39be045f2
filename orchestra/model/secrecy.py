"""Which variables of an environment may hold a secret, by what their texts name. Pure.

Never sees a secret: this can be told from the file alone.
"""

from __future__ import annotations

from typing import AbstractSet, FrozenSet, Iterator, Mapping, Union

from orchestra.model.expression import (
    Expression,
    ExpressionError,
    Reference,
    Text,
    Tree,
    references_of,
)
from orchestra.model.workflow import Step, Workflow

_QUIET = "it cannot be evaluated; why is not shown, for it may use a secret"


def hidden_by_all(workflow: Workflow) -> FrozenSet[str]:
    """The variables that may hold a secret in every step, by the layers of the whole workflow."""
    if not workflow.secrets:
        return frozenset()
    hidden = hidden_above(workflow.env, frozenset())
    return hidden_above(workflow.default_env, hidden)


def hidden_in(step: Step, below: FrozenSet[str]) -> FrozenSet[str]:
    """The variables that may hold a secret in a step; `below` are those of the whole workflow."""
    return hidden_above(step.env, below) if step.env else below


def hidden_above(layer: Mapping[str, Text], below: FrozenSet[str]) -> FrozenSet[str]:
    """The variables that may hold a secret once a layer is put over others."""
    names = {name for name, text in layer.items() if uses_secret(text, below)}
    return below.difference(layer).union(names)


def uses_secret(holder: Union[Tree, Expression], hidden: AbstractSet[str]) -> bool:
    """Whether a value may hold a secret, where the variables `hidden` do."""
    return any(_is_secret(reference, hidden) for reference in references_of(holder))


def _is_secret(reference: Reference, hidden: AbstractSet[str]) -> bool:
    root, keys = reference.path[0], reference.path[1:]
    if root == "env" and hidden:
        return not keys or keys[0] in hidden
    return root == "secrets"


def hidden_references(expression: Expression, hidden: AbstractSet[str]) -> Iterator[Reference]:
    """The references, where no secret may be used, to variables that may hold one."""
    for reference in expression.references:
        path = reference.path
        if path[0] == "env" and len(path) > 1 and path[1] in hidden:
            yield reference


def quiet(fault: ExpressionError, holder: Union[Tree, Expression]) -> ExpressionError:
    """A fault in evaluating something, without the words in which a secret may be quoted."""
    roots = {reference.path[0] for reference in references_of(holder)}
    if roots.isdisjoint(("secrets", "env")):
        return fault
    return ExpressionError(_QUIET, fault.offset)
