"""The log of a run for programs: each event as one line of JSON, as `schemas/log.schema.json` says.

Short lines with a level and a message, for what collects logs; what an event holds in lists and
maps is left to `--output json` and to the record. Nothing here opens a file or reads a clock.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Sequence, Tuple, Type

from orchestra.engine.replay import Replay
from orchestra.model.events import (
    AlertSent,
    ArtifactsKept,
    AttemptEnded,
    AttemptLaunched,
    AttemptQueued,
    AttemptStarted,
    CacheMissed,
    Envelope,
    Event,
    Noted,
    OutputsTaken,
    ResultReused,
    ResultsDropped,
    RetryScheduled,
    RunFinished,
    RunResumed,
    RunStarted,
    StepEnded,
    StepReady,
    StepsAdded,
    StepTimedOut,
    StopRequested,
    SuccessKept,
    SummaryWritten,
    fields_of,
)
from orchestra.model.iso_time import iso_time
from orchestra.model.json_text import json_text
from orchestra.model.look import state_word
from orchestra.model.record import RunRecord
from orchestra.model.run import Outcome, RunState, StepState
from orchestra.model.units import format_duration
from orchestra.subscribers.screen import Screen
from orchestra.subscribers.step_lines import resume_line, start_line

LOG_FORMAT = 1
LOST = "LinesLost"
"""The kind of the line that stands for others, which is no event of the run."""

_LONGEST_TEXT = 4000
_TOLD_APART = ("step", "number", "run_id", "workflow")  # they have places of their own in a line
_GOOD_OUTCOMES = (Outcome.SUCCEEDED.value, Outcome.SKIPPED.value)
_GOOD_STATES = (StepState.SUCCEEDED.value, StepState.CACHED.value, StepState.SKIPPED.value)

_HOW: Mapping[Type[Event], Tuple[str, str]] = {
    RunStarted: ("info", "%(begins)s"),
    RunResumed: ("info", "%(goes_on)s"),
    ResultsDropped: ("info", "what %(parts)s came to before counts no more"),
    StepsAdded: ("info", "adds %(parts)s"),
    StepReady: ("debug", "ready"),
    AttemptStarted: ("info", "attempt %(number)d starts"),
    AttemptQueued: ("info", "attempt %(number)d waits as job %(job)s of %(executor)s%(because)s"),
    AttemptLaunched: ("debug", "attempt %(number)d is %(process)s"),
    AttemptEnded: ("info", "attempt %(number)d ends: %(outcome)s%(because)s"),
    OutputsTaken: ("debug", "takes %(parts)s"),
    SummaryWritten: ("debug", "attempt %(number)d wrote a summary"),
    ArtifactsKept: ("info", "keeps %(parts)s"),
    RetryScheduled: ("warning", "attempt %(number)d comes in %(wait)s"),
    StepTimedOut: ("warning", "%(reason)s"),
    StepEnded: ("info", "%(word)s%(because)s"),
    ResultReused: ("info", "not run: it counts as a success"),
    CacheMissed: ("info", "must run%(because)s"),
    SuccessKept: ("debug", "its success is kept for later runs"),
    Noted: ("warning", "%(message)s"),
    StopRequested: ("warning", "the run is being stopped: %(cause)s"),
    RunFinished: ("info", "the run ends: %(state)s%(because)s"),
    AlertSent: ("info", "alert to %(target)s: %(sent)s"),
}
"""The level of each kind of event where nothing went wrong, and its message."""


class RunLog:
    """Writes the events of a turn as lines, whole or not at all.

    Reads the run's record from `replay`, which is given the events of a turn before this is.
    """

    def __init__(self, screen: Screen, replay: Replay) -> None:
        self._screen = screen
        self._replay = replay
        self._at = 0.0

    def handle(self, envelopes: Sequence[Envelope]) -> None:
        """Write each event's line."""
        record = self._replay.record
        if record is None:
            return
        self._at = envelopes[-1].at
        text = "".join([log_line(record, envelope) for envelope in envelopes])
        self._screen.write(text, keep=record.ended_at is not None)

    def close(self) -> None:
        """All lines have been written."""

    def lost(self, count: int) -> str:
        """The line that stands in place of the lines of `count` turns."""
        message = "leaves out the lines of %s: the file took them too slowly" % _counted(
            count, "turn"
        )
        head = _line(self._at, "warning", LOST, self._replay.record)
        return json_text({**head, "message": message, "fields": {"turns": count}}) + "\n"


def log_line(record: RunRecord, envelope: Envelope) -> str:
    """One event as a line of ASCII JSON."""
    event = envelope.event
    data = fields_of(event)
    line = _line(envelope.at, _level(event), type(event).__name__, record)
    line["step"] = data.get("step") or None
    line["attempt"] = data.get("number")
    line["message"] = _cut(_HOW[type(event)][1] % _told(record, event, data))
    line["fields"] = {
        name: _cut(value) if isinstance(value, str) else value
        for name, value in data.items()
        if name not in _TOLD_APART and (value is None or isinstance(value, (str, int, float)))
    }
    return json_text(line) + "\n"


def _line(at: float, level: str, event: str, record: Optional[RunRecord]) -> Dict[str, Any]:
    return {
        "format": LOG_FORMAT,
        "time": iso_time(at),
        "level": level,
        "event": event,
        "run": None if record is None else record.run_id,
        "workflow": None if record is None else _cut(record.workflow),
        "step": None,
        "attempt": None,
    }


def _level(event: Event) -> str:
    if type(event) is AttemptEnded and event.outcome not in _GOOD_OUTCOMES:
        return "warning"
    if type(event) is AlertSent and not event.ok:
        return "warning"
    if type(event) is StepEnded and event.state not in _GOOD_STATES:
        return "error" if event.state == StepState.FAILED.value else "warning"
    if type(event) is RunFinished and event.state != RunState.SUCCEEDED.value:
        return "error" if event.state == RunState.FAILED.value else "warning"
    return _HOW[type(event)][0]


def _told(record: RunRecord, event: Event, data: Mapping[str, Any]) -> Dict[str, Any]:
    """What the message of an event may speak of."""
    told = dict(data)
    reason = data.get("reason")
    told["because"] = ", %s" % reason if reason else ""
    if type(event) is AttemptLaunched:
        told["process"] = "on node %s" % event.node if event.node else "process %d" % event.pid
    elif type(event) is RunStarted:
        told["begins"] = start_line(record)
    elif type(event) is RunResumed:
        told["goes_on"] = resume_line(record)
    elif type(event) in (ResultsDropped, StepsAdded):
        told["parts"] = _counted(len(data["steps"]), "step")
    elif type(event) is ArtifactsKept:
        told["parts"] = _counted(len(event.files), "file")
    elif type(event) is OutputsTaken:
        told["parts"] = _counted(len(event.outputs), "output")
    elif type(event) is RetryScheduled:
        told["wait"] = format_duration(event.delay_s)
    elif type(event) is StepEnded:
        told["word"] = state_word(event.state)
    elif type(event) is AlertSent:
        told["sent"] = "sent" if event.ok else event.message
    return told


def _counted(number: int, what: str) -> str:
    return "%d %s%s" % (number, what, "" if number == 1 else "s")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
