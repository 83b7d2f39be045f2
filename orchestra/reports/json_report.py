"""The report of a run for other programs, as `schemas/report.schema.json` says. Pure."""

from __future__ import annotations

from typing import Any, Dict, Optional

from orchestra.model.iso_time import iso_time
from orchestra.model.json_text import json_text
from orchestra.model.log_excerpt import LogReader
from orchestra.model.record import Attempt, RunRecord, StepRecord
from orchestra.model.run import KeptFile
from orchestra.model.units import plain_amounts
from orchestra.model.whereabouts import is_elsewhere, queue_s

REPORT_FORMAT = 1


def render_json_report(
    record: RunRecord, logs: Optional[LogReader] = None, cut_off: bool = False
) -> str:
    """The report as indented JSON with a line feed at its end; see `report_data`."""
    return json_text(report_data(record, logs, cut_off), indent=2) + "\n"


def report_data(
    record: RunRecord, logs: Optional[LogReader] = None, cut_off: bool = False
) -> Dict[str, Any]:
    """The report as plain data: times in ISO 8601 UTC, cpu in cores, sizes in bytes.

    Paths of logs are absolute, or relative to the run's folder where `logs` is None. `cut_off` says
    that nothing runs it any more, though it has not ended. Only an attempt that another machine was
    to run has the fields that tell of that.
    """
    return {
        "format": REPORT_FORMAT,
        "run_id": record.run_id,
        "workflow": record.workflow,
        "state": record.state.value,
        "cut_off": cut_off,
        "exit_code": record.exit_code,
        "started_at": iso_time(record.started_at),
        "elapsed_s": _rounded(record.elapsed_s),
        "lower_bound_s": _rounded(record.lower_bound_s),
        "predicted_s": _rounded(record.predicted_s),
        "policy": record.order,
        "budget": plain_amounts(record.budget),
        "steps": [_step(step, logs) for step in record.in_order()],
        "alerts": [{**alert._asdict(), "at": iso_time(alert.at)} for alert in record.alerts],
    }


def _step(step: StepRecord, logs: Optional[LogReader]) -> Dict[str, Any]:
    return {
        "id": step.id,
        "state": step.state.value,
        "reason": step.reason,
        "needs": list(step.needs),
        "resources": plain_amounts(step.resources),
        "expected_s": _rounded(step.expected_s),
        "duration_s": _rounded(step.duration_s),
        "cpu_s": _rounded(step.cpu_s),
        "max_rss_bytes": step.max_rss_bytes,
        "outputs": dict(step.outputs),
        "artifacts": [_artifact(file, step.artifacts_until, logs) for file in step.artifacts],
        "reused_from": step.reused_from or None,
        "attempts": [_attempt(attempt, logs) for attempt in step.attempts],
        "owner": step.owner,
        "role": step.role.value,
    }


def _attempt(attempt: Attempt, logs: Optional[LogReader]) -> Dict[str, Any]:
    data = {
        "number": attempt.number,
        "outcome": None if attempt.outcome is None else attempt.outcome.value,
        "exit_code": attempt.exit_code,
        "signal": attempt.signal,
        "started_at": iso_time(attempt.started_at),
        "ended_at": None if attempt.ended_at is None else iso_time(attempt.ended_at),
        "queued_s": _rounded(attempt.queued_s),
        "cpu_s": _rounded(attempt.cpu_s),
        "max_rss_bytes": attempt.max_rss_bytes,
        "log": _path(attempt.log, logs),
        "summary": _path(attempt.summary, logs),
        "summary_bytes": attempt.summary_bytes,
    }
    if is_elsewhere(attempt):
        data["executor"] = attempt.executor
        data["job"] = attempt.job or None
        data["node"] = attempt.node or None
        data["queue_reason"] = attempt.queue_reason
        launched_at = attempt.launched_at
        data["launched_at"] = None if launched_at is None else iso_time(launched_at)
        data["engine_queue_s"] = _rounded(queue_s(attempt))
    return data


def _artifact(file: KeptFile, until: Optional[float], logs: Optional[LogReader]) -> Dict[str, Any]:
    return {
        "path": _path(file.path, logs),
        "size_bytes": file.size_bytes,
        "blake2b": file.blake2b,
        "until": until,
    }


def _path(path: Optional[str], logs: Optional[LogReader]) -> Optional[str]:
    return logs.path(path) if logs is not None and path is not None else path


def _rounded(seconds: Optional[float]) -> Optional[float]:
    return None if seconds is None else round(seconds, 6)
