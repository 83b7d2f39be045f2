"""A plan beside an earlier version, for people: what is changed, what runs for it. Pure."""

from __future__ import annotations

from typing import Iterator, List, Sequence, Tuple

from orchestra.model.comparison import Change, Comparison, FieldChange, StepComparison
from orchestra.model.look import Look, Tone
from orchestra.model.plan import Will
from orchestra.model.screen_text import safe_line
from orchestra.reports.comparison_words import (
    against_words,
    change_words,
    changed_steps,
    counts_words,
    rest_words,
    told,
)
from orchestra.reports.table import Cell, Column, render_table

_SIGNS = {
    Change.ADDED: ("+", Tone.GOOD),
    Change.REMOVED: ("-", Tone.BAD),
    Change.CHANGED: ("~", Tone.WARN),
}
_COLUMNS = (
    Column("step", least=8),
    Column("run", least=7),
    Column("resume", least=7),
    Column("why", least=14),
)
_MOST_FIELDS = 20
_WIDEST = 500
_WILL_TONES = {Will.RUN: Tone.GOOD, Will.UNKNOWN: Tone.WARN}


def render_comparison(comparison: Comparison, width: int, look: Look) -> str:
    """What is changed, then the steps that run again and why; the other steps are counted."""
    name = look.paint(safe_line(comparison.workflow), Tone.STRONG)
    lines = [
        "%s against %s" % (name, safe_line(against_words(comparison))),
        counts_words(comparison),
    ]
    lines += ["note: %s" % safe_line(note) for note in comparison.notes]
    changes = [*_changes(comparison, look)]
    if changes:
        lines += ["", *changes]
    again = told(comparison)
    rows = [_row(step) for step in again.steps]
    text = "\n".join(lines) + "\n"
    if rows:
        text += "\n" + render_table(_COLUMNS, rows, width, look)
    rest = rest_words(again)
    return text + ("\n%s\n" % rest if rest else "")


def _changes(comparison: Comparison, look: Look) -> Iterator[str]:
    for title, fields in (("workflow", comparison.root), ("params", comparison.params)):
        if fields:
            yield "%s %s" % (look.paint("~", Tone.WARN), title)
            yield from _fields(fields, look)
    for step in changed_steps(comparison):
        sign, tone = _SIGNS[step.change]
        was = "  (was %s)" % safe_line(step.was) if step.was else ""
        yield "%s %s%s" % (look.paint(sign, tone), safe_line(step.id), was)
        yield from _fields(step.fields, look)


def _fields(fields: Sequence[FieldChange], look: Look) -> Iterator[str]:
    arrow = " → " if look.unicode else " > "
    for field in fields[:_MOST_FIELDS]:
        words = safe_line(change_words(field, arrow))[:_WIDEST]
        title = look.paint(safe_line(field.field)[:_WIDEST], Tone.QUIET)
        yield ("    %s  %s" % (title, words)).rstrip(" ")
    if len(fields) > _MOST_FIELDS:
        yield "    and %d more" % (len(fields) - _MOST_FIELDS)


def _row(step: StepComparison) -> Tuple[Cell, ...]:
    will = step.will or Will.UNKNOWN
    cells: List[Cell] = [Cell(safe_line(step.id)), Cell(will.value, _WILL_TONES[will])]
    cells.append(Cell("" if step.on_resume is None else step.on_resume.value))
    cells.append(Cell(safe_line(step.why), Tone.QUIET))
    return tuple(cells)
