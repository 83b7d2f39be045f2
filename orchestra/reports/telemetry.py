"""A run as spans and measurements, as plain data, for what sends them by OpenTelemetry. Pure.

Times are UTC nanoseconds. A run that has gone on tells only of what it did since then.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, Optional

from orchestra.model.record import Attempt, RunRecord, StepRecord
from orchestra.model.run import AttemptKey, Outcome, RunState, StepState
from orchestra.model.screen_text import safe_line
from orchestra.model.trace_context import TraceContext
from orchestra.model.whereabouts import is_elsewhere, queue_s

_LONGEST_TEXT = 1000


def telemetry_data(record: RunRecord, trace: TraceContext) -> Dict[str, Any]:
    """`{version, spans: [...], metrics: [...]}`; no spans where the caller's trace is not kept."""
    return {
        "version": record.version,
        "spans": list(_spans(record, trace)) if trace.is_sampled else [],
        "metrics": list(_metrics(record)),
    }


def _spans(record: RunRecord, trace: TraceContext) -> Iterator[Dict[str, Any]]:
    leg, since = len(record.resumed_at), _began(record)
    until = _end(record)
    run_id = trace.run_span(leg)
    about = {
        "orchestra.run.id": record.run_id,
        "orchestra.workflow.name": record.workflow,
        "orchestra.run.state": record.state.value,
        "orchestra.run.exit_code": record.exit_code,
        "orchestra.run.reason": record.reason,
    }
    is_bad = record.state is RunState.FAILED
    yield _span(trace, record.workflow, run_id, trace.parent, since, until, about, is_bad)
    told = set()
    for step in record.in_order():  # owners come before their parts
        attempts = [each for each in step.attempts if (each.ended_at or until) >= since]
        if not attempts and (step.ended_at is None or step.ended_at < since):
            continue
        own = trace.step_span(step.id, leg)
        owner = trace.step_span(step.owner, leg) if step.owner in told else run_id
        told.add(step.id)
        yield _step(trace, step, own, owner, attempts, since, until)
        for attempt in attempts:
            yield _attempt(trace, step, attempt, own, until)


def _step(
    trace: TraceContext,
    step: StepRecord,
    own: str,
    parent: str,
    attempts: List[Attempt],
    since: float,
    until: float,
) -> Dict[str, Any]:
    end = step.ended_at or until
    began = [each.started_at for each in attempts]
    if step.began_at is not None:
        began.append(step.began_at)
    about = {
        "orchestra.step.id": step.id,
        "orchestra.step.state": step.state.value,
        "orchestra.step.reason": step.reason,
        "orchestra.step.attempts": len(step.attempts),
    }
    is_bad = step.state is StepState.FAILED
    return _span(
        trace, step.id, own, parent, max(since, min(began, default=end)), end, about, is_bad
    )


def _attempt(
    trace: TraceContext, step: StepRecord, attempt: Attempt, parent: str, until: float
) -> Dict[str, Any]:
    about = {
        "orchestra.step.id": step.id,
        "orchestra.attempt.number": attempt.number,
        "orchestra.attempt.outcome": attempt.outcome and attempt.outcome.value,
        "orchestra.attempt.reason": attempt.reason,
        "orchestra.attempt.queued_s": attempt.queued_s,
        "orchestra.attempt.cpu_s": attempt.cpu_s,
        "orchestra.attempt.max_rss_bytes": attempt.max_rss_bytes,
        "orchestra.attempt.signal": attempt.signal,
        "process.exit.code": attempt.exit_code,
        "process.pid": attempt.pid,
    }
    if is_elsewhere(attempt):
        about["orchestra.attempt.executor"] = attempt.executor
        about["orchestra.attempt.job"] = attempt.job
        about["orchestra.attempt.queue_reason"] = attempt.queue_reason
        about["orchestra.attempt.engine_queue_s"] = queue_s(attempt)
        about["host.name"] = attempt.node
        about["process.pid"] = None
    own = trace.attempt_span(AttemptKey(step.id, attempt.number))
    name = "%s attempt %d" % (_text(step.id), attempt.number)
    end = attempt.ended_at or until
    is_bad = attempt.outcome not in (None, Outcome.SUCCEEDED, Outcome.SKIPPED)
    return _span(trace, name, own, parent, attempt.started_at, end, about, is_bad)


def _span(
    trace: TraceContext,
    name: str,
    own: str,
    parent: str,
    begin: float,
    end: float,
    about: Mapping[str, Any],
    is_bad: bool,
) -> Dict[str, Any]:
    reason = next((value for key, value in about.items() if key.endswith(".reason")), "")
    return {
        "name": _text(name),
        "trace_id": trace.trace_id,
        "span_id": own,
        "parent_id": parent,
        "start_ns": _ns(begin),
        "end_ns": max(_ns(begin), _ns(end)),
        "attributes": _known(about),
        "error": _text(reason or "failed") if is_bad else None,
    }


def _metrics(record: RunRecord) -> Iterator[Dict[str, Any]]:
    """Gauges: `{name, unit, about, points: [{attributes, value}]}`."""
    end = _ns(_end(record))
    workflow = {"orchestra.workflow.name": record.workflow}
    took = _end(record) - _began(record)
    of_run = {**workflow, "orchestra.run.state": record.state.value}
    yield _gauge("run.duration", "s", "How long the run took.", end, [_point(of_run, took)])
    counts = [
        _point({**workflow, "orchestra.step.state": state.value}, count)
        for state, count in record.counts.items()
        if count
    ]
    yield _gauge("run.steps", "{step}", "Steps of the run by state.", end, counts)
    durations = [
        _point(
            {
                **workflow,
                "orchestra.step.id": step.id,
                "orchestra.step.state": step.state.value,
            },
            step.duration_s,
        )
        for step in record.step_by_id.values()
        if step.duration_s is not None
    ]
    if durations:
        yield _gauge("step.duration", "s", "How long each step took.", end, durations)


def _gauge(
    name: str, unit: str, about: str, at_ns: int, points: List[Dict[str, Any]]
) -> Dict[str, Any]:
    name = "orchestra." + name
    return {"name": name, "unit": unit, "about": about, "at_ns": at_ns, "points": points}


def _point(attributes: Mapping[str, Any], value: Optional[float]) -> Dict[str, Any]:
    return {"attributes": _known(attributes), "value": value}


def _began(record: RunRecord) -> float:
    return record.resumed_at[-1] if record.resumed_at else record.started_at


def _end(record: RunRecord) -> float:
    """The end of the run; where its record was lost, the last moment that is known."""
    if record.ended_at is not None:
        return record.ended_at
    ends = [step.ended_at for step in record.step_by_id.values() if step.ended_at is not None]
    return max([_began(record), *ends])


def _known(about: Mapping[str, Any]) -> Dict[str, Any]:
    return {
        key: _text(value) if isinstance(value, str) else value
        for key, value in about.items()
        if value not in (None, "")
    }


def _text(text: str) -> str:
    spelled = safe_line(text)
    return spelled if len(spelled) <= _LONGEST_TEXT else spelled[: _LONGEST_TEXT - 1] + "…"


def _ns(at: float) -> int:
    return round(at * 1e9)
