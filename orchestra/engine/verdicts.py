"""What the end of an attempt comes to: an outcome, another attempt, a final state. Pure."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import Callable, NamedTuple, Optional, Tuple

from orchestra.engine.ports import Ended, Lost, Written
from orchestra.engine.reopening import INTERRUPTED
from orchestra.model.events import AttemptEnded
from orchestra.model.run import Outcome, StepState
from orchestra.model.units import format_amount, format_duration
from orchestra.model.workflow import Retry, Step

_ALLOWED = "allowed: "
_TIMED_OUT = "timed out"
_LAST = frozenset([Outcome.SUCCEEDED, Outcome.SKIPPED, Outcome.CANCELLED])
_LONGEST_WAIT_S = 10 * 365 * 86400.0


class Cause(Enum):
    """Why orchestra itself asked an attempt to end."""

    TIMEOUT = "timeout"
    CANCEL = "cancel"
    RUN_TIMEOUT = "run timeout"


class Failure(NamedTuple):
    """How a step's last attempt failed.

    `log` is relative to the run's folder, and is no file if nothing was written. `steps` are all
    that failed, in the order of their ends, where it speaks of a whole run.
    """

    step: str
    exit_code: Optional[int]
    reason: str
    log: Optional[str]
    steps: Tuple[str, ...] = ()


class Verdict(NamedTuple):
    """How an attempt ended, in a word and in a sentence."""

    outcome: Outcome
    reason: str


def judge_end(
    step: Step, ended: Ended, written: Written, cause: Optional[Cause], stopped_by: str
) -> Verdict:
    """The outcome of an attempt: what orchestra did to it first, then how it ended by itself.

    One that was asked to end is never a success, whatever its exit code says.
    """
    if cause is Cause.TIMEOUT:
        return Verdict(Outcome.TIMED_OUT, _TIMED_OUT)
    if cause is not None:
        reason = "run timeout" if cause is Cause.RUN_TIMEOUT else "stopped by %s" % stopped_by
        return Verdict(Outcome.CANCELLED, reason)
    if ended.refusal:
        return Verdict(Outcome.NOT_LAUNCHED, "could not be started: %s" % ended.refusal)
    if ended.outcome is not None:
        return Verdict(ended.outcome, ended.reason)
    if ended.memory_limit_bytes is not None:
        return Verdict(Outcome.OUT_OF_MEMORY, _memory_reason(ended))
    if ended.signal is not None:
        return Verdict(Outcome.SIGNALLED, _signal_reason(ended.signal))
    reason = _exit_reason(ended.exit_code or 0)
    if ended.exit_code in step.success_codes:
        if written.problems:
            return Verdict(Outcome.FAILED, "; ".join(written.problems))
        return Verdict(Outcome.SUCCEEDED, reason)
    if ended.exit_code in step.skip_codes:
        return Verdict(Outcome.SKIPPED, reason)
    return Verdict(Outcome.FAILED, reason)


@lru_cache(maxsize=256)
def _exit_reason(code: int) -> str:
    return "exit code %d" % code  # one text for all: each attempt keeps it in the record


def wants_retry(step: Step, number: int, ended: Ended, written: Written, outcome: Outcome) -> bool:
    """Whether attempt `number`, which ended so, is to be followed by another one."""
    if outcome in _LAST or number > step.retry.max:
        return False
    when = step.retry.when
    if when is None or written.matched:
        return True
    if outcome is Outcome.TIMED_OUT:
        return when.timeout
    if outcome is Outcome.OUT_OF_MEMORY and when.oom:
        return True
    return ended.signal in when.signals or ended.exit_code in when.exit_codes


def retry_delay_s(retry: Retry, number: int, draw: Callable[[], float]) -> float:
    """Seconds to wait after attempt `number`; `draw` gives a number from 0 to 1 for the jitter."""
    ceiling = retry.max_delay_s if retry.max_delay_s is not None else float("inf")
    try:
        delay = min(retry.delay_s * retry.backoff ** (number - 1), ceiling)
    except OverflowError:
        delay = ceiling
    if retry.jitter:
        delay *= 1 + retry.jitter * (2 * draw() - 1)
    return min(delay, _LONGEST_WAIT_S)


def attempt_ended(ended: Ended, verdict: Verdict) -> AttemptEnded:
    """The event that records an attempt's end."""
    return AttemptEnded(
        ended.key.step,
        ended.key.number,
        verdict.outcome._value_,
        ended.exit_code,
        ended.signal,
        verdict.reason,
        ended.cpu_s,
        ended.max_rss_bytes,
        ended.key.log if ended.log_bytes else None,
        ended.log_bytes,
        ended.ended_at,
    )


def attempt_interrupted(lost: Lost) -> AttemptEnded:
    """The event that records that nobody saw an attempt end, or that its node was lost."""
    key, log_bytes, reason = lost
    log = key.log if log_bytes else None
    outcome, reason = Outcome.INTERRUPTED._value_, reason or INTERRUPTED
    return AttemptEnded(*key, outcome, None, None, reason, None, None, log, log_bytes)


def final_state(
    step: Step,
    verdict: Verdict,
    exit_code: Optional[int],
    cause: Optional[Cause],
    timeout_s: Optional[float],
) -> Tuple[StepState, str]:
    """The state of a step whose last attempt ended so, and the sentence that goes with it."""
    outcome, reason = verdict
    if outcome is Outcome.SUCCEEDED:
        return StepState.SUCCEEDED, reason
    if outcome is Outcome.SKIPPED:
        return StepState.SKIPPED, reason
    if cause is Cause.RUN_TIMEOUT:
        return StepState.FAILED, reason
    if outcome is Outcome.CANCELLED:
        return StepState.CANCELLED, reason
    if reason == _TIMED_OUT and timeout_s is not None:
        reason = "timed out after %s" % format_duration(timeout_s)
    return allowed(step, reason, exit_code if outcome is Outcome.FAILED else None)


def allowed(step: Step, reason: str, exit_code: Optional[int] = None) -> Tuple[StepState, str]:
    """What a failure is to the step, with its reason; `exit_code` is None where none caused it."""
    codes = step.allow_failure
    if codes is True or (codes is not False and exit_code is not None and exit_code in codes):
        return StepState.ALLOWED_FAILURE, _ALLOWED + reason
    return StepState.FAILED, reason


def failure_of(
    step: str, final: Tuple[StepState, str], exit_code: Optional[int], log: Optional[str]
) -> Failure:
    """The failure that came to this, allowed or not."""
    state, reason = final
    if state is StepState.ALLOWED_FAILURE:
        reason = reason[len(_ALLOWED) :]
    return Failure(step, exit_code, reason, log)


def _memory_reason(ended: Ended) -> str:
    peak, limit = ended.max_rss_bytes, ended.memory_limit_bytes
    shown = "" if peak is None else "peak %s, " % format_amount("memory", peak)
    return "out of memory: %slimit %s" % (shown, format_amount("memory", limit or 0))


def _signal_reason(signal: str) -> str:
    if signal == "SIGKILL":
        return "killed by SIGKILL that orchestra did not send (perhaps out of memory)"
    return "killed by %s" % signal
