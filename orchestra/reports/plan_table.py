"""A plan as a table for people: what would run, when, why, with what. Pure, runs nothing."""

from __future__ import annotations

from collections import Counter
from textwrap import wrap
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from orchestra.model.look import Look, Tone, amounts_text
from orchestra.model.plan import SPARED, Plan, PlannedStep, Prediction, Will
from orchestra.model.screen_text import safe_line
from orchestra.model.units import format_duration
from orchestra.reports.table import Cell, Column, fit, render_table

_WILL_TONES = {
    Will.RUN: Tone.GOOD,
    Will.CACHED: Tone.QUIET,
    Will.SKIP: Tone.QUIET,
    Will.UNKNOWN: Tone.WARN,
}
_WILL_CELLS = {will: Cell(will.value, tone) for will, tone in _WILL_TONES.items()}
_COLUMNS = (
    Column("wave", least=4, right=True),
    Column("step", least=8),
    Column("needs", least=8, yields=1),
    Column("where", least=5),
    Column("will", least=7),
    Column("why", least=14, yields=2),
    Column("demand", least=12, yields=3),
    Column("time", least=5, right=True, yields=4),
)
_MOST_NEEDS = 6
_MOST_NOTES = 20
_FACT_CELLS = 15


def render_plan_table(plan: Plan, prediction: Prediction, width: int, look: Look) -> str:
    """The plan wave by wave, then its peak demand, critical path and times."""
    demands = _Demands()
    rows = [
        _row(
            _needs(plan.steps, step),
            demands.cell(each.wanted),
            plan.place_of(each),
            prefix,
            wave,
            each,
        )
        for step in sorted(plan.steps, key=lambda step: step.wave)
        for prefix, wave, each in step.walk()
    ]
    parts = [
        _title(plan, look),
        "\n",
        render_table(_COLUMNS, rows, width, look) if rows else "",
        "\n",
        _facts(plan, prediction, width, look),
    ]
    return "".join(parts)


def render_plan_facts(
    plan: Plan, prediction: Prediction, width: int, look: Look, more: Sequence[Tuple[str, str]] = ()
) -> str:
    """The same without the steps; `more` are further facts, each a title and its text."""
    return _title(plan, look) + _facts(plan, prediction, width, look, more)


def _title(plan: Plan, look: Look) -> str:
    return "%s: %s\n" % (look.paint(safe_line(plan.workflow.name), Tone.STRONG), _counts(plan))


def _facts(
    plan: Plan, prediction: Prediction, width: int, look: Look, more: Sequence[Tuple[str, str]] = ()
) -> str:
    path = _critical_path(plan, width - _FACT_CELLS, look)
    facts = [
        ("budget", amounts_text(plan.budget)),
        ("peak demand", amounts_text(prediction.peak) or "nothing"),
        ("critical path", path),
        ("work", format_duration(plan.work_s)),
        ("lower bound", format_duration(plan.lower_bound_s)),
        ("predicted", format_duration(prediction.predicted_s) + _assumed(plan)),
        *more,
    ]
    parts = []
    for title, text in facts:
        lines = wrap(text, max(width - _FACT_CELLS, 10), break_long_words=False) or [""]
        parts.append(look.paint("%-*s" % (_FACT_CELLS, title), Tone.QUIET))
        parts.append(("\n" + " " * _FACT_CELLS).join(lines) + "\n")
    notes = [*plan.notes[:_MOST_NOTES]]
    if len(plan.notes) > _MOST_NOTES:
        notes.append("and %d more such notes" % (len(plan.notes) - _MOST_NOTES))
    for note in notes:
        parts.append("%s %s\n" % (look.paint("note:", Tone.WARN), safe_line(note)))
    return "".join(parts)


def _counts(plan: Plan) -> str:
    places = [place for step in plan.steps for place in step.walk()]
    steps = [step for _, _, step in places if not step.inner]
    waves = max((wave for _, wave, _ in places), default=0)
    number = Counter(step.will for step in steps)
    words = ["%s in %s" % (_number(len(steps), "step"), _number(waves, "wave"))]
    words += ["%d %s" % (number[will], will.value) for will in Will if number[will]]
    return ", ".join(words)


def _number(count: int, noun: str) -> str:
    return "%d %s" % (count, noun if count == 1 else noun + "s")


def _assumed(plan: Plan) -> str:
    """For how many of the steps that may run nobody gave a duration: they count one second."""
    unknown = sum(
        planned.duration_s is None and planned.will not in SPARED
        for step in plan.steps
        for _, _, planned in step.walk()
        if planned.step.body is not None and not planned.inner
    )
    if not unknown:
        return ""
    those = "the step" if unknown == 1 else "each of %d steps" % unknown
    return "  (1s for %s without a duration)" % those


class _Demands:
    """Demands as cells; most steps ask for the same as others."""

    def __init__(self) -> None:
        self._known: Dict[Tuple[Tuple[str, int], ...], Cell] = {}

    def cell(self, demand: Optional[Mapping[str, int]]) -> Cell:
        """What a step asks for, in words."""
        if demand is None:
            return Cell("unknown")
        amounts = tuple(demand.items())
        cell = self._known.get(amounts)
        if cell is None:
            cell = self._known[amounts] = Cell(amounts_text(demand))
        return cell


def _row(
    needs: str, demand: Cell, place: str, prefix: str, wave: int, step: PlannedStep
) -> Tuple[Cell, ...]:
    depth = prefix.count("/")
    if depth:
        needs = ", ".join(safe_line(need.step) for need in step.step.needs[:_MOST_NEEDS])
    return (
        Cell(str(wave), Tone.QUIET),
        Cell("  " * depth + safe_line(step.title)),
        Cell(needs, Tone.QUIET),
        Cell(place),
        _WILL_CELLS[step.will],
        Cell(safe_line(step.reason), Tone.QUIET),
        demand,
        Cell(_time(step.duration_s)),
    )


def _needs(steps: Sequence[PlannedStep], step: PlannedStep) -> str:
    ids = [safe_line(steps[place].step.id) for place in step.needs[:_MOST_NEEDS]]
    return _some(ids, len(step.needs))


def _time(duration_s: Optional[float]) -> str:
    return "" if duration_s is None else format_duration(duration_s)


def _ids(plan: Plan, places: Sequence[int]) -> List[str]:
    return [safe_line(plan.steps[place].step.id) for place in places]


def _some(ids: List[str], total: int) -> str:
    text = ", ".join(ids)
    return text if total == len(ids) else "%s +%d" % (text, total - len(ids))


def _critical_path(plan: Plan, width: int, look: Look) -> str:
    arrow = " → " if look.unicode else " > "
    text = arrow.join(_ids(plan, plan.critical_path[: max(width, 1)]))
    return fit(text, max(width, 1), look.ellipsis) or "nothing"
