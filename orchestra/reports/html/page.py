"""A run as one page for a browser, with all it needs in it. Pure but for reading its own parts."""

from __future__ import annotations

import base64
import hashlib
import os
from string import Template
from typing import List, Mapping, Optional, Sequence, Tuple

from orchestra.model.iso_time import iso_time
from orchestra.model.json_text import json_text
from orchestra.model.log_excerpt import LogReader
from orchestra.model.look import Look, amounts_text, state_word
from orchestra.model.record import RunRecord
from orchestra.model.run import ENDED_STATES, StepState
from orchestra.model.units import format_duration
from orchestra.reports.critical_path import critical_path
from orchestra.reports.graph.groups import group_steps
from orchestra.reports.graph.run_graph import run_graph
from orchestra.reports.graph.svg import graph_style, render_svg
from orchestra.reports.html.digest import render_digest
from orchestra.reports.html.logs import PageLogs
from orchestra.reports.html.markup import text
from orchestra.reports.html.moments import Period, period_of
from orchestra.reports.html.step_rows import StepTable, links_of, render_steps
from orchestra.reports.html.timeline import render_timeline
from orchestra.reports.html.usage import render_usage

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_WAITING = (
    StepState.RUNNING,
    StepState.QUEUED,
    StepState.WAITING_RETRY,
    StepState.READY,
    StepState.PENDING,
)
_MOST_NOTES = 50
_MOST_ON_PATH = 30
_LOOK = Look()


def render_html(
    record: RunRecord,
    reader: Optional[LogReader] = None,
    folder: Optional[str] = None,
    state_dir: str = "",
    cut_off: bool = False,
) -> str:
    """The page: what went wrong, graph, timeline, use of the budget, steps with their logs.

    It lies in `folder` (absolute), from where it links to whole logs; None: by absolute paths.
    `state_dir` is named in the command that goes on with the run; one that is `cut_off` has not
    ended, and nobody drives it.
    Nothing in it asks for anything from elsewhere, and its policy forbids a browser to. A run of
    10,000 steps takes less than 5 MB: plain successes give way to what is special.
    """
    logs, period = PageLogs(reader, folder), period_of(record)
    critical, grouping, links = critical_path(record), group_steps(record), links_of(record)
    on_path = frozenset(critical)
    style = graph_style(record.counts[StepState.QUEUED] > 0) + _part("page.css")
    script = _part("page.js")
    table = render_steps(record, critical, logs, period)
    name = record.workflow or record.run_id
    word = "cut off" if cut_off else record.state.value
    return Template(_part("page.html")).substitute(
        title=text("%s %s" % (name, word), 120),
        script=script,
        script_hash=_digest(script),
        style=style,
        style_hash=_digest(style),
        name=text(name, 120),
        state="cancelled" if cut_off else record.state.value,
        state_word=word,
        facts=_facts(record),
        counts=_counts(record),
        digest=render_digest(record, logs, links, state_dir, cut_off),
        graph=render_svg(run_graph(grouping, critical, links), name),
        together=_together(len(grouping.groups), record),
        path=_path_words(record, critical, links, period),
        timeline=render_timeline(record, grouping, on_path, period, links),
        usage=render_usage(record, period),
        filters=_filters(record),
        rows=table.rows,
        left_out=_left_out(table),
        origin=_origin(record),
        notes=_notes(record),
    )


def _part(name: str) -> str:
    with open(os.path.join(_FOLDER, name), encoding="utf-8") as file:
        return file.read()


def _digest(content: str) -> str:
    """What the page's policy allows to run: this text and no other."""
    return base64.b64encode(hashlib.sha256(content.encode("utf-8")).digest()).decode("ascii")


def _facts(record: RunRecord) -> str:
    """When, how long, how it ended."""
    pairs: List[Tuple[str, str]] = [("run", text(record.run_id))]
    began = iso_time(record.started_at)
    words = began.replace("T", " ")[:19] + " UTC"
    pairs.append(("started", '<time datetime="%s">%s</time>' % (began, words)))
    if record.elapsed_s is not None:
        pairs.append(("took", format_duration(record.elapsed_s)))
    if record.predicted_s is not None and record.is_as_planned:
        pairs.append(("foretold", format_duration(record.predicted_s)))
    if record.exit_code is not None:
        pairs.append(("exit&nbsp;code", str(record.exit_code)))
    if record.reason:
        pairs.append(("because", text(record.reason)))
    return _pairs(pairs)


def _origin(record: RunRecord) -> str:
    """Who ran what, and why it was as it was."""
    pairs = [("workflow", text(record.path)), ("on", text(record.host))]
    pairs += [("orchestra", text(record.version)), ("budget", text(amounts_text(record.budget)))]
    if record.max_parallel is not None:
        pairs.append(("at once", "%d steps" % record.max_parallel))
    if record.lower_bound_s is not None and record.is_as_planned:
        pairs.append(("at least", format_duration(record.lower_bound_s)))
    pairs += [("resumed", iso_time(at)[:19].replace("T", " ") + " UTC") for at in record.resumed_at]
    if record.stopping:
        pairs.append(("stopped by", text(record.stopping)))
    pairs += [("parameter " + text(n, 80), text(_value(v))) for n, v in record.params.items()]
    pairs += [("option " + text(n, 80), text(_value(v))) for n, v in record.options.items()]
    return _pairs(pairs)


def _value(value: object) -> str:
    return value if isinstance(value, str) else json_text(value)


def _pairs(pairs: Sequence[Tuple[str, str]]) -> str:
    """Words that are HTML already, as a list of names and values."""
    rows = ("<div><dt>%s</dt><dd>%s</dd></div>\n" % pair for pair in pairs if pair[1])
    return "<dl>\n%s</dl>" % "".join(rows)


def _counts(record: RunRecord) -> str:
    """The states of all steps as one bar, and in words below."""
    counts = [(s, record.counts[s]) for s in (*ENDED_STATES, *_WAITING) if record.counts.get(s)]
    total = sum(count for _, count in counts)
    if not total:
        return "<p>No steps.</p>"
    bars, x = [], 0.0
    for state, count in counts:
        bars.append(
            '<rect class="%s" x="%.3f%%" width="%.3f%%" height="100%%"/>'
            % (state.value, x, count * 100 / total)
        )
        x += count * 100 / total
    words = "".join(
        '<li class="%s"><b>%s</b> %d %s</li>' % (s.value, _LOOK.mark(s), count, state_word(s))
        for s, count in counts
    )
    svg = '<svg class="bar" aria-hidden="true">%s</svg>' % "".join(bars)
    return '%s<ul class="counts">%s</ul>' % (svg, words)


def _filters(record: RunRecord) -> str:
    """A button for each state that a row is in."""
    counts = dict.fromkeys((*ENDED_STATES, *_WAITING), 0)
    for step in record.step_by_id.values():
        counts[step.state] += 1
    return "".join(
        '<button type="button" class="%s" data-state="%s" aria-pressed="false">'
        "<b>%s</b> %s %d</button>\n"
        % (state.value, state.value, _LOOK.mark(state), state_word(state), count)
        for state, count in counts.items()
        if count
    )


def _together(groups: int, record: RunRecord) -> str:
    if groups >= record.total:
        return ""
    words = "%d steps in %d boxes: what is part of a step, or has the same neighbours, is in one."
    return '<p class="quiet">%s</p>' % (words % (record.total, groups))


def _path_words(
    record: RunRecord, critical: Sequence[str], links: Mapping[str, str], period: Period
) -> str:
    """The critical path, and how much of the run its steps took."""
    if not critical:
        return ""
    took_s = sum(record.step_by_id[step].duration_s or 0.0 for step in critical)
    steps = [
        '<a href="%s">%s</a>' % (links[step], text(step, 60)) for step in critical[:_MOST_ON_PATH]
    ]
    if len(critical) > _MOST_ON_PATH:
        steps.append("… %d more" % (len(critical) - _MOST_ON_PATH))
    return (
        '<p class="path"><span class="diamond" aria-hidden="true">◆</span> Critical path: %s.'
        " Its steps took %s of %s.</p>"
    ) % (" → ".join(steps), format_duration(took_s), format_duration(period.length_s))


def _left_out(table: StepTable) -> str:
    words = []
    if table.shown < table.total:
        words.append("%d steps are left out, as there is no room." % (table.total - table.shown))
    if table.without_details:
        words.append(
            "%d steps have no details here: <code>orchestra logs</code> and"
            " <code>orchestra report --format json</code> have all." % table.without_details
        )
    return '<p class="quiet">%s</p>' % " ".join(words) if words else ""


def _notes(record: RunRecord) -> str:
    lines = [text(note, 600) for note in record.notes[:_MOST_NOTES]]
    if len(record.notes) > _MOST_NOTES:
        lines.append("… and %d more" % (len(record.notes) - _MOST_NOTES))
    for alert in record.alerts[:_MOST_NOTES]:
        sent = "sent" if alert.ok else "could not be sent: %s" % text(alert.message)
        lines.append("alert %s to %s %s" % (text(alert.when), text(alert.target), sent))
    if not lines:
        return ""
    items = "".join("<li>%s</li>\n" % line for line in lines)
    return "<h3>Notes</h3>\n<ul>\n%s</ul>" % items
