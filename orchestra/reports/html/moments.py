"""The time that a run took, as places from left to right. Pure."""

from __future__ import annotations

from typing import List, NamedTuple

from orchestra.model.record import Attempt, RunRecord
from orchestra.model.units import format_duration

_STEPS = (1, 2, 3, 6, 12, 24)
_MOST_TICKS = 6


class Period(NamedTuple):
    """From the start of a run to its end, or to the last moment known; UTC seconds."""

    start: float
    end: float

    @property
    def length_s(self) -> float:
        """How long it is; never 0."""
        return max(self.end - self.start, 1e-3)

    def percent(self, at: float) -> float:
        """Where a moment lies, from 0 to 100."""
        return min(max((at - self.start) / self.length_s * 100, 0.0), 100.0)

    def ticks(self) -> List[float]:
        """Round numbers of seconds after the start, at most seven, the first one 0."""
        step_s = _round_step(self.length_s / _MOST_TICKS)
        return [step_s * number for number in range(int(self.length_s / step_s) + 1)]


def period_of(record: RunRecord) -> Period:
    """The whole time of a run."""
    if record.ended_at is not None:
        return Period(record.started_at, record.ended_at)
    attempts = [attempt for step in record.step_by_id.values() for attempt in step.attempts]
    known = [a.began_at if a.ended_at is None else a.ended_at for a in attempts]
    return Period(record.started_at, max([record.started_at, *known]))


def end_of(attempt: Attempt, period: Period) -> float:
    """When an attempt ended, the end of the period where it has not."""
    return period.end if attempt.ended_at is None else attempt.ended_at


def tick_text(seconds: float) -> str:
    """A tick for people: `0`, `0.5s`, `40s`, `2m`, `1h30m`."""
    if seconds < 60:
        return "%gs" % round(seconds, 4) if seconds else "0"
    words = format_duration(seconds)
    for zero in ("m00s", "h00m", "d00h"):
        if words.endswith(zero):
            return words[:-3]
    return words


def _round_step(least_s: float) -> float:
    """The smallest round duration of at least that many seconds."""
    unit = 1e-4
    while unit < 1:
        for number in (1, 2, 5):
            if unit * number >= least_s:
                return unit * number
        unit *= 10
    for number in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800):
        if number >= least_s:
            return float(number)
    hours = 3600.0
    while True:
        for number in _STEPS:
            if hours * number >= least_s:
                return hours * number
        hours *= 24
