"""What went wrong in a run, the first thing on its page. Pure."""

from __future__ import annotations

import shlex
from typing import List, Mapping

from orchestra.model.look import Look, step_label
from orchestra.model.record import RunRecord, StepRecord
from orchestra.model.run import RunState, StepState
from orchestra.model.units import format_duration
from orchestra.reports.html.logs import PageLogs
from orchestra.reports.html.markup import text

_MOST_FAILURES = 10
_TAIL_BYTES = 3000
_TAIL_LINES = 12
_LOOK = Look()


def render_digest(
    record: RunRecord,
    logs: PageLogs,
    link_by_step: Mapping[str, str],
    state_dir: str,
    cut_off: bool,
) -> str:
    """Each step that failed by itself with the end of its log, then how to go on; else nothing."""
    failed = [step for step in record.in_order() if step.is_root_of_failure]
    if record.state not in (RunState.FAILED, RunState.CANCELLED) and not failed and not cut_off:
        return ""
    parts = [_failure(step, logs, link_by_step) for step in failed[:_MOST_FAILURES]]
    if len(failed) > _MOST_FAILURES:
        parts.append("<p>… and %d more failed\n" % (len(failed) - _MOST_FAILURES))
    if cut_off:
        parts.append("<p>Orchestra was killed, and nobody drives this run any more.\n")
    if not failed and record.reason:
        parts.append("<p>%s\n" % text(record.reason))
    blocked = record.counts.get(StepState.BLOCKED, 0)
    if blocked:
        words = "1 step was" if blocked == 1 else "%d steps were" % blocked
        parts.append("<p>%s blocked by this.\n" % words)
    if record.ended_at is not None or cut_off:
        command = "orchestra resume %s" % record.run_id
        command += " --state-dir %s" % shlex.quote(state_dir) if state_dir else ""
        parts.append("<p>Go on with it: <code>%s</code>\n" % text(command))
    return (
        '<section class="digest" aria-labelledby="digest"><h2 id="digest">What went wrong</h2>\n'
        "%s</section>\n" % "".join(parts)
    )


def _failure(step: StepRecord, logs: PageLogs, link_by_step: Mapping[str, str]) -> str:
    words: List[str] = []
    if step.duration_s is not None:
        words.append("after %s" % format_duration(step.duration_s))
    if len(step.attempts) > 1:
        words.append("and %d attempts" % len(step.attempts))
    last = step.attempts[-1] if step.attempts else None
    whole = ""
    if last is not None and last.log is not None:
        whole = '<p class="quiet">%s\n' % logs.link(last.log, "the whole log")
    return (
        '<article><h3><span class="failed"><b>%s</b></span> <a href="%s">%s</a>'
        ' <span class="quiet">%s</span></h3>\n<p>%s\n%s%s</article>\n'
    ) % (
        _LOOK.mark(step.state),
        link_by_step[step.id],
        text(step_label(step.id, step.name), 160),
        " ".join(words),
        text(step.reason, 600),
        "" if last is None else logs.tail(last, _TAIL_BYTES, _TAIL_LINES),
        whole,
    )
