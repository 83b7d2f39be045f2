"""What a run had taken of its budget at each moment, and what its steps used of that. Pure."""

from __future__ import annotations

from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple

from orchestra.model.look import resource_label
from orchestra.model.record import RunRecord
from orchestra.model.units import SIZED_RESOURCES, format_amount
from orchestra.model.whereabouts import is_elsewhere
from orchestra.reports.html.markup import text
from orchestra.reports.html.moments import Period, end_of, tick_text

_BUCKETS = 240
_MOST_RESOURCES = 12
_HEIGHT = 100.0

Use = Tuple[float, float, float]
"""An amount from one moment to another, UTC seconds."""


class Curve(NamedTuple):
    """For each of equally long buckets the most and the mean."""

    most: Tuple[float, ...]
    mean: Tuple[float, ...]


def render_usage(record: RunRecord, period: Period) -> str:
    """A picture for each resource of the budget that some step took."""
    charts: List[str] = []
    for name, budget in record.budget.items():
        taken = _taken(record, name, period)
        if taken and len(charts) < _MOST_RESOURCES:
            charts.append(_chart(name, budget, taken, _used(record, name, period), period))
    return "".join(charts) or '<p class="quiet">No step took anything.</p>'


def curve_of(uses: Iterable[Use], period: Period) -> Curve:
    """The sum of all uses over time."""
    bucket_s = period.length_s / _BUCKETS
    deltas = sorted(
        delta
        for start, end, amount in uses
        for delta in ((start, amount), (max(end, start), -amount))
    )
    most, area = [0.0] * _BUCKETS, [0.0] * _BUCKETS
    level, since = 0.0, period.start
    for at, amount in [*deltas, (period.end, 0.0)]:
        _cover(most, area, level, (since - period.start, at - period.start), bucket_s)
        level += amount
        since = at
    return Curve(tuple(most), tuple(each / bucket_s for each in area))


def _cover(
    most: List[float], area: List[float], level: float, span: Tuple[float, float], bucket_s: float
) -> None:
    """Add a level that was held for a span."""
    start, end = span
    if end <= start or level <= 1e-9:
        return
    for bucket in range(max(int(start / bucket_s), 0), min(int(end / bucket_s) + 1, _BUCKETS)):
        within = min(end, (bucket + 1) * bucket_s) - max(start, bucket * bucket_s)
        if within > 0:
            most[bucket] = max(most[bucket], level)
            area[bucket] += level * within


def _taken(record: RunRecord, name: str, period: Period) -> List[Use]:
    return [
        (attempt.started_at, end_of(attempt, period), float(step.resources[name]))
        for step in record.step_by_id.values()
        if step.resources.get(name)
        for attempt in step.attempts
    ]


def _used(record: RunRecord, name: str, period: Period) -> Optional[List[Use]]:
    """What was measured: the mean of cores, the peak of memory; None for any other resource."""
    if name not in ("cpu", "memory"):
        return None
    uses: List[Use] = []
    for step in record.step_by_id.values():
        for attempt in step.attempts:
            if is_elsewhere(attempt):
                continue  # it used what is no part of this budget
            start, end = attempt.started_at, end_of(attempt, period)
            if name == "memory" and attempt.max_rss_bytes is not None:
                uses.append((start, end, float(attempt.max_rss_bytes)))
            if name == "cpu" and attempt.cpu_s is not None and end > start:
                uses.append((start, end, attempt.cpu_s / (end - start) * 1000))
    return uses


def _chart(
    name: str, budget: int, taken: Sequence[Use], used: Optional[Sequence[Use]], period: Period
) -> str:
    demand = curve_of(taken, period)
    measured = None if used is None else curve_of(used, period)
    measure = () if measured is None else measured.mean if name == "cpu" else measured.most
    top = max(budget, *demand.most, *measure, 1) * 1.04
    facts = ["at most %s taken" % _amount(name, max(demand.most))]
    facts.append("%s on average" % _amount(name, sum(demand.mean) / _BUCKETS))
    if measured is not None and any(measure):
        words = "%s used on average" if name == "cpu" else "at most %s used"
        figure = sum(measure) / _BUCKETS if name == "cpu" else max(measure)
        facts.append(words % _amount(name, figure))
    line = '<path class="used" d="%s"/>' % _line(measure, top) if any(measure) else ""
    return (
        '<figure class="chart"><figcaption><b>%s</b> of %s <span class="quiet">%s</span>'
        '</figcaption><svg viewBox="0 0 %d %d" preserveAspectRatio="none" aria-hidden="true">'
        '<path class="taken" d="M0 %dL%sV%dZ"/>%s<line class="budget" x1="0" x2="%d" y1="%s"'
        ' y2="%s"/></svg><p class="ends" aria-hidden="true"><span>0</span><span>%s</span></p>'
        "</figure>\n"
    ) % (
        text(resource_label(name), 60),
        text(format_amount(name, budget)),
        text(", ".join(facts)),
        _BUCKETS,
        int(_HEIGHT),
        int(_HEIGHT),
        _line(demand.most, top)[1:],
        int(_HEIGHT),
        line,
        _BUCKETS,
        _y(budget, top),
        _y(budget, top),
        tick_text(float("%.3g" % period.length_s)),
    )


def _amount(name: str, amount: float) -> str:
    """A mean as people read it, with no more digits than it is worth."""
    if name in SIZED_RESOURCES:
        return format_amount(name, round(amount))
    words = "%.2f" % (amount / 1000) if name == "cpu" else "%.1f" % amount
    return words.rstrip("0").rstrip(".")


def _line(levels: Sequence[float], top: float) -> str:
    """The levels as a line of steps, without the points that change nothing."""
    parts, last = ["M0 %s" % _y(levels[0], top)], _y(levels[0], top)
    for bucket, level in enumerate(levels):
        y = _y(level, top)
        if y != last:
            parts.append("H%dV%s" % (bucket, y))
            last = y
    return "%sH%d" % ("".join(parts), _BUCKETS)


def _y(level: float, top: float) -> str:
    return ("%.1f" % (_HEIGHT * (1 - level / top))).rstrip("0").rstrip(".")
