"""The single lines that tell how a run goes: it starts, a step ends, a retry comes. Pure."""

from __future__ import annotations

from orchestra.model.events import (
    AttemptEnded,
    Noted,
    PlannedEntry,
    RetryScheduled,
    StepEnded,
    StopRequested,
)
from orchestra.model.look import amounts_text, state_word, step_label
from orchestra.model.record import RunRecord, StepRecord
from orchestra.model.run import StepState
from orchestra.model.screen_text import safe_line
from orchestra.model.units import format_duration


def start_line(record: RunRecord) -> str:
    """`nightly: 12 steps, budget cpu 4, memory 16 GiB (run 20261122-101500-ab12)`."""
    count = record.total
    words = "%s: %d %s" % (safe_line(record.workflow), count, "step" if count == 1 else "steps")
    if record.budget:
        words += ", budget %s" % amounts_text(record.budget)
    return "%s (run %s)" % (words, safe_line(record.run_id))


def resume_line(record: RunRecord) -> str:
    """`nightly goes on: 9 of 12 steps are done, budget cpu 4 (run 20261122-101500-ab12)`."""
    count = record.total
    steps = "%d %s" % (count, "step is" if count == 1 else "steps are")
    words = "%s goes on: %d of %s done" % (safe_line(record.workflow), record.done_before, steps)
    if record.budget:
        words += ", budget %s" % amounts_text(record.budget)
    return "%s (run %s)" % (words, safe_line(record.run_id))


def step_line(step: StepRecord, event: StepEnded, done: int, total: int) -> str:
    """`[3/12] convert failed after 12.3s and 3 attempts: exit code 2`.

    A handler, and a step whose parts are counted, has no number.
    """
    number = "-" if step.members or step.is_handler else str(done)
    label, word = step_label(step.id, step.name), state_word(event.state)
    words = "[%s/%d] %s %s" % (number, total, label, word)
    duration_s = step.duration_s
    if duration_s is not None:
        words += " after %s" % format_duration(duration_s)
    if len(step.attempts) > 1:
        words += " and %d attempts" % len(step.attempts)
    if (event.state == StepState.SUCCEEDED and not step.members) or not event.reason:
        return words
    return "%s: %s" % (words, safe_line(event.reason))


def retry_line(ended: AttemptEnded, retry: RetryScheduled, total: int) -> str:
    """`[-/12] convert attempt 1 failed: exit code 75, again in 5.0s`."""
    reason = safe_line(ended.reason or ended.outcome.replace("_", " "))
    wait = "again in %s" % format_duration(retry.delay_s) if retry.delay_s else "again at once"
    step = safe_line(ended.step)
    return "[-/%d] %s attempt %d: %s, %s" % (total, step, ended.number, reason, wait)


def handler_line(ended: AttemptEnded, handler: PlannedEntry, total: int) -> str:
    """`[-/12] convert attempt 1: exit code 2, now its fallback`."""
    about = (total, safe_line(ended.step), ended.number, safe_line(ended.reason), handler.role)
    return "[-/%d] %s attempt %d: %s, now its %s" % about


def note_line(event: Noted) -> str:
    """`note: convert: wrote an output that it does not declare`."""
    where = "%s: " % safe_line(event.step) if event.step else ""
    return "note: %s%s" % (where, safe_line(event.message))


def stop_line(event: StopRequested) -> str:
    """`stopping: SIGINT`."""
    return "stopping%s: %s" % (" at once" if event.at_once else "", safe_line(event.cause))
