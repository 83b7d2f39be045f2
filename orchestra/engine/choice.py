"""Which steps a person chose to run, which are left out, and whose outputs are missed. Pure."""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from orchestra.engine.fanout import trees_of
from orchestra.engine.graph import Graph, reached
from orchestra.engine.holders import handler_expressions, step_expressions
from orchestra.errors import UsageError
from orchestra.model.expression import Reference, references_of
from orchestra.model.nearest import did_you_mean
from orchestra.model.plan import Plan, PlannedStep
from orchestra.model.selection import UNKNOWN, Option, Picks, Place, Selection, Wanted, spellings
from orchestra.model.workflow import Handler, InnerSteps, PythonCall, PythonCode, Step, Uses

_SHOWN = 3
_STEP = re.compile(r"([^\[/]+)(\[(?:\\.|[^\\\]])*\])?(/|$)", re.DOTALL)


class Choice(NamedTuple):
    """The steps that `--only`, `--from`, `--until` and `--skip` name.

    An option that is repeated widens what it chooses, each further one narrows the choice.
    """

    only: Tuple[str, ...] = ()
    start: Tuple[str, ...] = ()
    until: Tuple[str, ...] = ()
    skip: Tuple[str, ...] = ()


def select(graph: Graph, choice: Choice, handlers: Mapping[str, Handler] = {}) -> Selection:
    """What the options choose of the steps of a graph; the outputs of earlier runs are not in it.

    `handlers` are those of the workflow.

    Raises:
        UsageError: what is named is no step, or nothing is left to run.
    """
    options: List[Option] = []
    for option, named, link in (
        ("--only", choice.only, None),
        ("--from", choice.start, "dependents"),
        ("--until", choice.until, "needs"),
    ):
        if named:
            options.append(Option(_words(option, named), _picks(graph, option, named, link)))
    for name in choice.skip:
        picks = _picks(graph, "--skip", [name], None)
        options.append(Option(_words("--skip", [name]), picks, skips=True))
    selection = Selection(tuple(options))
    if options and not _has_any(_Level(graph), selection):
        raise UsageError("these options leave no step to run", "name fewer, or others")
    if not options:
        return selection
    return selection._replace(wanted=_Wants(selection).of(_Level(graph), handlers))


def check(plan: Plan) -> None:
    """See that a plan has all instances that are named, and all outputs that are missed.

    Where only the run can tell which instances there are, it looks itself.

    Raises:
        UsageError: an instance is none, or outputs that a step cannot do without are in no run.
    """
    if plan.selection.options:
        for planned in plan.steps:
            _check(plan.selection, planned, (), "")


def _check(selection: Selection, planned: PlannedStep, around: Place, prefix: str) -> None:
    step = planned.step
    place, id = (*around, (step.id,)), prefix + step.id
    left = selection.left_out(place, id)
    if left is not None:
        if left.fault:
            raise UsageError(left.fault, "run `%s` as well, or the whole workflow first" % id)
        return
    if step.fan_out is None:
        for inner in planned.inner:
            _check(selection, inner, place, id + "/")
        return
    ids = [prefix + instance.id for instance in planned.instances or ()]
    parts = [spellings(each[len(id) + 1 : -1], number) for number, each in enumerate(ids)]
    if planned.instances is not None:
        unknown = selection.unknown_instance(place, {name for part in parts for name in part})
        if unknown:
            raise UsageError(unknown, "`%s` has %s" % (id, _some(ids) or "none"))
    single = planned._replace(step=step._replace(fan_out=None), instances=None)
    for instance, part in zip(ids, parts):
        left = selection.left_out((*place, part), instance)
        if left is not None and left.fault:
            raise UsageError(left.fault, "run `%s` as well, or the whole workflow first" % instance)
        for inner in single.inner if left is None else ():
            _check(selection, inner, (*place, part), instance + "/")


# What the options name


def _picks(graph: Graph, option: str, named: Sequence[str], link: Optional[str]) -> Picks:
    """What is named, and beside it on each level what is linked to it."""
    picks = Picks()
    for name in named:
        level: Optional[Graph] = graph
        way: Tuple[str, ...] = ()
        for id, instance in _split(option, name):
            step, number = _find(level, id, option, name, way)
            assert level is not None
            if instance and step.fan_out is None:
                raise UsageError("%s: `%s` has no instances" % (option, "/".join((*way, id))))
            for other in reached({number}, getattr(level, link)) - {number} if link else ():
                picks.add((*way, level.order[other].id))
            way = (*way, id, instance) if instance else (*way, id)
            level = level.inner.get(number)
        picks.add(way)
    return picks


def _split(option: str, name: str) -> Iterator[Tuple[str, str]]:
    """The steps of a name, each with the instance in brackets, or nothing, after it."""
    position = 0
    while position <= len(name):
        match = _STEP.match(name, position)
        if match is None:
            raise UsageError("%s: there is no step `%s`" % (option, name), "as in build, a/b, a[0]")
        yield match.group(1), match.group(2) or ""
        position = match.end() if match.group(3) else len(name) + 1


def _find(
    level: Optional[Graph], id: str, option: str, name: str, way: Sequence[str]
) -> Tuple[Step, int]:
    if level is None:
        raise UsageError("%s: there are no steps in `%s`" % (option, "/".join(way)))
    for number, step in enumerate(level.order):
        if step.id == id:
            return step, number
    known = [step.id for step in level.order]
    hint = did_you_mean(id, known) or "one of %s" % _some(known)
    raise UsageError("%s: there is no step `%s`" % (option, name), hint)


def _words(option: str, named: Sequence[str]) -> str:
    return "%s %s" % (option, _some(named))


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else shown + ", …"


# Levels of steps


class _Level:
    """Steps that stand together: the workflow's, or those `within` a step of the level `around`.

    `prefix` stands before their full ids; `until` is the outermost fan-out around them, if any.
    """

    def __init__(
        self,
        graph: Graph,
        around: Optional[_Level] = None,
        within: int = 0,
        place: Place = (),
        prefix: str = "",
        until: str = "",
    ) -> None:
        self.graph = graph
        self.around = around
        self.within = within
        self.place = place
        self.prefix = prefix
        self.until = until
        self.number_by_id = {step.id: number for number, step in enumerate(graph.order)}

    def inside(self, number: int) -> Optional[_Level]:
        """The steps in one of them."""
        graph = self.graph.inner.get(number)
        if graph is None:
            return None
        step, full = self.graph.order[number], self.full_id(number)
        until = self.until or (full if step.fan_out is not None else "")
        return _Level(graph, self, number, self.place_in(number), full + "/", until)

    def full_id(self, number: int) -> str:
        """The full id of a step but for its instances."""
        return self.prefix + self.graph.order[number].id

    def place_of(self, number: int) -> Place:
        """The place of a step."""
        return (*self.place, (self.graph.order[number].id,))

    def place_in(self, number: int) -> Place:
        """The place of what a step consists of: any instance, if it is a fan-out."""
        place = self.place_of(number)
        return place if self.graph.order[number].fan_out is None else (*place, UNKNOWN)

    def seen(self, id: str) -> Optional[Tuple[_Level, int]]:
        """The step that an id means here."""
        level: Optional[_Level] = self
        while level is not None and id not in level.number_by_id:
            level = level.outer()
        return None if level is None else (level, level.number_by_id[id])

    def above(self, number: int) -> Iterator[Tuple[_Level, int]]:
        """All steps above one, those around it last."""
        for other in sorted(reached({number}, self.graph.needs) - {number}):
            yield self, other
        outer = self.outer()
        if outer is not None:
            yield from outer.above(self.within)

    def outer(self) -> Optional[_Level]:
        """The level around, where its steps are in sight."""
        if self.around is None:
            return None
        is_open = isinstance(self.around.graph.order[self.within].body, InnerSteps)
        return self.around if is_open else None


def _has_any(level: _Level, selection: Selection) -> bool:
    """Whether any step runs that has no others in it."""
    for number in range(len(level.graph.order)):
        if not selection.why_left_out(level.place_of(number)):
            inside = level.inside(number)
            if inside is not None and _has_any(inside, selection):
                return True
            if inside is None and not selection.why_left_out(level.place_in(number)):
                return True
    return False


# Outputs of steps that are left out


class _Wants:
    """Gathers whose outputs are missed by the steps that run."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._wanted: Dict[str, Wanted] = {}

    def of(self, level: _Level, handlers: Mapping[str, Handler]) -> Mapping[str, Wanted]:
        """What the steps of a level want, by the full id of the step that should have it."""
        self._walk(level)
        self._serve(level, handlers)
        return self._wanted

    def _serve(self, level: _Level, handlers: Mapping[str, Handler]) -> None:
        """What the handlers of a workflow name is welcome, and never necessary."""
        for handler in handlers.values():
            for _, holder in handler_expressions(handler):
                for reference in references_of(holder):
                    found = level.seen(_output_of(reference))
                    if found is not None:
                        self._want(*found, "")

    def _walk(self, level: _Level) -> None:
        for number, step in enumerate(level.graph.order):
            if self._selection.why_left_out(level.place_of(number)):
                continue
            user = level.full_id(number)
            for found in _named_by(level, number, step):
                self._want(*found, user)
            if _sees_all(step):
                for found in level.above(number):
                    self._want(*found, "")
            # of what runs in part the rest is wanted, so that its own outputs are whole
            self._want(level, number, "")
            inside = level.inside(number)
            if inside is not None:
                self._walk(inside)
            if inside is not None and isinstance(step.body, Uses):
                self._serve(inside, step.body.workflow.handlers)

    def _want(self, level: _Level, number: int, by: str) -> None:
        step, id = level.graph.order[number], level.full_id(number)
        inside = level.inside(number)
        names = frozenset(step.outputs)
        if isinstance(step.body, Uses):
            names = frozenset(step.body.workflow.outputs)
        before = self._wanted.get(id)
        if before is not None and (before.by or not by):
            return
        place = level.place_in(number)
        if names and self._selection.may_leave_out(place):
            until = level.until or id
            is_part = not self._selection.why_left_out(level.place_of(number))
            spreads = bool(level.until) or (is_part and step.fan_out is not None)
            self._wanted[id] = Wanted(names, by, until, spreads)
        if inside is None or not isinstance(step.body, Uses) or self._selection.why_left_out(place):
            return
        for reference in references_of(dict(step.body.workflow.outputs)):
            found = inside.seen(_output_of(reference))
            if found is not None:
                self._want(*found, by)


def _named_by(level: _Level, number: int, step: Step) -> Iterator[Tuple[_Level, int]]:
    """The steps whose outputs the expressions of a step use.

    An expression that uses `steps` as a whole uses all that are above.
    """
    for _, holder in step_expressions(step):
        for reference in references_of(holder):
            if reference.path == ("steps",):
                yield from level.above(number)
            found = level.seen(_output_of(reference))
            if found is not None and found != (level, number):
                yield found
            made_of = level.seen(_items_of(reference))
            if made_of is not None:
                yield from _behind_items(*made_of)


def _output_of(reference: Reference) -> str:
    """The step whose outputs a reference uses, empty where it uses none."""
    path = reference.path
    uses = path[0] == "steps" and (len(path) == 2 or (len(path) > 2 and path[2] == "outputs"))
    return str(path[1]) if uses else ""


def _items_of(reference: Reference) -> str:
    """The fan-out whose items a reference uses, empty where it uses none."""
    path = reference.path
    uses = path[0] == "steps" and (len(path) == 2 or (len(path) > 2 and path[2] == "items"))
    return str(path[1]) if uses else ""


def _behind_items(level: _Level, number: int) -> Iterator[Tuple[_Level, int]]:
    """The steps whose outputs the items of a fan-out are made from."""
    fan_out = level.graph.order[number].fan_out
    for tree in trees_of(fan_out) if fan_out is not None else ():
        for reference in references_of(tree):
            found = level.seen(_output_of(reference))
            if found is not None:
                yield found


def _sees_all(step: Step) -> bool:
    """Whether code may look for the outputs of all steps above, which nobody can tell before."""
    body = step.body
    return isinstance(body, PythonCall) or (isinstance(body, PythonCode) and "steps" in body.code)
