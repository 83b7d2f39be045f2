"""The table of all steps of a run: a row for each, and behind it its attempts and logs. Pure."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Sequence, Tuple

from orchestra.model.errand import LOCAL
from orchestra.model.json_text import json_text
from orchestra.model.look import Look, amounts_text, state_word, step_label
from orchestra.model.record import Attempt, RunRecord, StepRecord
from orchestra.model.run import StepState
from orchestra.model.units import format_duration, format_size
from orchestra.model.whereabouts import place_words, queue_s
from orchestra.reports.graph.run_graph import BY_WEIGHT
from orchestra.reports.html.logs import PageLogs
from orchestra.reports.html.markup import text
from orchestra.reports.html.moments import Period

_ROWS_ROOM = 2_400_000
_DETAILS_ROOM = 1_500_000
_LONGEST_LOG = 16 * 1024
_SHORTEST_LOG = 512
_MOST_FILES = 20
_MOST_ATTEMPTS = 20
_DEEPEST = 6
_LOOK = Look()
_LOUD = frozenset(
    [StepState.FAILED, StepState.ALLOWED_FAILURE, StepState.RECOVERED, StepState.CANCELLED]
)


class StepTable(NamedTuple):
    """The rows; how many steps there are, how many have a row, how many of those lack details."""

    rows: str
    total: int
    shown: int
    without_details: int


def links_of(record: RunRecord) -> Dict[str, str]:
    """For each step a link to its row."""
    return {step.id: "#s%d" % number for number, step in enumerate(record.in_order())}


def render_steps(
    record: RunRecord, critical: Sequence[str], logs: PageLogs, period: Period
) -> StepTable:
    """Every step in plan order, as far as there is room; who failed has its place first."""
    steps = record.in_order()
    on_path = frozenset(critical)
    depth_by_step: Dict[str, int] = {}
    for step in steps:
        depth_by_step[step.id] = depth_by_step[step.owner] + 1 if step.owner else 0
    weight = {state: number for number, state in enumerate(BY_WEIGHT)}
    order = sorted(range(len(steps)), key=lambda number: weight[steps[number].state])
    share = _DETAILS_ROOM // max(sum(len(step.attempts) for step in steps), 1)
    parts: List[Tuple[int, str]] = []
    rows_room, details_room, without = _ROWS_ROOM, _DETAILS_ROOM, 0
    for number in order:
        step = steps[number]
        row = _row(step, number, depth_by_step[step.id], step.id in on_path, period)
        rows_room -= _size(row)
        if rows_room < 0:
            break
        details = ""
        if _has_details(step) and details_room > 0:
            details = _details(record, step, number, logs, period, share)
        elif _has_details(step):
            without += 1
        details_room -= _size(details)
        parts.append((number, row + details))
    rows = "".join(part for _, part in sorted(parts))
    return StepTable(rows, len(steps), len(parts), without)


def _row(step: StepRecord, number: int, depth: int, is_critical: bool, period: Period) -> str:
    kinds = [step.state.value]
    if depth:
        kinds.append("d%d" % min(depth, _DEEPEST))
    if is_critical:
        kinds.append("critical")
    start = "" if not step.attempts else "+" + _since(step.attempts[0].started_at, period)
    took = "" if step.duration_s is None else format_duration(step.duration_s)
    facts = [step.reason, place_words(step.attempts)]
    words = " · ".join(text(fact, 300) for fact in facts if fact)
    reason = "<small>%s</small>" % words if words else ""
    return (
        '<tr id=s%d class="%s"><td><b>%s</b> <span>%s</span>'
        "<th scope=row><button type=button>%s</button>%s<td>%s<td>%s<td>%s\n"
    ) % (
        number,
        " ".join(kinds),
        _LOOK.mark(step.state),
        state_word(step.state),
        text(step_label(step.id, step.name), 160),
        reason,
        start,
        took,
        len(step.attempts) or "",
    )


def _size(markup: str) -> int:
    return len(markup.encode("utf-8"))


def _since(at: float, period: Period) -> str:
    return format_duration(at - period.start)


def _has_details(step: StepRecord) -> bool:
    return bool(step.attempts or step.outputs or step.artifacts or step.reused_from)


def _details(
    record: RunRecord, step: StepRecord, number: int, logs: PageLogs, period: Period, share: int
) -> str:
    """What a row does not tell; in a large run only little of what a plain success wrote."""
    facts = []
    if step.needs:
        facts.append(_fact("needs", ", ".join(step.needs)))
    if amounts_text(step.resources):
        facts.append(_fact("takes", amounts_text(step.resources)))
    if step.executor != LOCAL:
        facts.append(_fact("executor", step.executor))
    if step.reused_from:
        facts.append(_fact("results of", step.reused_from))
    if step.cache_reason:
        facts.append(_fact("not cached", step.cache_reason))
    for name, value in list(step.outputs.items())[:_MOST_FILES]:
        shown = value if isinstance(value, str) else json_text(value)
        facts.append(_fact("output %s" % name, shown))
    for file in step.artifacts[:_MOST_FILES]:
        link = logs.link(file.path, file.path.partition("/")[2][-120:])
        facts.append("<p><b>kept</b> %s (%s)\n" % (link, format_size(file.size_bytes)))
    if len(step.artifacts) > _MOST_FILES:
        facts.append("<p>… and %d more files\n" % (len(step.artifacts) - _MOST_FILES))
    most = _LONGEST_LOG if step.state in _LOUD else min(share, _LONGEST_LOG)
    # up to six bytes of the page for one of a log, at the worst; a third is what is left of a share
    most = most if most == _LONGEST_LOG else max(most // 3, _SHORTEST_LOG)
    latest = step.attempts[-_MOST_ATTEMPTS:]
    if len(latest) < len(step.attempts):
        facts.append("<p>… %d earlier attempts\n" % (len(step.attempts) - len(latest)))
    attempts = [
        _attempt(attempt, logs, period, most if attempt is latest[-1] else most // 4)
        for attempt in latest
    ]
    return "<tr class=more id=m%d><td colspan=5>%s\n" % (number, "".join(facts + attempts))


def _fact(name: str, value: str) -> str:
    return "<p><b>%s</b> %s\n" % (text(name, 80), text(value, 600))


def _attempt(attempt: Attempt, logs: PageLogs, period: Period, most_bytes: int) -> str:
    """`Attempt 2 failed: exit code 4, from +0.2s, 0.1s, CPU 0.05s, memory 9 MiB, whole log`."""
    outcome = "running" if attempt.outcome is None else attempt.outcome.value.replace("_", " ")
    if attempt.outcome is None and attempt.job and attempt.launched_at is None:
        outcome = "queued"
    head = "<b>attempt %d</b> %s" % (attempt.number, outcome)
    if attempt.reason and attempt.reason != "exit code 0":
        head += ": %s" % text(attempt.reason)
    facts = ["from +%s" % _since(attempt.began_at, period)]
    if attempt.ended_at is not None:
        facts.append("took %s" % format_duration(attempt.ended_at - attempt.began_at))
    if attempt.queued_s >= 0.01:
        facts.append("waited %s" % format_duration(attempt.queued_s))
    place, in_queue_s = place_words([attempt]), queue_s(attempt)
    if place:
        facts.append(text(place))
    if attempt.queue_reason or in_queue_s is not None:
        waited = "" if in_queue_s is None else " %s" % format_duration(in_queue_s)
        why = " for %s" % text(attempt.queue_reason) if attempt.queue_reason else ""
        facts.append("in its queue%s%s" % (waited, why))
    if attempt.cpu_s is not None:
        facts.append("CPU %s" % format_duration(attempt.cpu_s))
    if attempt.max_rss_bytes:
        facts.append("memory %s" % format_size(attempt.max_rss_bytes))
    if attempt.devices:
        facts.append("GPU %s" % ",".join(str(device) for device in attempt.devices))
    if attempt.log is not None:
        facts.append(logs.link(attempt.log, "log") + " %s" % format_size(attempt.log_bytes))
    if attempt.summary is not None:
        facts.append(logs.link(attempt.summary, "summary"))
    tail = logs.tail(attempt, most_bytes)
    return "<p>%s <span class=quiet>%s</span>\n%s" % (head, " · ".join(facts), tail)
