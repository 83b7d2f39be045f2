"""The instances of a fan-out: their rows, their names, and what they come to together. Pure."""

from __future__ import annotations

import itertools
import re
from collections import Counter, deque
from typing import Any, Callable, Dict, List, Mapping, Match, NamedTuple, Optional, Sequence, Tuple

from orchestra.engine.fingerprint import digest_of_value
from orchestra.engine.opening import entry
from orchestra.engine.steprun import StepRun
from orchestra.model.events import PlannedEntry
from orchestra.model.expression import (
    Expression,
    ExpressionError,
    Scope,
    Tree,
    Value,
    fill_tree,
    to_text,
)
from orchestra.model.run import Role, StepState
from orchestra.model.selection import LeftOut
from orchestra.model.workflow import FanOut, Matrix, Step

MOST_INSTANCES = 100_000
"""More are refused before one is made."""

_LONGEST_VALUE = 40
_SPECIAL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff,\]\\]")

_WORST_FIRST = (
    StepState.FAILED,
    StepState.CANCELLED,
    StepState.BLOCKED,
    StepState.ALLOWED_FAILURE,
    StepState.RECOVERED,
    StepState.SUCCEEDED,
    StepState.CACHED,
    StepState.SKIPPED,
)

_TOLD = frozenset([StepState.FAILED, StepState.ALLOWED_FAILURE, StepState.CANCELLED])


class Row(NamedTuple):
    """One instance: what stands in its brackets, and the names that it sees beside the others."""

    label: str
    names: Mapping[str, Value]

    @property
    def value(self) -> Value:
        """Its `item`, or its `matrix`."""
        return next(iter(self.names.values()))


def trees_of(fan_out: FanOut) -> List[Tree]:
    """All that a fan-out's instances are made from."""
    if isinstance(fan_out, Matrix):
        return [*fan_out.axes.values(), fan_out.include, fan_out.exclude]
    return [fan_out.items]


def instance_id(step: str, row: Row) -> str:
    """`test[py=3.9,os=a]`, `convert[0]`."""
    return "%s[%s]" % (step, row.label)


def rows_of(fan_out: FanOut, scope: Scope) -> List[Row]:
    """The instances of a fan-out, in their order.

    Raises:
        ExpressionError: an expression cannot be evaluated, or gives no list, or there are too many.
    """
    if isinstance(fan_out, Matrix):
        return _matrix_rows(fan_out, scope)
    items = _list(fan_out.items, scope, "foreach")
    _refuse_too_many(len(items))
    return [Row(str(number), {"item": item}) for number, item in enumerate(items)]


def _matrix_rows(matrix: Matrix, scope: Scope) -> List[Row]:
    values_by_axis = {
        axis: _list(tree, scope, "matrix." + axis) for axis, tree in matrix.axes.items()
    }
    excluded = _mappings(matrix.exclude, scope, "matrix.exclude")
    included = _mappings(matrix.include, scope, "matrix.include")
    count = len(included)
    if values_by_axis:
        product = 1
        for values in values_by_axis.values():
            product *= len(values)
        count += product
    _refuse_too_many(count)
    rows: List[Mapping[str, Value]] = []
    if values_by_axis:
        for combination in itertools.product(*values_by_axis.values()):
            row: Mapping[str, Value] = dict(zip(values_by_axis, combination))
            if not any(_matches(row, each) for each in excluded):
                rows.append(row)
    rows.extend(included)
    axes = list(dict.fromkeys(itertools.chain(values_by_axis, *included)))
    labels = _distinct([_label(row) for row in rows])
    return [
        Row(label, {"matrix": {axis: row.get(axis) for axis in axes}})
        for label, row in zip(labels, rows)
    ]


def _matches(row: Mapping[str, Value], rule: Mapping[str, Value]) -> bool:
    return all(key in row and _same(row[key], value) for key, value in rule.items())


def _same(one: Value, other: Value) -> bool:
    return isinstance(one, bool) is isinstance(other, bool) and one == other


def _list(tree: Tree, scope: Scope, what: str) -> List[Value]:
    try:
        value = fill_tree(tree, scope)
    except ExpressionError as fault:
        raise fault.within(what) from None
    if not isinstance(value, (list, tuple)):
        raise ExpressionError("%s: this is no list, but %s" % (what, _kind(value)))
    return list(value)


def _mappings(tree: Tree, scope: Scope, what: str) -> List[Mapping[str, Value]]:
    rows: List[Mapping[str, Value]] = []
    for row in _list(tree or [], scope, what):
        if not isinstance(row, Mapping):
            raise ExpressionError("%s: a row is a mapping, not %s" % (what, _kind(row)))
        rows.append(row)
    return rows


def _kind(value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "a bool"
    return "a number" if isinstance(value, (int, float)) else "a mapping"


def _refuse_too_many(count: int) -> None:
    if count > MOST_INSTANCES:
        raise ExpressionError(
            "a fan-out has at most %d instances, this one would have %d" % (MOST_INSTANCES, count)
        )


def _label(row: Mapping[str, Value]) -> str:
    return ",".join("%s=%s" % (key, _shown(value)) for key, value in row.items())


def _shown(value: Value) -> str:
    text = "null" if value is None else to_text(value)
    if len(text) > _LONGEST_VALUE:
        text = text[: _LONGEST_VALUE - 1] + "…"
    return _SPECIAL.sub(_escaped, text)


def _escaped(match: Match[str]) -> str:
    character = match.group()
    return "\\" + character if character in ",]\\" else ascii(character)[1:-1]


def _distinct(labels: Sequence[str]) -> List[str]:
    """The labels, each further one of its kind with `#2`, `#3` after it."""
    seen: Counter[str] = Counter()
    taken = set(labels)
    distinct = []
    for label in labels:
        seen[label] += 1
        name = label
        if seen[label] > 1:
            name = "%s#%d" % (label, seen[label])
            while name in taken:
                seen[label] += 1
                name = "%s#%d" % (label, seen[label])
            taken.add(name)
        distinct.append(name)
    return distinct


def why_it_goes(run: StepRun) -> str:
    """Why a step runs whose needs have ended and that asks nothing."""
    if run.instance_of is not None:
        return run.instance_of.why
    return "its needs were met" if run.step.needs else "it needs nothing"


def without_own_questions(step: Step) -> Step:
    """The step as it is asked once for all its instances."""
    return step._replace(
        condition=None if _is_own(step.condition) else step.condition,
        require=tuple(each for each in step.require if not _is_own(each.condition)),
    )


def _instance_of(step: Step) -> Step:
    """The step as each of its instances is asked; what was asked for all is not asked again."""
    return step._replace(
        needs=(),
        condition=step.condition if _is_own(step.condition) else None,
        require=tuple(each for each in step.require if _is_own(each.condition)),
        fan_out=None,
    )


def _is_own(condition: Optional[Expression]) -> bool:
    """Whether the answer may differ from instance to instance."""
    return condition is not None and any(
        reference.path[0] in ("item", "matrix") for reference in condition.references
    )


class Group:
    """The instances of one step while they run.

    `members` are in the order of the `rows`; they are numbered from `number` on. `struck_by` is the
    instance whose failure keeps the others from starting; `open` counts those that have not ended.
    """

    def __init__(self, owner: StepRun, rows: Sequence[Row], number: int, fail_fast: bool) -> None:
        step = owner.step
        instance = _instance_of(step)
        self.owner = owner
        self.members = [
            StepRun(
                number + place,
                owner.planned._replace(step=instance._replace(id=instance_id(step.id, row))),
                owner.block,
                owner,
                {**owner.names, **row.names},
            )
            for place, row in enumerate(rows)
        ]
        self.open = len(rows)
        self.struck_by = ""
        self.rows = rows
        self._slots = len(rows) if step.max_parallel is None else step.max_parallel
        self._fail_fast = fail_fast if step.fail_fast is None else step.fail_fast
        self._waiting = deque(self.members)
        self._counts: Counter[StepState] = Counter()
        self._first: Dict[StepState, str] = {}

    def entries(self) -> Tuple[PlannedEntry, ...]:
        """The instances for the record."""
        owner, block = self.owner.step.id, self.owner.block
        return tuple(
            entry(
                member.planned,
                block.scopes,
                member.names,
                owner,
                Role.INSTANCE,
                item=digest_of_value(row.value),
            )
            for member, row in zip(self.members, self.rows)
        )

    def admit(self) -> List[StepRun]:
        """Those whose turn has come to start."""
        admitted = []
        while self._waiting and self._slots > 0:
            self._slots -= 1
            admitted.append(self._waiting.popleft())
        return admitted

    def admit_first(self, has_begun: Callable[[str], bool]) -> List[StepRun]:
        """Those that began before the run went on, be it that they have ended, however many."""
        admitted = [member for member in self._waiting if has_begun(member.step.id)]
        if admitted:
            self._slots -= len(admitted)
            gone = {member.index for member in admitted}
            self._waiting = deque(each for each in self._waiting if each.index not in gone)
        return admitted

    def next_waiting(self) -> Optional[StepRun]:
        """The first whose turn has not come."""
        return self._waiting[0] if self._waiting else None

    def drain(self) -> List[StepRun]:
        """Those whose turn has not come, which it now never will."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting

    def note_end(self, member: StepRun, reason: str) -> None:
        """An instance has ended."""
        self.open -= 1
        self._slots += 1
        self.owner.is_partial = self.owner.is_partial or member.is_partial
        self._counts[member.state] += 1
        self._first.setdefault(member.state, "`%s`: %s" % (member.step.id, reason))
        if member.state is StepState.FAILED and self.owner.failure is None:
            self.owner.failure = member.failure

    def strike(self, member: StepRun) -> bool:
        """An instance has failed; whether that keeps the others from starting."""
        if not self._fail_fast or self.struck_by:
            return False
        self.struck_by = member.step.id
        return True

    def result(self) -> Tuple[StepState, str]:
        """The state that stands for all, the worst one, and why."""
        state = next(state for state in _WORST_FIRST if self._counts[state])
        count, total = self._counts[state], len(self.members)
        if state is StepState.SUCCEEDED and count == total:
            return state, "%s; %d %s" % (
                self.owner.why,
                total,
                "instance" if total == 1 else "instances",
            )
        said = "%d of %d %s" % (count, total, state.value.replace("_", " "))
        if state in _TOLD:
            said += ", first %s" % self._first[state]
        return state, said

    def left_out(self) -> Optional[LeftOut]:
        """Why a person left out all of them, None where one had its turn or there is none."""
        if not self.members or any(member.left_out is None for member in self.members):
            return None
        return self.members[0].left_out

    def outputs(self) -> Mapping[str, Value]:
        """Each output as a list in the order of the instances, null where one has none."""
        names: Dict[str, None] = dict.fromkeys(self.owner.step.outputs)
        for member in self.members:
            names.update(dict.fromkeys(member.outputs))
        return {name: [member.outputs.get(name) for member in self.members] for name in names}

    def items(self) -> List[Any]:
        """The `item` or the `matrix` of each instance."""
        return [row.value for row in self.rows]
