"""A plan beside an earlier version of its workflow: what differs, what runs for it, why. Pure.

What would run is what the plan says; here is told what of it is due to a change.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from orchestra.engine.changes import (
    ADDED,
    REMOVED,
    Difference,
    root_differences,
    step_differences,
)
from orchestra.engine.fieldtexts import change_of, field_changes, text_of
from orchestra.engine.reopening import NOT_WELL
from orchestra.model.comparison import (
    Against,
    Cause,
    Change,
    Comparison,
    FieldChange,
    OnResume,
    StepComparison,
)
from orchestra.model.expression import Value
from orchestra.model.masking import MASK
from orchestra.model.plan import SPARED, Plan, PlannedStep, Will
from orchestra.model.record import RunRecord
from orchestra.model.run import RESULT_BY_STATE, Role, StepState, plain_id
from orchestra.model.workflow import InnerSteps, Need, Step, Workflow

_MOST_NAMED = 5
_WELL = frozenset(RESULT_BY_STATE) - NOT_WELL
_STATE_WORDS = {
    StepState.FAILED: "it failed then",
    StepState.CANCELLED: "it was cancelled then",
    StepState.BLOCKED: "it was blocked then",
}
_NOT_ENDED = "it had not ended then"


class Past(NamedTuple):
    """A version of a workflow, None where there was none, and what a run of it came to, if any.

    `on_resume` is by the full ids of steps, empty where the run cannot go on; `has_runs` says
    whether there is any record by which a step could be up to date.
    """

    workflow: Optional[Workflow]
    record: Optional[RunRecord] = None
    on_resume: Mapping[str, OnResume] = {}
    has_runs: bool = True


def compare(plan: Plan, past: Past, against: Against, notes: Sequence[str] = ()) -> Comparison:
    """What is not as it was, and what that makes run again."""
    then, now = past.workflow, plan.workflow
    found = _all_new(now) if then is None else step_differences(then, now)
    root = () if then is None else root_differences(then, now)
    reader = _Reader(found, past)
    return Comparison(
        now.name,
        against,
        tuple(change for each in root for change in field_changes(each)),
        () if past.record is None else tuple(_params(past.record.params, plan.params)),
        (*reader.steps(plan.steps), *reader.removed()),
        tuple(notes),
    )


def _all_new(workflow: Workflow) -> Dict[str, Tuple[Difference, ...]]:
    steps = workflow.step_by_id.items()
    return {id: (Difference(ADDED, None, step),) for id, step in steps}


def _params(old: Mapping[str, Value], new: Mapping[str, Value]) -> Iterator[FieldChange]:
    """The parameters whose values differ; what was masked is shown on neither side."""
    for name in [*old, *(name for name in new if name not in old)]:
        before, now = text_of(old.get(name)), text_of(new.get(name))
        if before != now:
            if MASK.decode() in (before or ""):
                yield FieldChange(name, None, None, note="masked")
            else:
                yield change_of(name, before, now)


class _Around(NamedTuple):
    """What holds for all steps in a step: why they run again, if they do, and its prefix."""

    prefix: str = ""
    change: Change = Change.SAME
    cause: Optional[Cause] = None
    why: str = ""


class _Reader:
    """Reads what is found about each step of a plan."""

    def __init__(self, found: Mapping[str, Tuple[Difference, ...]], past: Past) -> None:
        self._found = found
        self._past = past
        self._then = {} if past.record is None else _states(past.record)
        self._was = renamed(found)

    def steps(self, planned: Sequence[PlannedStep]) -> List[StepComparison]:
        """All of them, each with those in it behind it."""
        return self._level(planned, _Around())

    def removed(self) -> Iterator[StepComparison]:
        """The steps that are there no more."""
        new_by_old = {old: new for new, old in self._was.items()}
        for id, differing in self._found.items():
            if differing[0].what == REMOVED and id not in new_by_old:
                yield StepComparison(id, Change.REMOVED, then=self._state(id))

    def _level(self, planned: Sequence[PlannedStep], around: _Around) -> List[StepComparison]:
        found: List[StepComparison] = []
        again: Dict[str, str] = {}  # steps that run again for a change, and what to call them
        busy: Dict[str, str] = {}  # those that run at all
        for each in planned:
            above = [need.step for need in each.step.needs if need.step in again]
            after = [need.step for need in each.step.needs if need.step in busy]
            entries = self._step(each, around, above, after)
            found += entries
            if entries[0].will not in SPARED:
                busy[each.step.id] = entries[0].id
                if _spreads(entries[0], bool(above)):
                    again[each.step.id] = entries[0].id
        return found

    def _step(
        self, planned: PlannedStep, around: _Around, above: Sequence[str], after: Sequence[str]
    ) -> List[StepComparison]:
        """The step, and those in it."""
        id = around.prefix + planned.step.id
        differing = self._found.get(id, ())
        fields = tuple(self._fields(around.prefix, differing))
        change = _change(differing, fields, around)
        causes, words = self._own_causes(id, change, fields, around, above)
        inner: List[StepComparison] = []
        if planned.inner:
            within = _within(id, change, causes)
            inner = self._level(planned.inner, within)
            inside = next((each.id for each in inner if _spreads(each, False)), "")
            if inside and not causes:
                causes.append(Cause.INSIDE)
                words.append("`%s` in it runs again" % inside)
            elif not causes and any(each.causes for each in inner):
                causes.append(Cause.ALWAYS)
        elif planned.will not in SPARED:
            self._add_other_causes(planned, id, after, causes, words)
        if planned.will in SPARED:
            causes, words = [], [planned.reason]
        own = StepComparison(
            id,
            change,
            fields,
            self._was.get(id, ""),
            planned.will,
            tuple(causes),
            "; ".join(words) or planned.reason,
            self._state(id),
            self._past.on_resume.get(id),
            bool(planned.inner),
        )
        return [own, *inner]

    def _own_causes(
        self,
        id: str,
        change: Change,
        fields: Sequence[FieldChange],
        around: _Around,
        above: Sequence[str],
    ) -> Tuple[List[Cause], List[str]]:
        """Why a step runs for what is written in the file."""
        causes: List[Cause] = []
        words: List[str] = []
        counting = [each.field for each in fields if each.counts]
        if change is Change.ADDED and around.change is not Change.ADDED:
            was = self._was.get(id)
            causes.append(Cause.ADDED)
            words.append("it was `%s`" % was if was else "it is new")
        elif counting:
            causes.append(Cause.CHANGED)
            words.append("changed: %s" % _some(counting))
        elif around.cause is not None:
            causes.append(around.cause)
            words.append(around.why)
        if above:
            causes.append(Cause.ABOVE)
            words.append("`%s` above it runs again" % above[0])
        return list(dict.fromkeys(causes)), words

    def _add_other_causes(
        self,
        planned: PlannedStep,
        id: str,
        after: Sequence[str],
        causes: List[Cause],
        words: List[str],
    ) -> None:
        """Why a step runs for what was, and for what is not in the file."""
        step = planned.step
        is_kept = step.cache is not None
        is_told = False
        if is_kept and planned.will is Will.RUN and not causes:
            causes.append(Cause.CACHE if self._past.has_runs else Cause.ALWAYS)
            words.append(planned.reason)
        elif planned.will is Will.UNKNOWN and Cause.ABOVE not in causes:
            if is_kept and after:
                causes.append(Cause.ABOVE)
            words.append(planned.reason)
            is_told = True
        state = self._state(id)
        if state is not None and state not in _WELL:
            causes.append(Cause.FAILED)
            words.append(_STATE_WORDS.get(state, _NOT_ENDED))
        if not causes and step.body is not None:
            causes.append(Cause.ALWAYS)
            if not is_told:
                words.append("it has no `cache`" if not is_kept else planned.reason)

    def _state(self, id: str) -> Optional[StepState]:
        return self._then.get(id)

    def _fields(self, prefix: str, differing: Sequence[Difference]) -> Iterator[FieldChange]:
        for each in differing:
            if each.what == "needs":
                yield self._needs(prefix, each)
            elif each.what not in (ADDED, REMOVED):
                yield from field_changes(each)

    def _needs(self, prefix: str, difference: Difference) -> FieldChange:
        """The needs of a step, with those told that only go by another name now."""
        old, new = difference.old, difference.new
        assert isinstance(old, tuple)
        assert isinstance(new, tuple)
        now = {need.step for need in new if isinstance(need, Need)}
        names = {}
        for id in now:
            was = self._was.get(prefix + id, "")
            if was and was[len(prefix) :] in {need.step for need in old}:
                names[was[len(prefix) :]] = id
        note = ", ".join("`%s` is `%s` now" % pair for pair in sorted(names.items()))
        return change_of("needs", _names_of(old), _names_of(new), difference.counts, note)


def _names_of(needs: Tuple[object, ...]) -> Optional[str]:
    """Needs as text, None for none: their steps, those that are not plain as JSON."""
    return ", ".join(text_of(need) or "" for need in needs) or None


def _spreads(step: StepComparison, is_below: bool) -> bool:
    """Whether what is below a step runs again for what it runs again for."""
    if step.will in SPARED or step.will is None:
        return False
    return is_below or bool({*step.causes} - {Cause.ALWAYS, Cause.ABOVE})


def _within(id: str, change: Change, causes: Sequence[Cause]) -> _Around:
    if not causes:
        return _Around(id + "/", change)
    words = {Cause.ADDED: "`%s` is new", Cause.CHANGED: "`%s` is changed"}
    why = words.get(causes[0], "`%s` runs again") % id
    return _Around(id + "/", change, causes[0], why)


def _change(
    differing: Sequence[Difference], fields: Sequence[FieldChange], around: _Around
) -> Change:
    if around.change is Change.ADDED or any(each.what == ADDED for each in differing):
        return Change.ADDED
    return Change.CHANGED if fields else Change.SAME


def _some(names: Sequence[str]) -> str:
    more = ", and %d more" % (len(names) - _MOST_NAMED) if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _states(record: RunRecord) -> Dict[str, StepState]:
    """How steps ended by their ids without instances; of many, how the first did that is not well.

    A fan-out tells of itself, not of its instances.
    """
    found: Dict[str, StepState] = {}
    for step in record.step_by_id.values():
        id = plain_id(step.id)
        if not step.is_handler and step.role is not Role.INSTANCE and found.get(id) not in NOT_WELL:
            found[id] = step.state
    return found


# Steps that go by another name


def renamed(found: Mapping[str, Tuple[Difference, ...]]) -> Dict[str, str]:
    """The old ids of steps that are new, by their new ones.

    They stand at the same level and are alike but for their ids and needs, and no others are.
    """
    gone: Dict[Tuple[str, str], List[str]] = {}
    come: Dict[Tuple[str, str], List[str]] = {}
    for id, differing in found.items():
        what, old, new = differing[0][:3]
        if what == REMOVED and isinstance(old, Step):
            gone.setdefault((_level_of(id), _likeness(old)), []).append(id)
        elif what == ADDED and isinstance(new, Step):
            come.setdefault((_level_of(id), _likeness(new)), []).append(id)
    return {
        come[key][0]: old[0]
        for key, old in gone.items()
        if len(old) == 1 and len(come.get(key, ())) == 1
    }


def _level_of(id: str) -> str:
    return id.rpartition("/")[0]


def _likeness(step: Step) -> str:
    """Text that is the same for steps that differ only in their ids and needs."""
    body: object = step.body
    if isinstance(body, InnerSteps):
        body = [(id, _likeness(each)) for id, each in body.step_by_id.items()]
    return repr(step._replace(id="", place=0, needs=(), body=None)) + repr(body)
