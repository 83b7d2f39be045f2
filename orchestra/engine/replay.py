"""Folds the events of a run into its record; history and live view use the same fold. Pure."""

from __future__ import annotations

from typing import Callable, Dict, Iterable, List, Optional, Sequence

from orchestra.engine.reopening import comes_back, drop, reopen
from orchestra.model.errand import LOCAL
from orchestra.model.events import (
    AlertSent,
    ArtifactsKept,
    AttemptEnded,
    AttemptLaunched,
    AttemptQueued,
    AttemptStarted,
    CacheMissed,
    Envelope,
    Noted,
    OutputsTaken,
    PlannedEntry,
    ResultReused,
    ResultsDropped,
    RetryScheduled,
    RunFinished,
    RunResumed,
    RunStarted,
    StepEnded,
    StepReady,
    StepsAdded,
    StepTimedOut,
    StopRequested,
    SummaryWritten,
)
from orchestra.model.record import AlertRecord, Attempt, RunRecord, StepRecord
from orchestra.model.run import HANDLER_ROLES, Outcome, Role, RunState, StepState


class Replay:
    """A run's record that grows with its events; `record` is None until the run has started."""

    def __init__(self) -> None:
        self.record: Optional[RunRecord] = None

    def apply(self, envelopes: Iterable[Envelope]) -> None:
        """Take more events, in order. Events of kinds unknown to this version are passed over."""
        for envelope in envelopes:
            event = envelope.event
            if type(event) is RunStarted:
                self.record = _begin(event, envelope.at)
            elif self.record is not None:
                handler = _HANDLERS.get(type(event))
                if handler is not None:
                    handler(self.record, event, envelope.at)


def fold(envelopes: Iterable[Envelope]) -> Optional[RunRecord]:
    """The record that these events tell, None where not even the start of a run is among them."""
    replay = Replay()
    replay.apply(envelopes)
    return replay.record


def _begin(event: RunStarted, at: float) -> RunRecord:
    record = RunRecord(
        run_id=event.run_id,
        workflow=event.workflow,
        path=event.path,
        started_at=at,
        params=event.params,
        budget=event.budget,
        max_parallel=event.max_parallel,
        lower_bound_s=event.lower_bound_s,
        pid=event.pid,
        host=event.host,
        version=event.version,
        options=event.options,
        boot=event.boot,
        order=event.order,
        patience_s=event.patience_s,
        predicted_s=event.predicted_s,
    )
    record.counts = dict.fromkeys(StepState, 0)
    _add(record, event.steps)
    return record


def _add(record: RunRecord, entries: Sequence[PlannedEntry]) -> None:
    parts_by_owner: Dict[str, List[str]] = {}
    for entry in entries:
        step = comes_back(record, entry)
        step.owner = entry.owner
        step.role = _ROLE_BY_VALUE[entry.role]
        step.item = entry.item
        step.expected_s = entry.expected_s
        step.executor = entry.executor
        step.is_handler = step.role in HANDLER_ROLES or _is_handler(record, entry.owner)
        record.step_by_id[entry.step] = step
        if entry.owner:
            parts_by_owner.setdefault(entry.owner, []).append(entry.step)
        if not step.is_handler:
            record.counts[StepState.PENDING] += 1
    for owner, parts in parts_by_owner.items():
        record.step_by_id[owner].parts = (*record.step_by_id[owner].parts, *parts)


def _is_handler(record: RunRecord, owner: str) -> bool:
    return bool(owner) and record.step_by_id[owner].is_handler


def _steps_added(record: RunRecord, event: StepsAdded, at: float) -> None:
    for entry in event.steps:
        if entry.role in (Role.INSTANCE, Role.INNER):
            owner = record.step_by_id[entry.owner]
            if not owner.members:
                record.counts[owner.state] -= not owner.is_handler
                owner.state = StepState.RUNNING
                owner.began_at = at
            owner.members += 1
    _add(record, event.steps)


def _run_resumed(record: RunRecord, event: RunResumed, at: float) -> None:
    reopen(record, event, at)


def _results_dropped(record: RunRecord, event: ResultsDropped, at: float) -> None:
    drop(record, event.steps, at)


def _move(record: RunRecord, step: StepRecord, state: StepState) -> None:
    if not step.members and not step.is_handler:
        record.counts[step.state] -= 1
        record.counts[state] += 1
    step.state = state


def _ready(record: RunRecord, event: StepReady, at: float) -> None:
    step = record.step_by_id[event.step]
    step.resources = event.resources
    step.ready_at = at
    _move(record, step, StepState.READY)


def _attempt_started(record: RunRecord, event: AttemptStarted, at: float) -> None:
    step = record.step_by_id[event.step]
    attempt = Attempt(event.number, event.queued_s, at, devices=event.devices)
    attempt.executor = step.executor
    step.attempts = [*step.attempts, attempt]  # a list that grows takes room for four
    step.retry_at = None
    _move(record, step, StepState.RUNNING)


def _attempt_queued(record: RunRecord, event: AttemptQueued, at: float) -> None:
    step = record.step_by_id[event.step]
    attempt = step.attempts[event.number - 1]
    attempt.executor = event.executor
    attempt.job = event.job
    attempt.queue_reason = event.reason
    _move(record, step, StepState.QUEUED)


def _attempt_launched(record: RunRecord, event: AttemptLaunched, at: float) -> None:
    step = record.step_by_id[event.step]
    attempt = step.attempts[event.number - 1]
    attempt.pid = event.pid
    attempt.began_s = event.began_s
    if attempt.executor != LOCAL:
        attempt.node = event.node
        attempt.launched_at = max(at - event.ago_s, attempt.started_at)
        _move(record, step, StepState.RUNNING)


def _attempt_ended(record: RunRecord, event: AttemptEnded, at: float) -> None:
    step = record.step_by_id[event.step]
    attempt = step.attempts[event.number - 1]
    earlier = at if event.ended_at is None else max(attempt.started_at, event.ended_at)
    attempt.ended_at = min(at, earlier)
    attempt.outcome = _OUTCOME_BY_VALUE[event.outcome]
    attempt.exit_code = event.exit_code
    attempt.signal = event.signal
    attempt.reason = event.reason
    attempt.cpu_s = event.cpu_s
    attempt.max_rss_bytes = event.max_rss_bytes
    attempt.log = event.log
    attempt.log_bytes = event.log_bytes
    if attempt.outcome is Outcome.INTERRUPTED:
        step.spent += 1
    if step.state is StepState.QUEUED:
        _move(record, step, StepState.RUNNING)


def _outputs_taken(record: RunRecord, event: OutputsTaken, at: float) -> None:
    record.step_by_id[event.step].outputs = event.outputs


def _summary_written(record: RunRecord, event: SummaryWritten, at: float) -> None:
    attempt = record.step_by_id[event.step].attempts[event.number - 1]
    attempt.summary = event.path
    attempt.summary_bytes = event.size_bytes


def _artifacts_kept(record: RunRecord, event: ArtifactsKept, at: float) -> None:
    step = record.step_by_id[event.step]
    step.artifacts = event.files
    step.artifacts_until = None if event.keep_s is None else at + event.keep_s


def _retry_scheduled(record: RunRecord, event: RetryScheduled, at: float) -> None:
    step = record.step_by_id[event.step]
    step.retry_at = at + event.delay_s
    _move(record, step, StepState.WAITING_RETRY)


def _step_timed_out(record: RunRecord, event: StepTimedOut, at: float) -> None:
    record.step_by_id[event.step].called_off = event.reason


def _step_ended(record: RunRecord, event: StepEnded, at: float) -> None:
    step = record.step_by_id[event.step]
    step.reason = event.reason
    step.outputs = event.outputs
    step.ended_at = at
    step.retry_at = None
    _move(record, step, _STATE_BY_VALUE[event.state])
    if step.owner and step.role not in HANDLER_ROLES:
        owner = record.step_by_id[step.owner]
        owner.members_done += 1
        owner.members_failed += step.state is StepState.FAILED


def _result_reused(record: RunRecord, event: ResultReused, at: float) -> None:
    step = record.step_by_id[event.step]
    step.reused_from = event.run_id
    step.left_out = event.left_out


def _cache_missed(record: RunRecord, event: CacheMissed, at: float) -> None:
    record.step_by_id[event.step].cache_reason = event.reason


def _noted(record: RunRecord, event: Noted, at: float) -> None:
    record.notes.append("%s: %s" % (event.step, event.message) if event.step else event.message)


def _stop_requested(record: RunRecord, event: StopRequested, at: float) -> None:
    record.stopping = event.cause


def _run_finished(record: RunRecord, event: RunFinished, at: float) -> None:
    record.state = RunState(event.state)
    record.exit_code = event.exit_code
    record.reason = event.reason
    record.ended_at = at


def _alert_sent(record: RunRecord, event: AlertSent, at: float) -> None:
    record.alerts.append(AlertRecord(at, *event))


# half the price of asking the enumeration, for each step twice
_STATE_BY_VALUE = {state.value: state for state in StepState}
_OUTCOME_BY_VALUE = {outcome.value: outcome for outcome in Outcome}
_ROLE_BY_VALUE = {role.value: role for role in Role}

_HANDLERS: Dict[type, Callable[..., None]] = {
    RunResumed: _run_resumed,
    ResultsDropped: _results_dropped,
    StepsAdded: _steps_added,
    StepReady: _ready,
    AttemptStarted: _attempt_started,
    AttemptQueued: _attempt_queued,
    AttemptLaunched: _attempt_launched,
    AttemptEnded: _attempt_ended,
    OutputsTaken: _outputs_taken,
    SummaryWritten: _summary_written,
    ArtifactsKept: _artifacts_kept,
    RetryScheduled: _retry_scheduled,
    StepTimedOut: _step_timed_out,
    StepEnded: _step_ended,
    ResultReused: _result_reused,
    CacheMissed: _cache_missed,
    Noted: _noted,
    StopRequested: _stop_requested,
    RunFinished: _run_finished,
    AlertSent: _alert_sent,
}
