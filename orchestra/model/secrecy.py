"""Which variables and params may hold a secret, by what their texts name. Pure.

Never sees a secret: this can be told from the file alone.
"""

from __future__ import annotations

from typing import FrozenSet, Iterator, Mapping, NamedTuple, Union

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


class Hidden(NamedTuple):
    """Names that may hold a secret: variables of the environment, and params of a used workflow."""

    variables: FrozenSet[str] = frozenset()
    params: FrozenSet[str] = frozenset()


NOTHING_HIDDEN = Hidden()


def hidden_by_all(workflow: Workflow, above: Hidden = NOTHING_HIDDEN) -> Hidden:
    """What may hold a secret in every step, by the layers of the whole workflow.

    `above` is what it is given by a workflow that uses it.
    """
    if not workflow.secrets and above == NOTHING_HIDDEN:
        return NOTHING_HIDDEN
    return hidden_above(workflow.default_env, hidden_above(workflow.env, above))


def hidden_in(step: Step, below: Hidden) -> Hidden:
    """What may hold a secret in a step; `below` is that in the whole workflow."""
    return hidden_above(step.env, below) if step.env else below


def hidden_above(layer: Mapping[str, Text], below: Hidden) -> Hidden:
    """What may hold a secret once a layer of variables is put over others."""
    names = {name for name, text in layer.items() if uses_secret(text, below)}
    return below._replace(variables=below.variables.difference(layer).union(names))


def hidden_given(given: Mapping[str, Tree], hidden: Hidden) -> FrozenSet[str]:
    """The params of a used workflow that are given what may hold a secret."""
    return frozenset(name for name, tree in given.items() if uses_secret(tree, hidden))


def uses_secret(holder: Union[Tree, Expression], hidden: Hidden) -> bool:
    """Whether a value may hold a secret, where these names do."""
    return any(_is_secret(reference, hidden) for reference in references_of(holder))


def _is_secret(reference: Reference, hidden: Hidden) -> bool:
    root, keys = reference.path[0], reference.path[1:]
    names = _names(root, hidden)
    return root == "secrets" or bool(names and (not keys or keys[0] in names))


def hidden_references(expression: Expression, hidden: Hidden) -> Iterator[Reference]:
    """The references, where no secret may be used, to names that may hold one."""
    for reference in expression.references:
        path = reference.path
        if len(path) > 1 and path[1] in _names(path[0], hidden):
            yield reference


def _names(root: Union[str, int], hidden: Hidden) -> FrozenSet[str]:
    if root == "env":
        return hidden.variables
    return hidden.params if root == "params" else frozenset()


def quiet(
    fault: ExpressionError, holder: Union[Tree, Expression], params: bool = False
) -> ExpressionError:
    """A fault in evaluating something, without the words in which a secret may be quoted.

    `params` says that some of them may be one.
    """
    roots = {reference.path[0] for reference in references_of(holder)}
    if roots.isdisjoint(("secrets", "env", "params" if params else "secrets")):
        return fault
    return ExpressionError(_QUIET, fault.offset)
