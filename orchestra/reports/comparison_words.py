"""How a comparison is put into words, whatever it is shown as. Pure."""

from __future__ import annotations

from typing import List, NamedTuple, Tuple

from orchestra.model.comparison import Change, Comparison, FieldChange, StepComparison
from orchestra.model.plan import Will

_COUNTED = (
    (Change.ADDED, "added"),
    (Change.REMOVED, "removed"),
    (Change.CHANGED, "changed"),
    (Change.SAME, "as before"),
)


class Told(NamedTuple):
    """The steps that are told of one by one, because they run for a reason, and the rest counted.

    `each_time` run whatever is changed, `spared` need not run.
    """

    steps: Tuple[StepComparison, ...]
    each_time: int
    spared: int


def told(comparison: Comparison) -> Told:
    """Which steps are worth a line, in the order of the plan."""
    steps: List[StepComparison] = []
    each_time = spared = 0
    for step in comparison.steps:
        if step.will is None:
            continue
        if step.runs_for_it and step.will in (Will.RUN, Will.UNKNOWN):
            steps.append(step)
        elif not step.has_steps:
            each_time += step.will is Will.RUN or step.will is Will.UNKNOWN
            spared += step.will is Will.CACHED or step.will is Will.SKIP
    return Told(tuple(steps), each_time, spared)


def against_words(comparison: Comparison) -> str:
    """With what it is compared: `run ID, which failed`, `git main, commit 1a2b3c4d5e`."""
    against = comparison.against
    if against.run_state is not None:
        state = against.run_state.value
        return "run %s, %s" % (
            against.name,
            "which goes on" if state == "running" else "which %s" % _WORDS.get(state, state),
        )
    return "git %s, commit %s" % (against.name, against.commit[:10])


_WORDS = {"cancelled": "was cancelled", "skipped": "was skipped"}


def counts_words(comparison: Comparison) -> str:
    """`1 step added, 2 changed, 7 as before`, or that nothing is changed."""
    if comparison.is_same:
        return "nothing is changed"
    counts = [(comparison.count(change), word) for change, word in _COUNTED]
    words = ["%d %s" % (count, word) for count, word in counts if count]
    return "steps: %s" % ", ".join(words) if words else "no steps"


def rest_words(rest: Told) -> str:
    """How many steps are not told of one by one; empty for none."""
    words = []
    if rest.each_time:
        more = " more" if rest.steps else ""
        words.append("%d%s run each time, changed or not" % (rest.each_time, more))
    if rest.spared:
        words.append("%d need not run" % rest.spared)
    return ", ".join(words)


def change_words(change: FieldChange, arrow: str) -> str:
    """From what to what a field is changed; empty where that is too long to show."""
    words = ""
    if change.old is not None or change.new is not None:
        words = "%s%s%s" % (_value(change.old), arrow, _value(change.new))
    if change.line:
        words = "line %d%s%s" % (change.line, ": " if words else "", words)
    if change.note:
        words += "%s(%s)" % (" " if words else "", change.note)
    if not change.counts:
        words += "%s(not a reason to run)" % (" " if words else "")
    return words


def _value(text: object) -> str:
    return "none" if text is None else "empty" if text == "" else str(text)


def changed_steps(comparison: Comparison) -> List[StepComparison]:
    """The steps that are not as they were; those that only came with the step they are in are not.

    Steps that are removed come first.
    """
    news = [step for step in comparison.steps if step.change is not Change.SAME]
    added = {step.id for step in news if step.change is Change.ADDED}
    found = [
        step
        for step in news
        if step.change is not Change.ADDED or step.id.rpartition("/")[0] not in added
    ]
    return sorted(found, key=lambda step: step.change is not Change.REMOVED)
