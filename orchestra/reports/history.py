"""The runs that were, for people and programs: the table of `runs`, the page of `show`. Pure."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any, Dict, Optional, Sequence, Tuple

from orchestra.model.iso_time import iso_time
from orchestra.model.json_text import json_text
from orchestra.model.log_excerpt import LogReader
from orchestra.model.look import Look, Tone, amounts_text, run_tone
from orchestra.model.record import RunRecord
from orchestra.model.run import RunState
from orchestra.model.run_rows import RunRow
from orchestra.model.screen_text import safe_line
from orchestra.model.units import format_duration
from orchestra.reports.kept import render_kept
from orchestra.reports.summary import render_summary
from orchestra.reports.table import Cell, Column, render_table

RUNS_FORMAT = 1

_CUT_OFF = "nothing runs it any more; below is what was known last"

_COLUMNS = (
    Column("run", least=26),
    Column("workflow", least=8, yields=1),
    Column("state", least=9),
    Column("steps", least=9, yields=2),
    Column("started", least=16, yields=3),
    Column("time", least=5, right=True, yields=4),
)


def render_runs(
    rows: Sequence[RunRow], width: int, look: Look, zone: Optional[tzinfo] = None
) -> str:
    """The table of runs in the order given; times in `zone`, None for the local one."""
    if not rows:
        return "no runs yet\n"
    return render_table(_COLUMNS, [_row(row, zone) for row in rows], width, look)


def runs_json(rows: Sequence[RunRow]) -> str:
    """The runs as indented JSON, as `schemas/runs.schema.json` says."""
    data = {"format": RUNS_FORMAT, "runs": [_data(row) for row in rows]}
    return json_text(data, indent=2) + "\n"


def render_show(
    record: RunRecord,
    width: int,
    look: Look,
    logs: Optional[LogReader] = None,
    zone: Optional[tzinfo] = None,
    cut_off: bool = False,
) -> str:
    """One run: what it was started with, then the same summary that ended it on the screen.

    `cut_off` says that nothing runs it any more, though it has not ended.
    """
    params = ", ".join("%s=%s" % (name, json_text(v)) for name, v in record.params.items())
    facts = [
        ("run", record.run_id),
        ("file", record.path),
        ("started", _local_time(record.started_at, zone)),
        ("params", params),
        ("budget", amounts_text(record.budget)),
        ("cut off", _CUT_OFF if cut_off else ""),
    ]
    lines = [
        "%s %s\n" % (look.paint("%-8s" % title, Tone.QUIET), safe_line(text))
        for title, text in facts
        if text
    ]
    kept = render_kept(record, look, logs)
    summary = render_summary(record, width, look, logs)
    return "".join(lines) + "\n" + summary + ("\n" + kept if kept else "")


def _row(row: RunRow, zone: Optional[tzinfo]) -> Tuple[Cell, ...]:
    steps = "%d, %d failed" % (row.total, row.failed) if row.failed else str(row.total)
    return (
        Cell(safe_line(row.run_id)),
        Cell(safe_line(row.workflow)),
        _state(row),
        Cell(steps),
        Cell(_local_time(row.started_at, zone)[:16], Tone.QUIET),
        Cell("" if row.elapsed_s is None else format_duration(row.elapsed_s)),
    )


def _state(row: RunRow) -> Cell:
    if row.state is RunState.RUNNING and not row.alive:
        return Cell("cut off", Tone.WARN)
    return Cell(row.state.value, run_tone(row.state))


def _local_time(at: float, zone: Optional[tzinfo]) -> str:
    return datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M:%S")


def _data(row: RunRow) -> Dict[str, Any]:
    data = row._asdict()
    data["state"] = row.state.value
    data["started_at"] = iso_time(row.started_at)
    return data
