"""A run as an instance of WfFormat 1.6, which the tools of WfCommons read. Pure.

Source: https://github.com/wfcommons/WfFormat, README of version 1.6. Ids keep to what 1.5 allows,
so that for an older reader only `schemaVersion` has to be changed.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping

from orchestra.errors import UsageError
from orchestra.model.iso_time import iso_time
from orchestra.model.json_text import json_text
from orchestra.model.record import Attempt, RunRecord, StepRecord
from orchestra.model.run import RESULT_BY_STATE, RunState
from orchestra.model.step_ids import step_ids
from orchestra.model.whereabouts import has_run, is_elsewhere

VERSION = "1.6"

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


def render_wfformat(record: RunRecord, cut_off: bool = False) -> str:
    """The instance as indented JSON with a line feed at its end; see `instance_data`."""
    return json_text(instance_data(record, cut_off), indent=2) + "\n"


def instance_data(record: RunRecord, cut_off: bool = False) -> Dict[str, Any]:
    """The run as plain data: tasks in plan order; times in ISO 8601 UTC, seconds, bytes.

    A step that is made of others is a task of no time that waits for them. Handlers are left out,
    as is how steps ended. So are steps that have not ended, as a trace tells how long each task
    took; the description says so, and whether the run was `cut_off`.

    Raises:
        UsageError: no step has ended, and the format has no room for no task.
    """
    all_steps = [step for step in record.in_order() if not step.is_handler]
    steps = [step for step in all_steps if step.state in RESULT_BY_STATE]
    if not steps:
        raise UsageError(
            "no step of run %s has ended, and a trace is of those that have" % record.run_id,
            "`orchestra show %s` shows it" % record.run_id,
        )
    ids = dict(zip((step.id for step in all_steps), step_ids([step.id for step in all_steps])))
    id_by_step = {step.id: ids[step.id] for step in steps}
    parents_by_step = {
        step.id: [id_by_step[need] for need in _parents(record, step) if need in id_by_step]
        for step in steps
    }
    children_by_id: Dict[str, List[str]] = {id: [] for id in id_by_step.values()}
    for step in steps:
        for parent in parents_by_step[step.id]:
            children_by_id[parent].append(id_by_step[step.id])
    tasks = [
        {
            "name": step.name or step.id,
            "id": id_by_step[step.id],
            "parents": parents_by_step[step.id],
            "children": children_by_id[id_by_step[step.id]],
            "inputFiles": [],
            "outputFiles": [],
        }
        for step in steps
    ]
    return {
        "name": record.workflow or record.run_id,
        "description": "Run %s of orchestra" % record.run_id
        + _unfinished(record, cut_off, len(steps), len(all_steps)),
        "createdAt": iso_time(_last_moment(record)),
        "schemaVersion": VERSION,
        "runtimeSystem": {"name": "orchestra", "version": record.version or "unknown"},
        "workflow": {
            "specification": {"tasks": tasks, "files": []},
            "execution": _execution(record, steps, id_by_step),
        },
    }


def _unfinished(record: RunRecord, cut_off: bool, ended: int, count: int) -> str:
    """What to know of a run that has not ended; empty of any other."""
    if record.state is not RunState.RUNNING:
        return ""
    state = "cut off" if cut_off else record.state.value
    return ", %s: the %d of its %d steps that have ended" % (state, ended, count)


def _parents(record: RunRecord, step: StepRecord) -> List[str]:
    """The steps that a task waits for: its parts, else its needs, else those of what it is in."""
    parts = [part for part in step.parts if not record.step_by_id[part].is_handler]
    if parts:
        return parts
    while step.owner and not step.needs:
        step = record.step_by_id[step.owner]
    return list(step.needs)


def _execution(
    record: RunRecord, steps: List[StepRecord], id_by_step: Mapping[str, str]
) -> Dict[str, Any]:
    """What the run came to."""
    here = [record.host] if _HOST.fullmatch(record.host) else []
    machines = list(dict.fromkeys([*here, *(name for step in steps for name in _nodes(step))]))
    execution = {
        "makespanInSeconds": _rounded(_last_moment(record) - record.started_at),
        "executedAt": iso_time(record.started_at),
        "tasks": [{"id": id_by_step[step.id], **_measured(step, here)} for step in steps],
    }
    if machines:
        execution["machines"] = [{"nodeName": name} for name in machines]
    return execution


def _nodes(step: StepRecord) -> List[str]:
    """The other machine that its last attempt ran on."""
    last = step.attempts[-1] if step.attempts else None
    return [last.node] if last is not None and _HOST.fullmatch(last.node) else []


def _measured(step: StepRecord, here: List[str]) -> Dict[str, Any]:
    """What the last attempt of a step came to; a step without one took no time."""
    attempt = step.attempts[-1] if step.attempts else None
    if attempt is None or attempt.ended_at is None or not has_run(attempt):
        return {"runtimeInSeconds": 0}
    began = min(attempt.began_at, attempt.ended_at)
    runtime_s = attempt.ended_at - began
    measured: Dict[str, Any] = {
        "runtimeInSeconds": _rounded(runtime_s),
        "executedAt": iso_time(began),
        # one core is the least that the format knows
        "coreCount": max(step.resources.get("cpu", 0) / 1000, 1),
    }
    if attempt.cpu_s is not None and runtime_s > 0:
        measured["avgCPU"] = _rounded(100 * attempt.cpu_s / runtime_s)
    if attempt.max_rss_bytes is not None:
        measured["memoryInBytes"] = attempt.max_rss_bytes
    machines = _nodes(step) if is_elsewhere(attempt) else here
    if machines:
        measured["machines"] = machines
    return measured


def _last_moment(record: RunRecord) -> float:
    """The end of the run, or the last end of an attempt that is known."""
    if record.ended_at is not None:
        return record.ended_at
    attempts: List[Attempt] = [a for step in record.step_by_id.values() for a in step.attempts]
    return max([record.started_at, *(a.ended_at for a in attempts if a.ended_at is not None)])


def _rounded(amount: float) -> float:
    return round(amount, 3)
