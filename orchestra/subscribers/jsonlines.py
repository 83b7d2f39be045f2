"""`--output json`: every event as one line of JSON, as `schemas/event.schema.json` says.

Made for standard output. A reader that is too slow finds gaps in `seq`, never half a line.
"""

from __future__ import annotations

from typing import Sequence

from orchestra.model.events import EVENTS_FORMAT, Envelope, RunFinished, to_data
from orchestra.model.json_text import json_text
from orchestra.subscribers.screen import Screen


class JsonLines:
    """Writes the events of a turn as `{format, seq, at, event, …}` lines."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def handle(self, envelopes: Sequence[Envelope]) -> None:
        """Write each event's line."""
        last = bool(envelopes) and type(envelopes[-1].event) is RunFinished
        self._screen.write("".join([event_line(envelope) for envelope in envelopes]), keep=last)

    def close(self) -> None:
        """All lines have been written."""


def event_line(envelope: Envelope) -> str:
    """One event as a line of ASCII JSON; times in UTC seconds, amounts in `Amounts` units."""
    return json_text({"format": EVENTS_FORMAT, **to_data(envelope)}) + "\n"
