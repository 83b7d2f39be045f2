"""The table that ends a run and that `show` prints: state, time, attempts and why of each step."""

from __future__ import annotations

from textwrap import wrap
from typing import List, Optional, Tuple

from rich.cells import cell_len

from orchestra.model.log_excerpt import LogReader
from orchestra.model.look import (
    Look,
    Tone,
    count_words,
    run_tone,
    state_tone,
    state_word,
    step_label,
)
from orchestra.model.record import RunRecord, StepRecord
from orchestra.model.run import ENDED_STATES, StepState
from orchestra.model.screen_text import safe_line
from orchestra.model.units import format_duration
from orchestra.model.whereabouts import place_words
from orchestra.reports.failure import failure_text
from orchestra.reports.table import Cell, Column, render_table

_SHORT_S = 1.0
"""In a shorter run it is the start of orchestra that counts."""

_MOST_ROWS = 60
_MOST_FAILURES = 10
_MOST_NOTES = 20
_WAITING = (
    StepState.RUNNING,
    StepState.QUEUED,
    StepState.WAITING_RETRY,
    StepState.READY,
    StepState.PENDING,
)
_BY_WEIGHT = (
    StepState.FAILED,
    StepState.CANCELLED,
    StepState.ALLOWED_FAILURE,
    StepState.RECOVERED,
    *_WAITING,
    StepState.BLOCKED,
    StepState.SKIPPED,
)
_COLUMNS = (
    Column("", least=1, gap=1),
    Column("step", least=8),
    Column("state", least=9),
    Column("time", least=5, right=True, yields=1),
    Column("attempts", least=3, right=True, yields=2),
    Column("where", least=5, yields=3),
    Column("why", least=12),
)


def render_summary(
    record: RunRecord,
    width: int,
    look: Look,
    logs: Optional[LogReader] = None,
    tail_lines: int = 10,
    notes_of_run: bool = True,
) -> str:
    """The summary of a run, ended or not, in lines of at most `width` cells (paths excepted).

    The handlers that ran stand below their step. With more than 60 rows only those that were no
    plain success are shown, and the steps among the rest are counted. `tail_lines` of each
    failed step's log are shown, 0 for none. Notes that are about no step are left out unless
    `notes_of_run`.
    """
    shown, left_out = _shown(record)
    rows = [_row(step, _depth(record, step), look) for step in shown]
    parts = [render_table(_COLUMNS, rows, width, look)]
    if left_out:
        parts.append(look.paint("%s and %s\n" % (look.ellipsis, left_out), Tone.QUIET))
    failed = _failed(record)
    for step in failed[:_MOST_FAILURES]:
        parts.append("\n" + failure_text(step, logs, width, look, tail_lines))
    if len(failed) > _MOST_FAILURES:
        parts.append("\n%s and %d more failed\n" % (look.ellipsis, len(failed) - _MOST_FAILURES))
    parts.append(_notes(record, look, notes_of_run))
    parts.append(_alerts(record, look))
    parts.append("\n" + totals_line(record, look, width) + "\n")
    foretold = _foretold(record)
    if foretold:
        parts.append(look.paint(foretold, Tone.QUIET) + "\n")
    return "".join(parts)


def _foretold(record: RunRecord) -> str:
    """How close a run came to what was foretold of it; empty where that was a guess, or nothing."""
    predicted_s, elapsed_s = record.predicted_s, record.elapsed_s
    if predicted_s is None or elapsed_s is None or not record.is_as_planned:
        return ""
    if predicted_s < _SHORT_S:
        return ""
    off = elapsed_s / predicted_s - 1
    return "foretold %s: it took %.1f%% %s" % (
        format_duration(predicted_s),
        abs(off) * 100,
        "longer" if off >= 0 else "less",
    )


def totals_line(record: RunRecord, look: Look, width: int = 0) -> str:
    """`nightly failed: 12 succeeded, 1 failed, 3 blocked in 4.2s`.

    One line, or where that is wider than `width` (0: no limit) the counts on lines of their own.
    """
    states = ENDED_STATES if record.elapsed_s is not None else (*ENDED_STATES, *_WAITING)
    counts = ", ".join(count_words(record.counts, *states)) or "no steps"
    if record.elapsed_s is not None:
        counts += " in %s" % format_duration(record.elapsed_s)
    name, state = safe_line(record.workflow), record.state.value
    reason = " (%s)" % safe_line(record.reason) if record.reason else ""
    head = "%s %s%s" % (
        look.paint(name, Tone.STRONG),
        look.paint(state, run_tone(record.state)),
        reason,
    )
    cells = cell_len(name) + 1 + len(state) + cell_len(reason)
    if width and cells + 2 + len(counts) > width:
        whole = counts.replace(", ", ",\n").replace(" ", "\xa0").replace("\n", " ")
        lines = wrap(whole, max(width - 2, 1), break_long_words=False)
        return "\n  ".join([head + ":", *lines]).replace("\xa0", " ")
    return "%s: %s" % (head, counts)


def _failed(record: RunRecord) -> List[StepRecord]:
    """The steps that failed by themselves, and not by one of their parts."""
    return [step for step in record.in_order() if step.is_root_of_failure]


def _shown(record: RunRecord) -> Tuple[List[StepRecord], str]:
    """The steps that get a row, in plan order, and the count of the others in words."""
    steps = record.in_order()
    if len(steps) <= _MOST_ROWS:
        return steps, ""
    order = {state: place for place, state in enumerate(_BY_WEIGHT)}
    special = [place for place, step in enumerate(steps) if not _is_plain(step)]
    special.sort(key=lambda place: order.get(steps[place].state, len(order)))
    chosen = sorted(special[:_MOST_ROWS])
    counts = dict(record.counts)
    for place in chosen:
        step = steps[place]
        counts[step.state] -= not step.is_handler and not step.members
    left_out = ", ".join(count_words(counts, *ENDED_STATES, *_WAITING))
    return [steps[place] for place in chosen], left_out


def _is_plain(step: StepRecord) -> bool:
    if step.state is StepState.SUCCEEDED:
        return len(step.attempts) <= 1
    return step.state in (StepState.CACHED, StepState.PENDING, StepState.READY)


def _depth(record: RunRecord, step: StepRecord) -> int:
    """How many steps it is a part of."""
    depth = 0
    while step.owner:
        depth += 1
        step = record.step_by_id[step.owner]
    return depth


def _row(step: StepRecord, depth: int, look: Look) -> Tuple[Cell, ...]:
    tone = state_tone(step.state)
    loud = tone if tone in (Tone.BAD, Tone.WARN) else Tone.PLAIN
    duration = "" if step.duration_s is None else format_duration(step.duration_s)
    attempts = str(len(step.attempts)) if step.attempts else ""
    return (
        Cell(look.mark(step.state), tone),
        Cell(
            "  " * depth + step_label(step.id, step.name),
            Tone.STRONG if loud is Tone.BAD else Tone.PLAIN,
        ),
        Cell(state_word(step.state), tone if loud is tone else Tone.QUIET),
        Cell(duration),
        Cell(attempts, Tone.QUIET if attempts == "1" else Tone.PLAIN),
        Cell(place_words(step.attempts), Tone.QUIET),
        Cell(_why(step), Tone.PLAIN if loud is Tone.BAD else Tone.QUIET),
    )


def _why(step: StepRecord) -> str:
    """The reason for its state; of a step in the queue of an engine the engine's."""
    if step.state is StepState.QUEUED:
        return safe_line(step.attempts[-1].queue_reason)
    return safe_line(step.reason)


def _notes(record: RunRecord, look: Look, of_run: bool) -> str:
    steps = record.step_by_id
    notes = [note for note in record.notes if of_run or note.partition(": ")[0] in steps]
    if not notes:
        return ""
    lines = [
        "%s %s" % (look.paint("note:", Tone.WARN), safe_line(note)) for note in notes[:_MOST_NOTES]
    ]
    if len(notes) > _MOST_NOTES:
        lines.append("%s and %d more notes" % (look.ellipsis, len(notes) - _MOST_NOTES))
    return "\n" + "\n".join(lines) + "\n"


def _alerts(record: RunRecord, look: Look) -> str:
    lines = [
        "%s %s to %s %s"
        % (
            look.paint("alert:", Tone.QUIET if alert.ok else Tone.WARN),
            safe_line(alert.when),
            safe_line(alert.target),
            "sent" if alert.ok else "could not be sent: %s" % safe_line(alert.message),
        )
        for alert in record.alerts[:_MOST_NOTES]
    ]
    if len(record.alerts) > _MOST_NOTES:
        lines.append("%s and %d more alerts" % (look.ellipsis, len(record.alerts) - _MOST_NOTES))
    return "\n" + "\n".join(lines) + "\n" if lines else ""
