"""When each step of a run ran, as bars on one time line. Pure."""

from __future__ import annotations

from typing import Container, List, Mapping, NamedTuple, Sequence

from orchestra.model.record import Attempt, RunRecord
from orchestra.model.run import Outcome
from orchestra.model.units import format_duration
from orchestra.model.whereabouts import has_run
from orchestra.reports.graph.groups import Group, Grouping, whole_of
from orchestra.reports.graph.run_graph import group_state
from orchestra.reports.html.markup import text
from orchestra.reports.html.moments import Period, end_of, tick_text

_FINEST = 1 / 400
"""What is shorter than that part of the whole cannot be seen apart."""

_MOST_BARS = 6000
"""In many lanes it is coarser, so that the page stays small."""

_LEAST_PERCENT = 0.25
_KINDS = ("queued", "skipped", "succeeded", "cancelled", "running", "failed", "path")
"""Later ones are drawn over earlier ones."""

_SHAPES = {"queued": ("44%", "12%", 0), "path": ("94%", "14%", 0)}
_KIND_BY_OUTCOME: Mapping[Outcome, str] = {
    Outcome.SUCCEEDED: "succeeded",
    Outcome.SKIPPED: "skipped",
    Outcome.CANCELLED: "cancelled",
    Outcome.INTERRUPTED: "cancelled",
}


class Bar(NamedTuple):
    """A time in which something of one kind ran; UTC seconds."""

    kind: str
    start: float
    end: float


def render_timeline(
    record: RunRecord,
    grouping: Grouping,
    critical: Container[str],
    period: Period,
    link_by_step: Mapping[str, str],
) -> str:
    """A lane for each group that ran, by when it began; those on the critical path are marked."""
    own = [s for s in record.step_by_id.values() if s.is_handler and not s.owner]
    groups = [*grouping.groups, *(whole_of(record, step) for step in own)]
    finest_s = period.length_s * max(_FINEST, len(groups) / 2 / _MOST_BARS)
    lanes = [(bars, group) for group in groups for bars in [_bars(group, period, finest_s)] if bars]
    lanes.sort(key=lambda lane: _begin(lane[0]))
    if not lanes:
        return '<p class="quiet">Nothing ran.</p>'
    rows = "".join(
        _lane([*bars, *_on_path(group, critical, period, finest_s)], group, period, link_by_step)
        for bars, group in lanes
    )
    idle = len(groups) - len(lanes)
    words = (
        "1 step without an attempt is" if idle == 1 else "%d steps without an attempt are" % idle
    )
    note = '<p class="quiet">%s left out.</p>' % words if idle else ""
    return '<div class="lanes">%s<ul>\n%s</ul></div>%s' % (_scale(period), rows, note)


def _begin(bars: Sequence[Bar]) -> float:
    began = [bar.start for bar in bars if bar.kind != "queued"]
    return min(began or (bar.start for bar in bars))


def _bars(group: Group, period: Period, finest_s: float) -> List[Bar]:
    """All attempts of a group; what cannot be seen apart is one bar."""
    bars: List[Bar] = []
    for step in group.all:
        for attempt in step.attempts:
            begun = _begun(attempt, period)
            came_at = attempt.started_at - attempt.queued_s
            if begun - came_at > finest_s:
                bars.append(Bar("queued", came_at, begun))
            if has_run(attempt):
                bars.append(Bar(_kind(attempt), begun, end_of(attempt, period)))
    return _coalesced(bars, finest_s)


def _begun(attempt: Attempt, period: Period) -> float:
    """When it began; its end where it waited in the queue of an engine until then."""
    return attempt.began_at if has_run(attempt) else end_of(attempt, period)


def _on_path(group: Group, critical: Container[str], period: Period, finest_s: float) -> List[Bar]:
    """The attempts of a group that are on the critical path."""
    bars = [
        Bar("path", attempt.began_at, end_of(attempt, period))
        for leaf in group.leaves
        if leaf.id in critical
        for attempt in leaf.attempts
    ]
    return _coalesced(bars, finest_s)


def _coalesced(bars: Sequence[Bar], finest_s: float) -> List[Bar]:
    """Few bars as they are, of many those as one that cannot be seen apart."""
    if len(bars) <= 12:
        return sorted(bars, key=lambda bar: bar.start)
    merged: List[Bar] = []
    for kind in _KINDS:
        run: List[Bar] = []
        for bar in sorted(bar for bar in bars if bar.kind == kind):
            if run and bar.start <= run[-1].end + finest_s:
                run[-1] = run[-1]._replace(end=max(run[-1].end, bar.end))
            else:
                run.append(bar)
        merged += run
    return merged


def _kind(attempt: Attempt) -> str:
    if attempt.outcome is None:
        return "running"
    return _KIND_BY_OUTCOME.get(attempt.outcome, "failed")


def _lane(
    bars: Sequence[Bar],
    group: Group,
    period: Period,
    link_by_step: Mapping[str, str],
) -> str:
    start = _begin(bars)
    end = max(bar.end for bar in bars)
    path = any(bar.kind == "path" for bar in bars)
    title = text(group.title, 80)
    if group.step is not None and group.step.members:
        title += " ×%d" % group.step.members
    link = "" if group.step is None else link_by_step.get(group.step.id, "")
    return (
        '<li class="lane %s%s"><span class="label">%s%s</span>'
        '<svg class="bars" aria-hidden="true">%s</svg>'
        '<span class="took"><span class="sr">from %s, took </span>%s</span></li>\n'
    ) % (
        group_state(group).value,
        " critical" if path else "",
        '<a href="%s">%s</a>' % (link, title) if link else title,
        '<span class="sr"> on the critical path</span>' if path else "",
        "".join(_rectangle(bar, period) for bar in bars),
        format_duration(start - period.start),
        format_duration(end - start),
    )


def _rectangle(bar: Bar, period: Period) -> str:
    left = period.percent(bar.start)
    width = max(period.percent(bar.end) - left, _LEAST_PERCENT)
    left = min(left, 100 - width)
    y, height, rx = _SHAPES.get(bar.kind, ("14%", "72%", 2))
    return '<rect class="%s" x="%.2f%%" y="%s" width="%.2f%%" height="%s" rx="%d"/>' % (
        bar.kind,
        left,
        y,
        width,
        height,
        rx,
    )


def _scale(period: Period) -> str:
    """The lines behind the bars and the numbers above them."""
    lines: List[str] = []
    for seconds in period.ticks():
        x = period.percent(period.start + seconds)
        anchor = "start" if not seconds else "end" if x > 96 else "middle"
        lines.append(
            '<line x1="%.2f%%" x2="%.2f%%" y1="20" y2="100%%"/>'
            '<text x="%.2f%%" y="12" text-anchor="%s">%s</text>'
            % (x, x, x, anchor, tick_text(seconds))
        )
    return '<svg class="scale" aria-hidden="true">%s</svg>' % "".join(lines)
