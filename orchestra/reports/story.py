"""What happened to some steps of a run, event by event, with the time since its start. Pure."""

from __future__ import annotations

from typing import AbstractSet, List, Sequence

from orchestra.model.events import (
    AttemptEnded,
    AttemptStarted,
    CacheMissed,
    Envelope,
    Event,
    Noted,
    RetryScheduled,
    RunFinished,
    StepEnded,
    StepReady,
    StepsAdded,
    StopRequested,
)
from orchestra.model.screen_text import safe_line
from orchestra.model.units import format_duration

_WHOLE = (StopRequested, RunFinished)
_LONG_WAIT_S = 1e-3
_MOST_LINES = 40


def is_about(event: Event, steps: AbstractSet[str]) -> bool:
    """Whether an event belongs to the story of these steps; the stop and the end of a run do."""
    if type(event) in _WHOLE:
        return True
    if type(event) is StepsAdded:
        return any(entry.owner in steps for entry in event.steps)
    return getattr(event, "step", None) in steps and type(event) is not StepReady


def story_lines(story: Sequence[Envelope], started_at: float) -> List[str]:
    """The story, a line for each event: when, which step, what."""
    told = []
    for envelope in story:
        words = _words(envelope.event)
        if words:
            who = _who(envelope.event)
            told.append((format_duration(envelope.at - started_at), who, words))
    left_out = len(told) - _MOST_LINES
    if left_out > 0:
        told = [*told[: _MOST_LINES - 1], told[-1]]
    wide = max((len(when) for when, _, _ in told), default=0)
    lines = ["%s  %s%s" % (when.rjust(wide), who, words) for when, who, words in told]
    if left_out > 0:
        lines.insert(-1, "%s  … %d more" % (" " * wide, left_out + 1))
    return lines


def _who(event: Event) -> str:
    if type(event) is StepsAdded:
        return safe_line(event.steps[0].owner) + " "
    step = getattr(event, "step", "")
    return safe_line(step) + " " if step else ""


def _words(event: Event) -> str:
    if type(event) is AttemptStarted:
        waited = ""
        if event.queued_s > _LONG_WAIT_S:
            waited = ", after %s in line" % format_duration(event.queued_s)
        return "attempt %d starts%s" % (event.number, waited)
    if type(event) is AttemptEnded:
        return "attempt %d ends: %s" % (event.number, safe_line(event.reason or event.outcome))
    if type(event) is RetryScheduled:
        return "attempt %d comes in %s" % (event.number, format_duration(event.delay_s))
    if type(event) is StepsAdded:
        first = event.steps[0]
        if first.role == "instance":
            return "has %d instances" % len(event.steps)
        return "comes to its %s" % ("steps" if first.role == "inner" else first.role)
    if type(event) is CacheMissed:
        return "must run: %s" % safe_line(event.reason)
    if type(event) is Noted:
        return "note: %s" % safe_line(event.message)
    if type(event) is StepEnded:
        return _with_reason(event.state, event.reason)
    if type(event) is StopRequested:
        return "the run is stopped%s: %s" % (
            " at once" if event.at_once else "",
            safe_line(event.cause),
        )
    if type(event) is RunFinished:
        return "the run ends: %s" % _with_reason(event.state, event.reason)
    return ""


def _with_reason(state: str, reason: str) -> str:
    return "%s, %s" % (state, safe_line(reason)) if reason else state
