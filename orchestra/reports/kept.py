"""The files that were kept of a run's steps, for people. Pure."""

from __future__ import annotations

from typing import Optional

from orchestra.model.log_excerpt import LogReader
from orchestra.model.look import Look, Tone
from orchestra.model.record import RunRecord
from orchestra.model.screen_text import safe_line
from orchestra.model.units import format_amount

_MOST_SHOWN = 20


def render_kept(record: RunRecord, look: Look, logs: Optional[LogReader] = None) -> str:
    """A line a file: its step, its size, its path; at most 20, empty where nothing was kept."""
    files = [(step.id, file) for step in record.step_by_id.values() for file in step.artifacts]
    lines = []
    for step, file in files[:_MOST_SHOWN]:
        path = file.path if logs is None else logs.path(file.path)
        size = format_amount("memory", file.size_bytes)
        head = look.paint("kept", Tone.QUIET)
        lines.append("%s %s: %s (%s)\n" % (head, safe_line(step), safe_line(path), size))
    if len(files) > _MOST_SHOWN:
        lines.append("%s and %d more files kept\n" % (look.ellipsis, len(files) - _MOST_SHOWN))
    return "".join(lines)
