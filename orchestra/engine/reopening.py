"""What of a run's record counts no more once the run goes on. Pure.

A step that had not ended well is open again. A result is dropped where the step was changed, or
where something above it runs again; so are all parts of such a step. What is dropped keeps the
numbers of its attempts, so that no log is ever written twice.
"""

from __future__ import annotations

from collections import deque
from typing import Collection, Container, Dict, FrozenSet, Iterable, List, Tuple

from orchestra.model.events import PlannedEntry, RunResumed
from orchestra.model.record import Attempt, RunRecord, StepRecord
from orchestra.model.run import (
    HANDLER_ROLES,
    RESULT_BY_STATE,
    Outcome,
    Role,
    RunState,
    StepState,
    plain_id,
)
from orchestra.model.workflow import InnerSteps, Uses, Workflow

INTERRUPTED = "interrupted: nobody saw it end"
"""The reason of an attempt of which nothing is known but that it began."""

NOT_WELL = frozenset([StepState.FAILED, StepState.CANCELLED, StepState.BLOCKED])
_BEFORE_ANOTHER = frozenset([StepState.WAITING_RETRY, StepState.READY])


def run_once(workflow: Workflow) -> FrozenSet[str]:
    """The steps that say `rerun: never`, by their ids without instances."""
    found = set()
    waiting = [("", workflow.step_by_id)]
    for prefix, step_by_id in waiting:
        for id, step in step_by_id.items():
            if not step.may_rerun:
                found.add(prefix + id)
            if isinstance(step.body, InnerSteps):
                waiting.append((prefix + id + "/", step.body.step_by_id))
            elif isinstance(step.body, Uses):
                waiting.append((prefix + id + "/", step.body.workflow.step_by_id))
    return frozenset(found)


def being_stopped(record: RunRecord, once: Container[str]) -> FrozenSet[str]:
    """The steps that were asked to end when nobody was left to see that they did, or given up.

    One that is to run `once` was not asked to: if it is not known how it ended, it fails.
    """
    steps = record.step_by_id.items()
    given_up = {id for id, step in steps if _was_given_up(record, step)}
    if not record.stopping:
        return frozenset(given_up)
    asked = {id for id, s in steps if _was_being_stopped(s) and plain_id(id) not in once}
    return frozenset(asked | given_up)


def results_to_drop(
    record: RunRecord, changed: Collection[str], once: Container[str] = ()
) -> Tuple[str, ...]:
    """The steps whose results count no more when the run goes on, in the order of the record.

    `changed` are the steps that are defined differently now, by their ids without instances. One
    that joins a step which has others in it already is among them, so that this is open again.
    `once` are those that must not be run twice.
    """
    steps = record.step_by_id
    if record.state is RunState.SKIPPED:  # it never had its turn
        return tuple(id for id, step in steps.items() if not step.owner)
    below: Dict[str, List[str]] = {}
    for step in steps.values():
        for need in step.needs:
            below.setdefault(need, []).append(step.id)
    dropped = {id for id, step in steps.items() if plain_id(id) in changed}
    dropped |= being_stopped(record, once)
    joining = _joining(record, changed)
    again = {*dropped, *joining.values()}
    again.update(step.id for step in _not_well(record))
    waiting = deque(again)
    while waiting:
        step = steps[waiting.popleft()]
        dropped.update(below.get(step.id, ()))
        around = [step.owner] if step.owner and step.role not in HANDLER_ROLES else []
        fresh = [id for id in (*below.get(step.id, ()), *around) if id not in again]
        again.update(fresh)
        waiting.extend(fresh)
    known = [id for id, step in steps.items() if id in dropped and _has_something(step)]
    return (*known, *joining)


def reopen(record: RunRecord, event: RunResumed, at: float) -> None:
    """Bring the record to where the run goes on, by the plan that it goes on with."""
    steps = record.step_by_id
    planned = {entry.step for entry in event.steps}
    dropped = [steps[id] for id in event.dropped if id in steps]
    owners = [step.owner for step in dropped]
    owners += [id.rpartition("/")[0] for id in event.dropped if id not in steps]
    opened = _opened(record, owners)
    out = [s.id for s in steps.values() if not s.owner and (s.is_handler or s.id not in planned)]
    out += [part for step in opened for part in step.parts if steps[part].role in HANDLER_ROLES]
    out += _leaving(dropped)
    _take_out(record, out, at)
    for step in dropped:
        _forget(record, step, at)
    for step in opened:
        if record.step_by_id.get(step.id) is step:
            _open(step)
    _follow_plan(record, event)
    _let_time_begin_anew(record)
    _recount(record)
    record.state, record.exit_code, record.reason = RunState.RUNNING, None, ""
    record.ended_at, record.stopping = None, ""
    record.workflow, record.path = event.workflow, event.path
    record.budget, record.max_parallel = event.budget, event.max_parallel
    record.lower_bound_s = event.lower_bound_s
    record.host, record.pid, record.boot = event.host, event.pid, event.boot
    record.options = event.options
    record.resumed_at.append(at)
    record.done_before = sum(record.counts[state] for state in RESULT_BY_STATE)


def drop(record: RunRecord, ids: Iterable[str], at: float) -> None:
    """Forget what these steps came to, with all their parts; a part of a step goes itself."""
    dropped = [record.step_by_id[id] for id in ids if id in record.step_by_id]
    _take_out(record, _leaving(dropped), at)
    for step in dropped:
        _forget(record, step, at)
    _recount(record)


def _recount(record: RunRecord) -> None:
    """Count all anew."""
    record.counts = dict.fromkeys(StepState, 0)
    for step in record.step_by_id.values():
        step.members = step.members_done = step.members_failed = 0
    for step in record.step_by_id.values():
        if step.owner and step.role not in HANDLER_ROLES:
            owner = record.step_by_id[step.owner]
            owner.members += 1
            owner.members_done += step.state in RESULT_BY_STATE
            owner.members_failed += step.state is StepState.FAILED
    for step in record.step_by_id.values():
        if not step.is_handler and not step.members:
            record.counts[step.state] += 1


def _joining(record: RunRecord, changed: Iterable[str]) -> Dict[str, str]:
    """The steps that are new in steps which have been entered, with the ids of these."""
    steps = record.step_by_id
    known = {plain_id(id) for id in steps}
    names_by_owner: Dict[str, List[str]] = {}
    for id in changed:
        if id not in known:
            owner, _, name = id.rpartition("/")
            names_by_owner.setdefault(owner, []).append(name)
    found: Dict[str, str] = {}
    for id, step in steps.items():
        names = names_by_owner.get(plain_id(id), ())
        if names and any(steps[part].role is Role.INNER for part in step.parts):
            found.update(("%s/%s" % (id, name), id) for name in names)
    return found


def _was_being_stopped(step: StepRecord) -> bool:
    """Whether an attempt was asked to end, and the step did not come to its own end."""
    if step.is_handler or step.state in RESULT_BY_STATE or not step.attempts:
        return False
    return step.attempts[-1].outcome in (None, Outcome.CANCELLED)


def _was_given_up(record: RunRecord, step: StepRecord) -> bool:
    """Whether a step had come to its handlers, and not to its end, without its own last word.

    No attempt counts, another one was to be made, or its fallback was stopped.
    """
    if step.is_handler or step.state in RESULT_BY_STATE or not step.parts:
        return False
    if record.stopping and _has_cancelled_fallback(record, step):
        return True
    if len(step.attempts) > step.spent and step.state not in _BEFORE_ANOTHER:
        return False
    return all(record.step_by_id[part].role in HANDLER_ROLES for part in step.parts)


def _has_cancelled_fallback(record: RunRecord, step: StepRecord) -> bool:
    parts = (record.step_by_id[part] for part in step.parts)
    return any(p.role is Role.FALLBACK and p.state is StepState.CANCELLED for p in parts)


def _not_well(record: RunRecord) -> List[StepRecord]:
    """The steps that had ended, and not well, and are to run again.

    What is in a step that has come to its handlers is none: what that one comes to is settled.
    """
    steps = record.step_by_id
    owners = {step.owner for step in steps.values() if step.role in HANDLER_ROLES}
    settled = {id for id in owners if id in steps and steps[id].state not in RESULT_BY_STATE}
    found = []
    for step in steps.values():
        if step.state in NOT_WELL and not step.is_handler:
            around = step.owner
            while around and around not in settled:
                around = steps[around].owner
            if not around:
                found.append(step)
    return found


def _has_something(step: StepRecord) -> bool:
    return bool(step.parts) or step.state not in (StepState.PENDING, *NOT_WELL)


def _opened(record: RunRecord, owners: Iterable[str]) -> Collection[StepRecord]:
    """The steps that had ended, and not well, these owners, and all that they are part of."""
    steps = record.step_by_id
    ids = [step.id for step in _not_well(record)]
    ids += owners
    opened: Dict[str, StepRecord] = {}
    for id in ids:
        while id in steps and id not in opened:
            opened[id] = steps[id]
            id = steps[id].owner
    return opened.values()


def _leaving(dropped: Iterable[StepRecord]) -> List[str]:
    """What leaves the run when these are dropped: parts of steps; a step of the plan stays."""
    return [id for step in dropped for id in ([step.id] if step.owner else step.parts)]


def _take_out(record: RunRecord, ids: Iterable[str], at: float) -> None:
    """Take steps out of the run, with all their parts."""
    out = dict.fromkeys(ids)
    waiting = list(out)
    for id in waiting:
        fresh = [part for part in record.step_by_id[id].parts if part not in out]
        out.update(dict.fromkeys(fresh))
        waiting.extend(fresh)
    owners: Dict[str, None] = {}
    for id in out:
        step = record.former[id] = record.step_by_id.pop(id)
        owners[step.owner] = None
        _interrupt(step.attempts, at)
        step.parts = ()
    for id in owners:
        owner = record.step_by_id.get(id)
        if owner is not None:
            owner.parts = tuple(part for part in owner.parts if part not in out)


def _forget(record: RunRecord, step: StepRecord, at: float) -> None:
    """Have a step of the plan as if it had not begun; its attempts remain."""
    if step.id in record.step_by_id:
        _interrupt(step.attempts, at)
        anew = StepRecord(step.id, step.name, step.needs, step.resources, attempts=step.attempts)
        anew.spent = len(step.attempts)
        record.step_by_id[step.id] = anew


def _open(step: StepRecord) -> None:
    """Let a step that had ended go on; those parts of it that ended well count."""
    step.state = StepState.RUNNING if step.parts else StepState.PENDING
    step.reason, step.outputs = "", {}
    step.ended_at = step.ready_at = step.retry_at = None
    step.spent = len(step.attempts)


def _let_time_begin_anew(record: RunRecord) -> None:
    """Forget that the time of steps was over, but of those that have come to what is after that.

    What is in a handler goes on as it stood.
    """
    steps = record.step_by_id
    for step in steps.values():
        has_gone_on = any(steps[part].role in HANDLER_ROLES for part in step.parts)
        if not has_gone_on and not step.is_handler:
            step.called_off = ""


def _interrupt(attempts: List[Attempt], at: float) -> None:
    """Close the attempt that was under way, if one was."""
    if attempts and attempts[-1].outcome is None:
        attempts[-1].outcome = Outcome.INTERRUPTED
        attempts[-1].reason = INTERRUPTED
        attempts[-1].ended_at = at


def _follow_plan(record: RunRecord, event: RunResumed) -> None:
    """Have the steps of the plan in its order, with what the file says of them now."""
    steps, record.step_by_id = record.step_by_id, {}
    for entry in event.steps:
        step = steps.pop(entry.step, None) or comes_back(record, entry)
        step.name, step.needs, step.executor = entry.name, entry.needs, entry.executor
        record.step_by_id[entry.step] = step
    record.step_by_id.update(steps)


def comes_back(record: RunRecord, entry: PlannedEntry) -> StepRecord:
    """A step that joins the run; if it was in it before, with the attempts that it had."""
    step = StepRecord(entry.step, entry.name, entry.needs, entry.resources)
    former = record.former.pop(entry.step, None)
    if former is not None:
        step.attempts = former.attempts
        step.spent = len(former.attempts)
    return step
