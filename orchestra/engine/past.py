"""What a run has come to before it goes on, as the machine asks for it. Pure."""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

from orchestra.engine.aftermath import part_id, roles_after, take_final
from orchestra.engine.reopening import drop
from orchestra.engine.steprun import StepRun
from orchestra.engine.verdicts import Verdict, final_state
from orchestra.engine.whereabouts import executor_of, moved
from orchestra.model.events import PlannedEntry, RunResumed
from orchestra.model.record import RunRecord, StepRecord
from orchestra.model.run import HANDLER_ROLES, RESULT_BY_STATE, Outcome, Role, StepState


class Past:
    """A run's record, `resumed` taken in, at the moment `at` (UTC seconds) when it goes on."""

    def __init__(self, record: RunRecord, resumed: RunResumed, at: float) -> None:
        self.resumed = resumed
        self._record = record
        self._at = at

    def of(self, run: StepRun) -> Optional[StepRecord]:
        """What counts of a step that had begun, None of any other; its attempts are counted on."""
        id = run.step.id
        found = self._record.step_by_id.get(id)
        former = found or self._record.former.get(id)
        attempts = [] if former is None else former.attempts
        run.number = run.spent = len(attempts)
        was_lost = bool(attempts) and attempts[-1].outcome is Outcome.INTERRUPTED
        run.barred = attempts[-1].reason if was_lost and not run.step.may_rerun else ""
        return None if found is None or found.state is StepState.PENDING else found

    def restore_end(self, run: StepRun, before: StepRecord, now: float) -> None:
        """Have a step as it ended; `now` are the machine's seconds."""
        run.state, run.outputs = before.state, before.outputs
        duration_s = before.duration_s
        if duration_s is not None:
            run.first_started_at, run.ended_at = now - duration_s, now
        if before.attempts:
            run.exit_code = before.attempts[-1].exit_code

    def restore_attempts(self, run: StepRun, before: StepRecord, now: float) -> None:
        """Have a step as it stood in the middle of its attempts."""
        last = before.attempts[-1]
        run.spent = before.spent
        run.amounts = before.resources
        if executor_of(before.resources) != run.step.executor:  # it has another one by now
            planned = run.planned.demand
            run.amounts = moved(before.resources, run.step) if planned is None else planned
        first = before.attempts[min(before.spent, len(before.attempts) - 1)]
        run.first_started_at = now - max(0.0, self._at - first.started_at)
        if last.outcome is None:
            return
        run.exit_code, run.outputs = last.exit_code, before.outputs
        verdict = Verdict(last.outcome, last.reason)
        final = final_state(run.step, verdict, last.exit_code, None, run.timeout_s)
        take_final(run, final, run.key.log)

    def has_begun(self, step: str) -> bool:
        """Whether a step had begun; it may have ended."""
        found = self._record.step_by_id.get(step)
        return found is not None and found.state is not StepState.PENDING

    def is_under_way(self, step: str) -> bool:
        """Whether a step had begun and not ended."""
        return self.has_begun(step) and not has_ended(self._record.step_by_id[step])

    def role_begun(self, run: StepRun, last: Optional[Role]) -> Optional[Role]:
        """The first part of a step after `last` that had begun; it may have ended."""
        roles = (role for role in roles_after(last) if self.has_begun(part_id(run, role)))
        return next(roles, None)

    def has_come_to_handlers(self, step: str) -> bool:
        """Whether a handler had begun of a step in which others run."""
        steps = self._record.step_by_id
        return step in steps and any(steps[p].role in HANDLER_ROLES for p in steps[step].parts)

    def called_off(self, step: str) -> str:
        """Why the steps in one were called off before the run went on; empty where that is over."""
        found = self._record.step_by_id.get(step)
        return "" if found is None else found.called_off

    def devices_of(self, step: str) -> Tuple[int, ...]:
        """The devices that a step had last."""
        attempts = self._record.step_by_id[step].attempts
        return attempts[-1].devices if attempts else ()

    def drop_outdated(self, owner: str, entries: Sequence[PlannedEntry]) -> Tuple[str, ...]:
        """Forget the parts of a step that are none any more, or stand for something else now."""
        now = {entry.step: entry.item for entry in entries}
        steps = self._record.step_by_id
        parts = steps[owner].parts if owner in steps else []
        outdated = tuple(
            part
            for part in parts
            if steps[part].role not in HANDLER_ROLES and now.get(part) != steps[part].item
        )
        self.forget(*outdated)
        return outdated

    def forget(self, *ids: str) -> None:
        """Have steps begin anew."""
        if ids:
            drop(self._record, ids, self._at)

    def unknown(self, entries: Sequence[PlannedEntry]) -> Sequence[PlannedEntry]:
        """Those parts that are not in the run yet."""
        return [entry for entry in entries if entry.step not in self._record.step_by_id]

    def waits_s(self, before: StepRecord) -> float:
        """Seconds until the attempt is due that a step waits for; the clock may have been set."""
        assert before.retry_at is not None
        longest_s = before.retry_at - (before.attempts[-1].ended_at or self._at)
        return max(0.0, min(before.retry_at - self._at, longest_s))


def has_ended(before: StepRecord) -> bool:
    """Whether a step had come to its end, which counts."""
    return before.state in RESULT_BY_STATE
