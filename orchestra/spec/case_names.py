"""The names in a file of tests beside those of the workflow that it tests. Pure."""

from __future__ import annotations

from typing import Any, Collection, Dict, Iterator, Mapping, Optional, Sequence, Tuple

from orchestra.errors import PathParts, Problem
from orchestra.model.nearest import did_you_mean
from orchestra.model.run import plain_id
from orchestra.model.scenario import ANY, fits
from orchestra.model.workflow import Handler, InnerSteps, Step, Uses, Workflow, steps_in
from orchestra.spec.cases import Layer

_SHOWN = 5


class Known:
    """The steps and handlers of a workflow by their ids without instances.

    What stands for a handler is a step with its body.
    """

    def __init__(self, workflow: Workflow) -> None:
        self.workflow = workflow
        self.step_by_id: Dict[str, Step] = {}
        self._add(workflow.step_by_id, "")
        self._add_handlers(workflow.handlers, "")

    def _add(self, step_by_id: Mapping[str, Step], prefix: str) -> None:
        for step in step_by_id.values():
            id = prefix + step.id
            self.step_by_id[id] = step
            self._add(steps_in(step), id + "/")
            self._add_handlers(step.handlers, id)
            if isinstance(step.body, Uses):
                self._add_handlers(step.body.workflow.handlers, id + "/")

    def _add_handlers(self, handlers: Mapping[str, Handler], owner: str) -> None:
        for role, handler in handlers.items():
            id = "%s:%s" % (owner, role)
            outputs = self.step_by_id[owner].outputs if owner in self.step_by_id else {}
            self.step_by_id[id] = Step(id, 0, handler.body, outputs=outputs)
            if isinstance(handler.body, Uses):
                self._add(handler.body.workflow.step_by_id, id + "/")
                self._add_handlers(handler.body.workflow.handlers, id + "/")

    def meant(self, key: str) -> Optional[Step]:
        """The step that a key means which is no pattern."""
        return self.step_by_id.get(plain_id(key))

    def is_meant(self, pattern: str) -> bool:
        """Whether a pattern can mean anything."""
        plain = plain_id(pattern)
        return any(fits(plain, (id,)) or fits(pattern, (id,)) for id in self.step_by_id)


def problems_of_names(layers: Sequence[Layer], known: Known) -> Iterator[Problem]:
    """Names that the workflow does not have, and results that its steps cannot have."""
    workflow = known.workflow
    for path, layer in layers:
        is_given = path[-1] == "given"
        for key, value in layer.get("steps", {}).items():
            where = (*path, "steps", key)
            yield from _step_problems(key, value, where, known, is_given)
        names: Tuple[Tuple[str, str, Collection[str]], ...]
        if is_given:
            names = (
                ("params", "parameter", workflow.params),
                ("secrets", "secret", workflow.secrets),
            )
        else:
            names = (("outputs", "output", workflow.outputs),)
            yield from _alert_problems(layer.get("alerts"), (*path, "alerts"), workflow)
            for number, text in enumerate(layer.get("order", ())):
                for step in text.split(" before "):
                    yield from _key_problems(step.strip(), (*path, "order", number), known, False)
        for key, word, declared in names:
            for name in layer.get(key, {}):
                if name not in declared:
                    where = (*path, key, name)
                    yield _unknown(name, word, declared, where)


def _step_problems(
    key: str, value: Any, path: PathParts, known: Known, is_given: bool
) -> Iterator[Problem]:
    found = list(_key_problems(key, path, known, True))
    yield from found
    step = known.meant(key)
    if found or step is None:
        return
    if is_given and step.body is None:
        message = "`%s` has no body: it succeeds, or fails by what it requires" % key
        yield Problem(path, "no-attempt", message, "leave it out", on_key=True)
    elif is_given and isinstance(step.body, (InnerSteps, Uses)):
        inner = next(iter(steps_in(step)))
        message = "`%s` comes to what the steps in it come to" % key
        hint = "give results of those, as of `%s/%s`" % (key, inner)
        yield Problem(path, "no-attempt", message, hint, on_key=True)
    each = value if is_given and isinstance(value, list) else [value]
    for number, part in enumerate(each):
        at = (*path, number) if each is value else path
        yield from _part_problems(part, at, step)


def _part_problems(part: Any, path: PathParts, step: Step) -> Iterator[Problem]:
    """An output that is almost one of those that are declared was meant to be that one."""
    outputs = part.get("outputs", {}) if isinstance(part, dict) else {}
    for name in outputs:
        hint = "" if name in step.outputs else did_you_mean(name, step.outputs)
        if hint:
            message = "`%s` declares no output `%s`" % (step.id, name)
            yield Problem((*path, "outputs", name), "unknown-output", message, hint, on_key=True)


def _key_problems(key: str, path: PathParts, known: Known, on_key: bool) -> Iterator[Problem]:
    if ANY in key and known.meant(key) is None:
        if not known.is_meant(key):
            message = "no step fits `%s`" % key
            yield Problem(path, "unknown-step", message, _some(known.step_by_id), on_key=on_key)
        return
    if known.meant(key) is None:
        message = "there is no step `%s` in the workflow" % key
        plain = plain_id(key)
        near = did_you_mean(plain, known.step_by_id) or did_you_mean(
            plain.rpartition("/")[2], known.step_by_id
        )
        hint = near or _some(known.step_by_id)
        yield Problem(path, "unknown-step", message, hint, on_key=on_key)
        return
    before = ""
    for part in key.split("]")[:-1]:
        before += part.partition("[")[0]
        step = known.step_by_id.get(before)
        if step is not None and step.fan_out is None:
            message = "`%s` has no instances" % before
            yield Problem(path, "no-instances", message, "write `%s`" % before, on_key=on_key)


def _alert_problems(alerts: Any, path: PathParts, workflow: Workflow) -> Iterator[Problem]:
    names = {entry.name for entry in workflow.notify if entry.name}
    for name in alerts if isinstance(alerts, dict) else ():
        if name not in names:
            yield _unknown(name, "entry of `notify`", names, (*path, name))


def _unknown(name: str, word: str, declared: Collection[str], path: PathParts) -> Problem:
    message = "the workflow has no %s `%s`" % (word, name)
    hint = did_you_mean(name, declared) or _some(declared)
    return Problem(path, "unknown-name", message, hint, on_key=True)


def _some(names: Collection[str]) -> str:
    if not names:
        return "it has none"
    shown = ", ".join("`%s`" % name for name in list(names)[:_SHOWN])
    return "it has %s%s" % (shown, ", …" if len(names) > _SHOWN else "")
