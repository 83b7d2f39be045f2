"""Why a step ran, did not run, or waited: told from the record of its run alone. Pure."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from orchestra.model.json_text import json_text
from orchestra.model.look import Look, state_tone, state_word
from orchestra.model.record import Attempt, RunRecord, StepRecord
from orchestra.model.run import RESULT_BY_STATE, Outcome, StepState
from orchestra.model.screen_text import safe_line
from orchestra.model.units import format_duration
from orchestra.model.whereabouts import is_elsewhere, queue_s
from orchestra.model.workflow import NeedResult

WHY_FORMAT = 1

SLOTS = "slots"
"""The resource of which every running step takes one, where `max_parallel` or `-j` counts them."""

_LONG_WAIT_S = 1.0
_SAME_TURN_S = 1e-4  # times are sums of floats, and those of one turn are the same time
_SHOWN_HOLDERS = 3
_NO_TIME = float("inf")


class Shortage(NamedTuple):
    """A resource of which too little was free, and who held it, the longest one first."""

    resource: str
    held_by: Tuple[str, ...]


class Wait(NamedTuple):
    """An attempt that stood in line for a second or more, or does so now, and what for."""

    attempt: int
    queued_s: float
    shortages: Tuple[Shortage, ...]
    goes_on: bool = False


class Stay(NamedTuple):
    """An attempt that another machine was to run; how long its engine kept it waiting, if known."""

    attempt: Attempt
    queue_s: Optional[float]


class Why(NamedTuple):
    """All that is known of why a step is in its state.

    `chain` leads from what decided about the step to the root cause, `ran_because` is what its
    cache found, `stays` are its attempts elsewhere, `tries` those that did not succeed.
    """

    step: StepRecord
    chain: Tuple[StepRecord, ...]
    ran_because: str
    waits: Tuple[Wait, ...]
    stays: Tuple[Stay, ...]
    tries: Tuple[Attempt, ...]


def why(record: RunRecord, step: str, now: float) -> Why:
    """Why the step, which must be in the record, is in its state at the time `now`."""
    found = record.step_by_id[step]
    return Why(
        found,
        tuple(_chain(record, found)),
        found.cache_reason,
        tuple(_waits(record, found, now)),
        tuple(Stay(a, queue_s(a, now)) for a in found.attempts if is_elsewhere(a)),
        tuple(a for a in found.attempts if a.outcome not in (None, Outcome.SUCCEEDED)),
    )


def render_why(record: RunRecord, step: str, now: float, look: Look) -> str:
    """The reasons in one line, or a few."""
    told = why(record, step, now)
    lines = [_headline(told, look)]
    lines += ["%s %s" % (_quoted(cause), _ended(cause)) for cause in told.chain]
    lines += [_wait_line(wait) for wait in told.waits]
    lines += [_stay_line(stay, len(told.step.attempts) > 1) for stay in _past_stays(told)]
    if len(told.step.attempts) > 1:
        lines += ["attempt %d: %s" % (a.number, safe_line(a.reason)) for a in told.tries]
    if told.step.state is StepState.PENDING:
        lines += ["waits for %s" % _quoted(need) for need in _open_needs(record, told.step)]
    return "\n  ".join(lines) + "\n"


def render_why_json(record: RunRecord, step: str, now: float) -> str:
    """The same for programs, as `schemas/why.schema.json` says."""
    return json_text(why_data(record, step, now), indent=2) + "\n"


def why_data(record: RunRecord, step: str, now: float) -> Dict[str, Any]:
    """The reasons as plain data."""
    told = why(record, step, now)
    data = {
        "format": WHY_FORMAT,
        "run_id": record.run_id,
        "step": told.step.id,
        "state": told.step.state.value,
        "reason": told.step.reason,
        "ran_because": told.ran_because or None,
        "reused_from": told.step.reused_from or None,
        "left_out": told.step.left_out,
        "chain": [
            {"step": cause.id, "state": cause.state.value, "reason": cause.reason}
            for cause in told.chain
        ],
        "waits": [
            {
                "attempt": wait.attempt,
                "queued_s": round(wait.queued_s, 6),
                "goes_on": wait.goes_on,
                "shortages": [
                    {"resource": short.resource, "held_by": list(short.held_by)}
                    for short in wait.shortages
                ],
            }
            for wait in told.waits
        ],
        "tries": [
            {
                "number": attempt.number,
                "outcome": None if attempt.outcome is None else attempt.outcome.value,
                "reason": attempt.reason,
            }
            for attempt in told.tries
        ],
    }
    if told.stays:
        data["stays"] = [_stay_data(stay) for stay in told.stays]
    return data


def _stay_data(stay: Stay) -> Dict[str, Any]:
    attempt = stay.attempt
    return {
        "attempt": attempt.number,
        "executor": attempt.executor,
        "job": attempt.job or None,
        "node": attempt.node or None,
        "queue_reason": attempt.queue_reason,
        "queue_s": None if stay.queue_s is None else round(stay.queue_s, 6),
        "goes_on": attempt.launched_at is None and attempt.outcome is None,
    }


def _headline(told: Why, look: Look) -> str:
    step = told.step
    word = look.paint(state_word(step.state), state_tone(step.state))
    reason = safe_line(step.reason)
    if step.state is StepState.QUEUED:
        reason = _queue_words(told.stays[-1])
    if step.state is StepState.SKIPPED and reason.startswith("if: "):
        reason = "its `if` is false: %s" % reason[4:]
    if told.ran_because and told.ran_because not in step.reason:
        reason = "%s; it ran because %s" % (reason, safe_line(told.ran_because))
    return "%s %s%s" % (_quoted(step), word, ": " + reason if reason else "")


def _queue_words(stay: Stay) -> str:
    """`as job 1234 of slurm for 2m10s: Resources`."""
    attempt = stay.attempt
    words = "as job %s of %s" % (safe_line(attempt.job), safe_line(attempt.executor))
    if stay.queue_s is not None:
        words += " for %s" % format_duration(stay.queue_s)
    return words + (": %s" % safe_line(attempt.queue_reason) if attempt.queue_reason else "")


def _past_stays(told: Why) -> Tuple[Stay, ...]:
    """Without the one that the head tells of."""
    return told.stays[:-1] if told.step.state is StepState.QUEUED else told.stays


def _stay_line(stay: Stay, with_number: bool) -> str:
    """`attempt 2 ran on n1 as job 1235 of slurm, after 3.2s in its queue (Resources)`."""
    attempt = stay.attempt
    words = "attempt %d " % attempt.number if with_number else ""
    if attempt.launched_at is None:
        job = "job %s" % safe_line(attempt.job) if attempt.job else "a job"
        return "%swas %s of %s" % (words, job, safe_line(attempt.executor))
    words += "ran" if attempt.outcome is not None else "runs"
    words += " on %s" % safe_line(attempt.node) if attempt.node else ""
    words += " as job %s" % safe_line(attempt.job) if attempt.job else ""
    words += " of %s" % safe_line(attempt.executor)
    if stay.queue_s is not None:
        words += ", after %s in its queue" % format_duration(stay.queue_s)
    return words + (" (%s)" % safe_line(attempt.queue_reason) if attempt.queue_reason else "")


def _ended(step: StepRecord) -> str:
    return "%s: %s" % (state_word(step.state), safe_line(step.reason))


def _quoted(step: StepRecord) -> str:
    return "`%s`" % safe_line(step.id)


# What decided about a step that did not run


def _chain(record: RunRecord, step: StepRecord) -> Iterator[StepRecord]:
    """From the need that decided about the step to the first that nothing above decided about."""
    seen = {step.id}
    while True:
        cause = _decider(record, step)
        if cause is None or cause.id in seen:
            return
        yield cause
        seen.add(cause.id)
        step = cause


def _decider(record: RunRecord, step: StepRecord) -> Optional[StepRecord]:
    if step.attempts or step.left_out:
        return None
    if step.state is StepState.CANCELLED:
        named = [s for s in record.step_by_id.values() if step.reason == _struck_by(s)]
        return named[0] if named else None
    if step.state not in (StepState.BLOCKED, StepState.SKIPPED) or step.reason.startswith("if: "):
        return None
    needs = [record.step_by_id[id] for id in step.needs if id in record.step_by_id]
    wanted = (
        (NeedResult.FAILURE, NeedResult.STOPPED)
        if step.state is StepState.BLOCKED
        else (NeedResult.SKIPPED,)
    )
    for need in needs:
        if RESULT_BY_STATE.get(need.state) in wanted and not need.left_out:
            return need
    return None


def _struck_by(step: StepRecord) -> str:
    return "fail_fast: `%s` failed" % step.id if step.state is StepState.FAILED else ""


def _open_needs(record: RunRecord, step: StepRecord) -> List[StepRecord]:
    needs = [record.step_by_id[id] for id in step.needs if id in record.step_by_id]
    return [need for need in needs if need.state not in RESULT_BY_STATE]


# What a step waited for in line


def _waits(record: RunRecord, step: StepRecord, now: float) -> Iterator[Wait]:
    for attempt in step.attempts:
        if attempt.queued_s >= _LONG_WAIT_S:
            came_at = attempt.started_at - attempt.queued_s
            short = _shortages(record, step, came_at, attempt.started_at)
            yield Wait(attempt.number, attempt.queued_s, short)
    if step.state is StepState.READY and step.ready_at is not None:
        short = _shortages(record, step, now, now)
        yield Wait(len(step.attempts) + 1, max(now - step.ready_at, 0.0), short, goes_on=True)


def _shortages(
    record: RunRecord, step: StepRecord, came_at: float, until: float
) -> Tuple[Shortage, ...]:
    """Of what too little was free when the step came into line, and who held it until its turn."""
    running = _running(record, step, came_at)
    shortages = []
    for name, amount in step.resources.items():
        used = sum(other.resources.get(name, 0) for other, _ in running)
        if amount and used + amount > record.budget.get(name, 0):
            holders = _running(record, step, came_at, until)
            shortages.append(
                Shortage(name, _longest_first([h for h in holders if h[0].resources.get(name)]))
            )
    if record.max_parallel is not None and len(running) >= record.max_parallel:
        shortages.append(Shortage(SLOTS, _longest_first(running)))
    return tuple(shortages)


def _running(
    record: RunRecord, step: StepRecord, at: float, until: Optional[float] = None
) -> List[Tuple[StepRecord, float]]:
    """The other steps with an attempt that held its share at that time, and until when it did.

    With `until` those as well that began before it.
    """
    latest = at if until is None else until - 2 * _SAME_TURN_S
    found = []
    for other in record.step_by_id.values():
        for attempt in other.attempts:
            end = _NO_TIME if attempt.ended_at is None else attempt.ended_at
            began = attempt.started_at <= max(at, latest) + _SAME_TURN_S
            if other is not step and began and at + _SAME_TURN_S < end:
                found.append((other, end))
    return found


def _longest_first(holders: Sequence[Tuple[StepRecord, float]]) -> Tuple[str, ...]:
    return tuple(other.id for other, _ in sorted(holders, key=lambda pair: -pair[1]))


def _wait_line(wait: Wait) -> str:
    words = " and ".join(_shortage_words(short) for short in wait.shortages)
    number = " before attempt %d" % wait.attempt if wait.attempt > 1 else ""
    what = "for %s" % words if words else "behind steps that come first"
    verb = "has waited" if wait.goes_on else "waited"
    return "%s %s%s %s" % (verb, format_duration(wait.queued_s), number, what)


def _shortage_words(short: Shortage) -> str:
    shown = ", ".join("`%s`" % safe_line(id) for id in short.held_by[:_SHOWN_HOLDERS])
    more = len(short.held_by) - _SHOWN_HOLDERS
    holders = shown + (" and %d more" % more if more > 0 else "")
    name = "one of the %s" % SLOTS if short.resource == SLOTS else safe_line(short.resource)
    return "%s held by %s" % (name, holders) if holders else name
