"""What the resources of steps should be, as a table for people. Pure."""

from __future__ import annotations

from typing import Mapping, Optional, Tuple

from orchestra.model.look import Look, Tone
from orchestra.model.screen_text import safe_line
from orchestra.model.suggestion import Advice, Suggestion
from orchestra.model.units import format_amount, format_duration
from orchestra.reports.table import Cell, Column, render_table

_COLUMNS = (
    Column("step", least=8),
    Column("runs", least=4, right=True, yields=2),
    Column("time", least=5, right=True, yields=1),
    Column("cpu", least=5),
    Column("memory", least=8),
)


def render_suggestions(advice: Advice, predicted_s: float, width: int, look: Look) -> str:
    """A row for each step that ran before, from what it asks for to what it should; then advice."""
    if not advice.suggestions:
        return "nothing is known yet: none of these steps has succeeded in an earlier run\n"
    rows = [_row(each, look) for each in advice.suggestions]
    words = "no step alone makes the run shorter"
    if advice.shorten_first is not None:
        words = "`%s`: in half its time the run would take %s instead of %s" % (
            safe_line(advice.shorten_first.step),
            format_duration(advice.shorten_first.predicted_s),
            format_duration(predicted_s),
        )
    title = look.paint("shorten first", Tone.QUIET)
    return "%s\n%s  %s\n" % (render_table(_COLUMNS, rows, width, look), title, words)


def _row(each: Suggestion, look: Look) -> Tuple[Cell, ...]:
    return (
        Cell(safe_line(each.step)),
        Cell(str(each.runs), Tone.QUIET),
        Cell(format_duration(each.expected_s)),
        _change("cpu", each.asked, each.proposed, look),
        _change("memory", each.asked, each.proposed, look),
    )


def _change(
    name: str, asked: Optional[Mapping[str, int]], proposed: Mapping[str, int], look: Look
) -> Cell:
    """`1 → 2`, in a loud tone where a step uses more than it asks for."""
    if name not in proposed:
        return Cell("")
    now = (asked or {}).get(name)
    told = "unknown" if asked is None else "none" if now is None else format_amount(name, now)
    if now == proposed[name]:
        return Cell(told, Tone.QUIET)
    arrow = " → " if look.unicode else " > "
    tone = Tone.WARN if now is not None and now < proposed[name] else Tone.PLAIN
    return Cell(told + arrow + format_amount(name, proposed[name]), tone)
