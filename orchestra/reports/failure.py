"""Words for one step that failed: why, the last lines of its log, where the log lies."""

from __future__ import annotations

from typing import List, Optional

from orchestra.model.log_excerpt import LogReader, last_lines
from orchestra.model.look import Look, Tone, state_tone, state_word, step_label
from orchestra.model.record import StepRecord
from orchestra.model.screen_text import safe_line
from orchestra.model.units import format_duration, format_size
from orchestra.reports.table import fit

_TAIL_BYTES = 16 * 1024


def failure_text(
    step: StepRecord, logs: Optional[LogReader], width: int, look: Look, tail_lines: int = 20
) -> str:
    """`✗ convert failed after 12.3s: exit code 2`, then the log's end and its path, if it has one.

    Lines of the log are cut to `width`, paths never are: they are there to be copied.
    """
    sign = look.mark(step.state)
    words = [state_word(step.state)]
    if step.duration_s is not None:
        words.append("after %s" % format_duration(step.duration_s))
    if len(step.attempts) > 1:
        words.append("and %d attempts" % len(step.attempts))
    title = look.paint("%s %s" % (sign, step_label(step.id, step.name)), state_tone(step.state))
    reason = ": %s" % safe_line(step.reason) if step.reason else ""
    lines = ["%s %s%s" % (title, " ".join(words), reason)]
    if logs is not None and step.attempts and step.attempts[-1].log is not None:
        lines += _log_lines(step.attempts[-1].log, logs, width, look, tail_lines)
    return "\n".join(lines) + "\n"


def _log_lines(log: str, logs: LogReader, width: int, look: Look, tail_lines: int) -> List[str]:
    rail = "  %s " % look.paint(look.rail, Tone.QUIET)
    where = look.paint("  log: ", Tone.QUIET) + safe_line(logs.path(log))
    if not tail_lines:
        return [where]
    excerpt = logs.read(log, 0, _TAIL_BYTES)
    if excerpt.problem:
        return ["%s (cannot be read: %s)" % (where, safe_line(excerpt.problem))]
    tail, before = last_lines(excerpt, tail_lines)
    lines = [rail + fit(line, max(width - 4, 1), look.ellipsis) for line in tail]
    if before or excerpt.cut_bytes:
        lines.insert(0, rail + look.paint(_before(excerpt.cut_bytes, before, look), Tone.QUIET))
    return [*lines, where]


def _before(cut_bytes: int, lines: int, look: Look) -> str:
    amounts = [format_size(cut_bytes)] if cut_bytes else []
    if lines:
        amounts.append("%d %s" % (lines, "line" if lines == 1 else "lines"))
    return "%s %s before this" % (look.ellipsis, " and ".join(amounts))
