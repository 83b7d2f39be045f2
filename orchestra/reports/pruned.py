"""The runs that were removed, or would be: a table for people, JSON for programs. Pure."""

from __future__ import annotations

from typing import Sequence, Tuple

from orchestra.model.json_text import json_text
from orchestra.model.look import Look, Tone, run_tone
from orchestra.model.run import RunState
from orchestra.model.run_rows import PrunedRun
from orchestra.model.screen_text import safe_line
from orchestra.model.units import format_duration, format_size
from orchestra.reports.table import Cell, Column, render_table

PRUNE_FORMAT = 1

_COLUMNS = (
    Column("run", least=26),
    Column("workflow", least=8, yields=3),
    Column("state", least=9),
    Column("age", least=6, right=True, yields=2),
    Column("size", least=8, right=True, yields=1),
)


def render_pruned(
    runs: Sequence[PrunedRun], place: str, width: int, look: Look, dry_run: bool
) -> str:
    """The table of runs in the order given, and what they come to; `place` is where they were."""
    if not runs:
        return "nothing to remove in %s\n" % safe_line(place)
    table = render_table(_COLUMNS, [_row(run) for run in runs], width, look)
    words = "%s removed from %s, %s freed\n"
    if dry_run:
        words = "%s would be removed from %s, %s freed\n"
    count = "%d run%s" % (len(runs), "" if len(runs) == 1 else "s")
    size = format_size(sum(run.freed_bytes for run in runs))
    return table + "\n" + words % (count, safe_line(place), size)


def pruned_json(runs: Sequence[PrunedRun], dry_run: bool) -> str:
    """The runs as indented JSON, as `schemas/prune.schema.json` says."""
    entries = [
        {**run._asdict(), "state": None if run.state is None else run.state.value} for run in runs
    ]
    freed = sum(run.freed_bytes for run in runs)
    data = {"format": PRUNE_FORMAT, "dry_run": dry_run, "freed_bytes": freed, "runs": entries}
    return json_text(data, indent=2) + "\n"


def _row(run: PrunedRun) -> Tuple[Cell, ...]:
    return (
        Cell(safe_line(run.run_id)),
        Cell(safe_line(run.workflow)),
        _state(run),
        Cell(format_duration(run.age_s)),
        Cell(format_size(run.freed_bytes)),
    )


def _state(run: PrunedRun) -> Cell:
    if run.state is None:
        return Cell("no record", Tone.QUIET)
    if run.state is RunState.RUNNING:
        return Cell("cut off", Tone.WARN)
    return Cell(run.state.value, run_tone(run.state))
