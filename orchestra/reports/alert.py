"""What an alert says of a run, as `schemas/alert.schema.json` says, of bounded size. Pure."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from orchestra.model.iso_time import iso_time
from orchestra.model.log_excerpt import LogReader, last_lines
from orchestra.model.look import count_words
from orchestra.model.record import RunRecord, StepRecord
from orchestra.model.run import ENDED_STATES, RunState, StepState
from orchestra.model.screen_text import safe_line
from orchestra.model.units import format_duration
from orchestra.model.workflow import AlertWhen

ALERT_FORMAT = 1

CUT_OFF = "cut_off"
"""The state of a run whose orchestrator died."""

MOST_TEXT_BYTES = 16 * 1024

_MOST_GROUPS = 10
_MOST_LOGS = 5
_MOST_IDS = 5
_FIRST_LINES = 5
_LAST_LINES = 3
_LOG_BYTES = 4096
_LONGEST_LINE = 160
_LONGEST_WORD = 200
_LONGEST_ID = 80
_STILL = (
    StepState.RUNNING,
    StepState.QUEUED,
    StepState.WAITING_RETRY,
    StepState.READY,
    StepState.PENDING,
)


class AlertFacts(NamedTuple):
    """What an alert says beside the record: the time, how to look at the run, what is known else.

    `now` is UTC seconds; `cut_off` that the run's orchestrator died; `limit_s` the time after which
    the run is slow; `before` the id of the run that had failed before a recovery.
    """

    now: float
    look: str
    cut_off: bool = False
    limit_s: Optional[float] = None
    before: str = ""


class Alert(NamedTuple):
    """One digest: a line, plain text, and the same for programs."""

    title: str
    text: str
    data: Dict[str, Any]


def make_alert(record: RunRecord, when: AlertWhen, facts: AlertFacts, logs: LogReader) -> Alert:
    """The digest of a run, ended or not."""
    failed = _failed(record)
    groups = _groups(failed)
    title = _title(record, when, facts, len(failed))
    told = [
        _group(reason, steps, logs if place < _MOST_LOGS else None)
        for place, (reason, steps) in enumerate(groups[:_MOST_GROUPS])
    ]
    running = [s.id for s in record.step_by_id.values() if s.state is StepState.RUNNING]
    elapsed_s = max(0.0, (record.ended_at or facts.now) - record.started_at)
    data: Dict[str, Any] = {
        "format": ALERT_FORMAT,
        "when": when.value,
        "title": title,
        "workflow": _short(record.workflow),
        "path": safe_line(record.path),
        "run_id": record.run_id,
        "host": _short(record.host),
        "state": CUT_OFF if facts.cut_off else record.state.value,
        "reason": _short(record.reason),
        "started_at": iso_time(record.started_at),
        "elapsed_s": round(elapsed_s, 3),
        "limit_s": facts.limit_s,
        "steps": {state.value: count for state, count in record.counts.items() if count},
        "running": _ids(running),
        "failures": told,
        "more_failures": sum(len(steps) for _, steps in groups[_MOST_GROUPS:]),
        "failed_before": facts.before or None,
        "look": safe_line(facts.look),
    }
    text = _bounded(_text(record, data, elapsed_s))
    return Alert(title, text, {**data, "text": text})


def _failed(record: RunRecord) -> List[StepRecord]:
    """The steps that failed themselves, not for a part of theirs; in plan order."""
    steps = record.step_by_id.values()
    return [step for step in steps if step.is_root_of_failure and not step.is_handler]


def _groups(failed: Sequence[StepRecord]) -> List[Tuple[str, List[StepRecord]]]:
    """By cause, the largest first; among equals the first in plan order."""
    by_reason: Dict[str, List[StepRecord]] = {}
    for step in failed:
        by_reason.setdefault(step.reason, []).append(step)
    return sorted(by_reason.items(), key=lambda group: -len(group[1]))


def _title(record: RunRecord, when: AlertWhen, facts: AlertFacts, failed: int) -> str:
    name = _short(record.workflow)
    if when is AlertWhen.SLOW:
        limit = "" if facts.limit_s is None else ": over %s" % format_duration(facts.limit_s)
        return "%s is slow%s" % (name, limit)
    if when is AlertWhen.RECOVERY:
        return "%s works again" % name
    if when is AlertWhen.SUCCESS:
        return "%s succeeded" % name
    if facts.cut_off:
        return "%s was cut off" % name
    if not failed:
        reason = ": %s" % _short(record.reason) if record.reason else ""
        return "%s failed%s" % (name, reason)
    return "%s failed: %d of %s" % (name, failed, _steps(record.total))


def _group(reason: str, steps: List[StepRecord], logs: Optional[LogReader]) -> Dict[str, Any]:
    first = steps[0]
    log = first.attempts[-1].log if first.attempts else None
    data: Dict[str, Any] = {
        "reason": _short(reason) or "failed",
        **_ids([step.id for step in steps]),
        "log": None,
        "first_lines": [],
        "last_lines": [],
    }
    if logs is not None and log is not None:
        data["log"] = safe_line(logs.path(log))
        data["first_lines"], data["last_lines"] = _lines(log, logs)
    return data


def _lines(log: str, logs: LogReader) -> Tuple[List[str], List[str]]:
    """The first and the last lines of a log, no line twice."""
    excerpt = logs.read(log, _LOG_BYTES, _LOG_BYTES)
    if excerpt.problem:
        return ["(cannot be read: %s)" % safe_line(excerpt.problem)], []
    first = list(excerpt.head[:_FIRST_LINES])
    if excerpt.cut_bytes:
        last, _ = last_lines(excerpt, _LAST_LINES)
    else:
        last = list(excerpt.head[_FIRST_LINES:][-_LAST_LINES:])
    return [_cut(line, _LONGEST_LINE) for line in first], [
        _cut(line, _LONGEST_LINE) for line in last
    ]


def _text(record: RunRecord, data: Dict[str, Any], elapsed_s: float) -> str:
    states = ENDED_STATES if record.state is not RunState.RUNNING else (*ENDED_STATES, *_STILL)
    lines = [
        data["title"],
        "",
        "workflow  %s (%s)" % (data["workflow"], data["path"]),
        "run       %s" % data["run_id"],
        "host      %s" % data["host"],
        "state     %s" % data["state"].replace("_", " ")
        + (" (%s)" % data["reason"] if data["reason"] else ""),
        "started   %s" % data["started_at"],
        "%s %s"
        % (
            "took     " if states is ENDED_STATES else "running  ",
            format_duration(elapsed_s),
        ),
        "steps     %s" % (", ".join(count_words(record.counts, *states)) or "none"),
    ]
    if data["running"]["count"]:
        title = "when cut " if data["state"] == CUT_OFF else "now      "
        lines.append("%s %s" % (title, _id_words(data["running"])))
    if data["failed_before"]:
        lines.append("before    run %s failed" % data["failed_before"])
    for group in data["failures"]:
        lines += ["", "%s: %s" % (group["reason"], _id_words(group))]
        lines += ["  | " + line for line in group["first_lines"]]
        if group["last_lines"]:
            lines += ["  | …", *("  | " + line for line in group["last_lines"])]
        if group["log"]:
            lines.append("  log: " + group["log"])
    if data["more_failures"]:
        lines += ["", "and %d more failed for other reasons" % data["more_failures"]]
    return "\n".join([*lines, "", "Look at it:", "  " + data["look"], ""])


def _ids(ids: Sequence[str]) -> Dict[str, Any]:
    shown = [_cut(safe_line(id), _LONGEST_ID) for id in ids[:_MOST_IDS]]
    return {"steps": shown, "count": len(ids)}


def _id_words(data: Dict[str, Any]) -> str:
    more = data["count"] - len(data["steps"])
    return ", ".join(data["steps"]) + (" and %d more" % more if more else "")


def _steps(count: int) -> str:
    return "1 step" if count == 1 else "%d steps" % count


def _short(text: str) -> str:
    return _cut(safe_line(text), _LONGEST_WORD)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _bounded(text: str) -> str:
    """The text with at most MOST_TEXT_BYTES in UTF-8; what does not fit is left out of its end."""
    data = text.encode("utf-8")
    if len(data) <= MOST_TEXT_BYTES:
        return text
    return data[: MOST_TEXT_BYTES - 3].decode("utf-8", "ignore") + "…"
