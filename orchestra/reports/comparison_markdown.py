"""A plan beside an earlier version as Markdown for a pull request. Pure.

Everything that a file could have chosen is escaped: no Markdown, no HTML, no mention.
"""

from __future__ import annotations

from typing import Iterator, List, Sequence

from orchestra.model.comparison import Change, Comparison, FieldChange, StepComparison
from orchestra.reports.comparison_words import (
    against_words,
    change_words,
    changed_steps,
    counts_words,
    rest_words,
    told,
)
from orchestra.reports.markdown_text import escape

_MOST_CHARACTERS = 25_000
"""Of one table: GitHub takes 65,536 in a comment."""


def render_comparison_markdown(comparison: Comparison) -> str:
    """A heading, what is changed as a table, and a table of the steps that run again."""
    about = (escape(comparison.workflow), escape(against_words(comparison)))
    lines = ["### %s against %s" % about, "", counts_words(comparison)]
    lines += ["", *("> %s\n" % escape(note) for note in comparison.notes)]
    changes = [*_changes(comparison)]
    if changes:
        lines += ["| | what | field | change |", "| --- | --- | --- | --- |", *_cut(changes), ""]
    again = told(comparison)
    if again.steps:
        lines += ["#### Runs again", ""]
        lines += ["| step | run | resume | why |", "| --- | --- | --- | --- |"]
        lines += [*_cut([_row(step) for step in again.steps]), ""]
    rest = rest_words(again)
    return "\n".join([*lines, rest] if rest else lines).rstrip("\n") + "\n"


def _changes(comparison: Comparison) -> Iterator[str]:
    for title, fields in (("workflow", comparison.root), ("params", comparison.params)):
        yield from _fields("changed", "*%s*" % title, fields)
    for step in changed_steps(comparison):
        name = escape(step.id) + (" (was %s)" % escape(step.was) if step.was else "")
        if step.change is Change.CHANGED:
            yield from _fields(step.change.value, name, step.fields)
        else:
            yield "| %s | %s | | |" % (step.change.value, name)


def _fields(change: str, name: str, fields: Sequence[FieldChange]) -> Iterator[str]:
    for field in fields:
        words = escape(change_words(field, " → "))
        yield "| %s | %s | %s | %s |" % (change, name, escape(field.field), words)


def _row(step: StepComparison) -> str:
    will = "" if step.will is None else step.will.value
    resume = "" if step.on_resume is None else step.on_resume.value
    return "| %s | %s | %s | %s |" % (escape(step.id), will, resume, escape(step.why))


def _cut(rows: List[str]) -> List[str]:
    """As many rows as there is room for, and how many more there are."""
    room, kept = _MOST_CHARACTERS, 0
    while kept < len(rows) and len(rows[kept]) < room:
        room -= len(rows[kept]) + 1
        kept += 1
    if kept == len(rows):
        return rows
    return [*rows[:kept], "", "… and %d rows more" % (len(rows) - kept)]
