"""A run as trace events, which Chrome's and Perfetto's viewers draw as a timeline. Pure.

Source: "Trace Event Format", the JSON object form.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any, Dict, Iterator, List, Mapping, Tuple

from orchestra.model.json_text import json_text
from orchestra.model.record import Attempt, RunRecord, StepRecord
from orchestra.model.screen_text import safe_line
from orchestra.model.units import plain_amounts
from orchestra.model.whereabouts import is_elsewhere, queue_s

_RUN = 1
_WHOLE = 0
"""The lane of what a run is, above those of the attempts."""


def render_trace(record: RunRecord) -> str:
    """The events as JSON with a line feed at its end; see `trace_events`."""
    data = {
        "displayTimeUnit": "ms",
        "otherData": {"run": record.run_id, "orchestra": record.version},
        "traceEvents": list(trace_events(record)),
    }
    return json_text(data) + "\n"


def trace_events(record: RunRecord) -> Iterator[Dict[str, Any]]:
    """The run, its attempts and what they held; times in microseconds since its start.

    An attempt is drawn in the first lane that is free when it begins, for as long as it took; one
    that goes on ends with what is known last. Each lane is one machine's: those of this one are
    numbered, those of others named. Counters tell how much of the budget is held.
    """
    taken = _attempts(record)
    end = record.ended_at or max((each[1] for each in taken), default=record.started_at)
    yield _named("process_name", _WHOLE, record.workflow)
    yield _named("thread_name", _WHOLE, "run")
    yield _span(record, record.workflow, _WHOLE, record.started_at, end, {"state": record.state})
    for at in record.resumed_at:
        yield {**_event(record, "resumed", "i", _WHOLE, at), "s": "p"}
    lanes = 0
    for lane, name, (begin, until, step, attempt) in _in_lanes(taken):
        if lane > lanes:
            lanes = lane
            yield _named("thread_name", lane, name)
        yield _span(record, step.id, lane, begin, until, _facts(step, attempt))
    yield from _counters(record, taken)


Taken = Tuple[float, float, StepRecord, Attempt]
"""From when to when an attempt took its share, UTC seconds."""


def _attempts(record: RunRecord) -> List[Taken]:
    """All that have begun, by their beginning."""
    steps = [*record.former.values(), *record.step_by_id.values()]
    moments = [record.started_at, record.ended_at or record.started_at]
    for step in steps:
        for attempt in step.attempts:
            moments += [attempt.started_at, attempt.ended_at or attempt.started_at]
    latest = max(moments)
    taken = [
        (attempt.started_at, attempt.ended_at or latest, step, attempt)
        for step in steps
        for attempt in step.attempts
    ]
    return sorted(taken, key=lambda each: each[:2])


class _Lanes:
    """The lanes of one machine."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._busy: List[Tuple[float, int, str]] = []
        self._free: List[Tuple[int, str]] = []

    def take(self, begin: float, until: float, fresh: int) -> Tuple[int, str]:
        """The lowest that is free, with its name; else one with the number `fresh`."""
        while self._busy and self._busy[0][0] <= begin:
            heappush(self._free, heappop(self._busy)[1:])
        number = len(self._busy) + 1
        again = " (%d)" % number if number > 1 else ""
        name = self._name + again if self._name else "lane %d" % fresh
        lane = heappop(self._free) if self._free else (fresh, name)
        heappush(self._busy, (until, *lane))
        return lane


def _in_lanes(taken: List[Taken]) -> Iterator[Tuple[int, str, Taken]]:
    """Each with the lowest lane of its machine that is free, counted from 1, and its name."""
    lanes_by_node: Dict[str, _Lanes] = {}
    lanes = 0
    for began, until, step, attempt in _by_begin(taken):
        queue = "%s queue" % attempt.executor if is_elsewhere(attempt) else ""
        node = attempt.node or queue
        machine = lanes_by_node.setdefault(node, _Lanes(node))
        lane, name = machine.take(began, until, lanes + 1)
        lanes = max(lanes, lane)
        yield lane, name, (began, until, step, attempt)


def _by_begin(taken: List[Taken]) -> List[Taken]:
    """With the time in an engine's queue taken off; it is a fact of its attempt."""
    ran = [(max(a.began_at, begin), until, step, a) for begin, until, step, a in taken]
    return sorted(ran, key=lambda each: each[:2])


def _facts(step: StepRecord, attempt: Attempt) -> Dict[str, Any]:
    return {
        "attempt": attempt.number,
        "outcome": attempt.outcome,
        "reason": safe_line(attempt.reason),
        "exit_code": attempt.exit_code,
        "queued_s": round(attempt.queued_s, 6),
        "cpu_s": attempt.cpu_s,
        "max_rss_bytes": attempt.max_rss_bytes,
        "resources": plain_amounts(step.resources),
        "log": attempt.log,
        "executor": attempt.executor if is_elsewhere(attempt) else None,
        "job": attempt.job,
        "node": attempt.node,
        "queue_reason": safe_line(attempt.queue_reason),
        "engine_queue_s": queue_s(attempt),
    }


def _counters(record: RunRecord, taken: List[Taken]) -> Iterator[Dict[str, Any]]:
    """What is held of each resource, at each moment at which that changes."""
    changes: List[Tuple[float, int, Mapping[str, int]]] = []
    for begin, until, step, _ in taken:
        changes += [(begin, 1, step.resources), (until, -1, step.resources)]
    changes.sort(key=lambda change: change[:2])  # what is given back comes first
    held: Dict[str, int] = {}
    for place, (at, sign, amounts) in enumerate(changes):
        for name, amount in amounts.items():
            held[name] = held.get(name, 0) + sign * amount
        if place + 1 < len(changes) and changes[place + 1][0] == at:
            continue
        for name, held_now in plain_amounts(held).items():
            yield {**_event(record, name, "C", _WHOLE, at), "args": {"held": held_now}}


def _span(
    record: RunRecord, name: str, lane: int, begin: float, until: float, facts: Mapping[str, Any]
) -> Dict[str, Any]:
    known = {key: value for key, value in facts.items() if value not in (None, "", {})}
    took = {"dur": max(0, round((until - begin) * 1e6)), "args": known}
    return {**_event(record, name, "X", lane, begin), "cat": "attempt" if lane else "run", **took}


def _event(record: RunRecord, name: str, kind: str, lane: int, at: float) -> Dict[str, Any]:
    ts = round((at - record.started_at) * 1e6)
    return {"name": safe_line(name), "ph": kind, "pid": _RUN, "tid": lane, "ts": ts}


def _named(what: str, lane: int, name: str) -> Dict[str, Any]:
    return {"name": what, "ph": "M", "pid": _RUN, "tid": lane, "args": {"name": safe_line(name)}}
