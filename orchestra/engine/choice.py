"""Which steps a person chose to run, which are left out, and whose outputs are missed. Pure."""

from __future__ import annotations

from typing import Dict, FrozenSet, List, Mapping, NamedTuple, Sequence, Set, Tuple

from orchestra.engine.graph import Graph, reached, step_references
from orchestra.engine.ports import PastOutputs
from orchestra.errors import UsageError
from orchestra.model.nearest import did_you_mean
from orchestra.model.plan import LeftOut
from orchestra.model.workflow import PythonCall, PythonCode, Step

_SHOWN = 3


class Choice(NamedTuple):
    """The steps that `--only`, `--from`, `--until` and `--skip` name.

    An option that is repeated widens what it chooses, each further one narrows the choice.
    """

    only: Tuple[str, ...] = ()
    start: Tuple[str, ...] = ()
    until: Tuple[str, ...] = ()
    skip: Tuple[str, ...] = ()


class Missed(NamedTuple):
    """Outputs of a step that is left out: their names, and the step that cannot do without them.

    `by` is empty where Python code may look for them, which nobody can tell before.
    """

    names: FrozenSet[str]
    by: str


def left_out(graph: Graph, choice: Choice) -> Dict[str, str]:
    """The steps that are left out by their ids, each with the options that leave it out.

    Raises:
        UsageError: what is named is no step, or nothing is left to run.
    """
    number_by_id = {step.id: number for number, step in enumerate(graph.order)}
    nothing: Sequence[Sequence[int]] = ((),) * len(graph.order)
    options: Dict[int, str] = {}
    for option, named, links in (
        ("--only", choice.only, nothing),
        ("--from", choice.start, graph.dependents),
        ("--until", choice.until, graph.needs),
    ):
        if named:
            chosen = reached(_matching(option, named, number_by_id), links)
            words = _option_words(option, named)
            for number in set(range(len(graph.order))) - chosen:
                options.setdefault(number, words)
    for id in choice.skip:
        for number in _matching("--skip", [id], number_by_id):
            options.setdefault(number, _option_words("--skip", [id]))
    if options and len(options) == len(graph.order):
        raise UsageError("these options leave no step to run", "name fewer, or others")
    return {graph.order[number].id: options[number] for number in sorted(options)}


def missed_outputs(graph: Graph, options: Mapping[str, str]) -> Dict[str, Missed]:
    """What the steps that run may want of those left out, `options` by their ids."""
    step_by_id = {step.id: step for step in graph.order}
    missed: Dict[str, Missed] = {}
    for number, step in enumerate(graph.order):
        if step.id not in options:
            for id in _named_by(graph, number, step):
                if id in options and step_by_id[id].outputs and id not in missed:
                    missed[id] = Missed(frozenset(step_by_id[id].outputs), step.id)
    for number in sorted(_seen_by_code(graph, options)):
        step = graph.order[number]
        if step.id in options:
            missed.setdefault(step.id, Missed(frozenset(step.outputs), ""))
    return missed


def with_outputs(
    options: Mapping[str, str],
    missed: Mapping[str, Missed],
    found: Mapping[str, PastOutputs],
    path: str,
) -> Dict[str, LeftOut]:
    """The steps that are left out, with the outputs that were found in earlier runs of `path`.

    Raises:
        UsageError: outputs that a step cannot do without are in no run.
    """
    for id, (_, by) in missed.items():
        if by and id not in found:
            raise UsageError(
                "`%s` uses outputs of `%s`, and no run of %s has them" % (by, id, path),
                "run `%s` as well, or the whole workflow first" % id,
            )
    steps = {}
    for id, option in options.items():
        past = found.get(id, PastOutputs("", {}))
        reason = "left out by %s" % option
        if past.run_id:
            reason += ", outputs of run %s" % past.run_id
        steps[id] = LeftOut(reason, past.outputs, past.run_id)
    return steps


def _matching(option: str, named: Sequence[str], number_by_id: Mapping[str, int]) -> Set[int]:
    """The numbers of the steps that are named."""
    for id in named:
        if id not in number_by_id:
            hint = did_you_mean(id, number_by_id) or "one of %s" % _some(list(number_by_id))
            raise UsageError("%s: there is no step `%s`" % (option, id), hint)
    return {number_by_id[id] for id in named}


def _named_by(graph: Graph, number: int, step: Step) -> List[str]:
    """The steps whose outputs the expressions of a step use, and its code as far as it can be told.

    An expression that uses `steps` as a whole uses all that are above.
    """
    ids: List[str] = []
    for _, reference in step_references(step):
        path = reference.path
        if len(path) == 1:
            above = reached({number}, graph.needs) - {number}
            ids.extend(graph.order[n].id for n in sorted(above))
        elif len(path) == 2 or path[2] == "outputs":
            ids.append(str(path[1]))
    return ids


def _seen_by_code(graph: Graph, options: Mapping[str, str]) -> Set[int]:
    """The steps above Python code that runs, which sees them all."""
    code = {
        number
        for number, step in enumerate(graph.order)
        if step.id not in options
        and (
            isinstance(step.body, PythonCall)
            or (isinstance(step.body, PythonCode) and "steps" in step.body.code)
        )
    }
    return reached(code, graph.needs) - code


def _option_words(option: str, named: Sequence[str]) -> str:
    return "%s %s" % (option, _some(named))


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else shown + ", …"
