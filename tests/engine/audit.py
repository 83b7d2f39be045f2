"""Holds the events of a run, in their order, to what must be true whatever happens.

It reads the plan and the events, never the machine.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set

from orchestra.engine.machine import MOST_LOSSES
from orchestra.engine.reopening import INTERRUPTED
from orchestra.model.events import (
    AttemptEnded,
    AttemptLaunched,
    AttemptQueued,
    AttemptStarted,
    Event,
    PlannedEntry,
    RetryScheduled,
    RunFinished,
    StepEnded,
    StepReady,
    StepsAdded,
    StopRequested,
)
from orchestra.model.plan import Plan
from orchestra.model.run import plain_id
from orchestra.model.workflow import Foreach, Step
from tests.engine.algebra import CALM, RESULT_BY_STATE, decide, may_start

RUN_TIMEOUT = "run timeout"
FIRST_SIGNAL_CODE = 128
HANDLERS = ("fallback", "on_success", "on_failure", "on_cancel", "finally")
AFTER_CACHE = ("cached", "failed", "allowed_failure")
"""What a step with a cache may come to without a start."""


class Audit:
    """Take every event once; an assertion says which promise was broken.

    `exit_code_by_cause` is what the run is to end with after a stop of that cause. With
    `knows_conditions` every decision is held to the algebra; each `if` must then be one that its
    model can evaluate.
    """

    def __init__(
        self, plan: Plan, exit_code_by_cause: Mapping[str, int], knows_conditions: bool
    ) -> None:
        self.steps: Dict[str, Step] = {planned.step.id: planned.step for planned in plan.steps}
        self.state_by_step: Dict[str, str] = {}
        self._exit_codes = {RUN_TIMEOUT: 1, **exit_code_by_cause}
        self._fail_fast = plan.fail_fast
        why_left_out = plan.selection.why_left_out
        self._left_out = {id for id in self.steps if why_left_out(((id,),))}
        self._knows_conditions = knows_conditions
        self._moment = CALM
        self._cause: Optional[str] = None
        self._added: Set[str] = set()
        self._holders: Set[str] = set()
        self._handled: Dict[str, List[str]] = {}
        self._inside: Dict[str, List[str]] = {}
        self._ran_out_of_time: Set[str] = set()
        self._under_way: Dict[str, int] = {}
        self._attempts: Dict[str, int] = {}
        self._losses: Dict[str, int] = {}
        self._queued: Dict[str, AttemptQueued] = {}
        self._begun: Dict[str, int] = {}
        self._last: Dict[str, AttemptEnded] = {}
        self._failed_above: Dict[str, bool] = {}
        self._was_ready: Set[str] = set()
        self._is_over = False

    def take(self, event: Event) -> None:
        """One event, in the order of the record."""
        assert not self._is_over, "%r after the end" % (event,)
        check = self._CHECKS.get(type(event))
        if check is not None:
            check(self, event)

    def _steps_added(self, event: StepsAdded) -> None:
        for entry in event.steps:
            self._added.add(entry.step)
            if entry.role in ("inner", "instance"):
                self._inside.setdefault(entry.owner, []).append(entry.step)
            if entry.role in ("inner", "instance") and entry.owner not in self._holders:
                self._holders.add(entry.owner)
                self._check_start(entry.owner)
                self._check_decision(entry.owner, "runs")
            if entry.role in HANDLERS:
                self._check_handler(entry)

    def _check_handler(self, entry: PlannedEntry) -> None:
        """A fallback or handler begins: alone, before the end of its owner, and in its order."""
        whole = entry.step.rpartition(":")[0]
        assert whole in (entry.owner, entry.owner + "/")
        if entry.owner:
            assert entry.owner in self._was_ready | self._holders
            assert entry.owner not in self.state_by_step
        else:
            assert set(self.steps) <= set(self.state_by_step)
        assert entry.owner not in self._under_way
        done = self._handled.setdefault(whole, [])
        order = [*done, entry.role]
        assert order == sorted(order, key=HANDLERS.index)
        assert all("%s:%s" % (whole, role) in self.state_by_step for role in done)
        done.append(entry.role)
        if self._moment.is_stopping:
            assert not self._moment.is_at_once
            around = plain_id(whole).split("/")[:-1]
            in_clean_up = any(part.endswith((":on_cancel", ":finally")) for part in around)
            assert in_clean_up or entry.role in ("on_cancel", "finally")
        if entry.owner and entry.role != "fallback":
            self._strike(entry.owner)

    def _strike(self, owner: str) -> None:
        """`fail_fast` strikes as soon as it is clear that a step has failed."""
        if owner in self.steps and owner in self._inside:
            states = [self.state_by_step.get(id) for id in self._inside[owner]]
            saved = self.state_by_step.get(owner + ":fallback") == "succeeded"
            is_bad = "failed" in states or owner in self._ran_out_of_time
            is_allowed = self.steps[owner].allow_failure is True
            if self._fail_fast and is_bad and not (saved or is_allowed or self._moment.is_stopping):
                self._moment = self._moment._replace(has_struck=True)
            return
        if owner not in self._last or owner not in self.steps:
            return  # its attempt could not be made at all, or it is an instance
        last = self._last[owner]
        saved = self.state_by_step.get(owner + ":fallback") == "succeeded"
        codes = self.steps[owner].allow_failure
        is_allowed = codes is True or (
            codes is not False and last.outcome == "failed" and last.exit_code in codes
        )
        is_good = saved or is_allowed or last.outcome in ("succeeded", "skipped", "cancelled")
        if self._fail_fast and not is_good and not self._moment.is_stopping:
            self._moment = self._moment._replace(has_struck=True)

    def _step_ready(self, event: StepReady) -> None:
        self._check_start(event.step)
        if event.step not in self._was_ready:
            self._was_ready.add(event.step)
            self._check_decision(event.step, "runs")

    def _attempt_started(self, event: AttemptStarted) -> None:
        self._check_start(event.step)
        assert event.step not in self._under_way, "two attempts of %s" % event.step
        assert event.number == self._attempts.get(event.step, 0) + 1
        losses = self._losses.get(event.step, 0)
        assert losses <= MOST_LOSSES
        if event.step in self.steps:
            assert event.number <= self.steps[event.step].retry.max + 1 + losses
            assert not losses or self.steps[event.step].may_rerun
        self._attempts[event.step] = self._under_way[event.step] = event.number

    def _check_start(self, id: str) -> None:
        assert id not in self.state_by_step, "%s starts after its end" % id
        assert id in self.steps or id in self._added, "%s is no step" % id
        if id in self.steps:
            step = self.steps[id]
            waits = [need.step for need in step.needs if need.step not in self.state_by_step]
            assert not waits, "%s starts before %s" % (id, waits)
            assert may_start(_source(step), self._moment), "%s starts in spite of a halt" % id

    def _attempt_queued(self, event: AttemptQueued) -> None:
        """Told once for each reason, and not of what has begun."""
        assert self._under_way.get(event.step) == event.number
        assert self._begun.get(event.step) != event.number
        assert self._queued.get(event.step) != event
        self._queued[event.step] = event

    def _attempt_launched(self, event: AttemptLaunched) -> None:
        assert self._under_way.get(event.step) == event.number
        self._begun[event.step] = event.number

    def _attempt_ended(self, event: AttemptEnded) -> None:
        assert self._under_way.pop(event.step) == event.number
        assert event.reason
        if event.outcome == "timed_out" and event.reason == "timed out":
            has_begun = self._begun.get(event.step) == event.number
            assert has_begun or self._moment.is_stopping, "its time began in the queue"
        if event.outcome == "interrupted" and event.reason != INTERRUPTED:
            self._losses[event.step] = self._losses.get(event.step, 0) + 1
        self._last[event.step] = event

    def _retry_scheduled(self, event: RetryScheduled) -> None:
        assert event.step not in self.state_by_step

    def _step_ended(self, event: StepEnded) -> None:
        id = event.step
        assert id not in self.state_by_step, "%s ends twice" % id
        assert id not in self._under_way, "%s ends before its attempt" % id
        assert event.state in RESULT_BY_STATE
        assert event.reason, "%s has no reason" % id
        self._ran_out_of_time.update(
            holder
            for holder in self._inside
            if event.reason == "stopped by the timeout of `%s`" % holder
            or event.reason.startswith("`%s` timed out" % holder)
        )
        if id in self._last:
            has_succeeded = self._last[id].outcome == "succeeded"
            assert has_succeeded == (event.state == "succeeded")
        if event.state == "cancelled" and id in self.steps:
            assert self._moment != CALM, "%s is cancelled, and nothing was stopped" % id
        if id not in self._was_ready | self._holders:
            is_empty = id in self.steps and self.steps[id].fan_out == Foreach([])
            has_run = is_empty and event.state == "succeeded"
            self._check_decision(id, "runs" if has_run else event.state)
        self.state_by_step[id] = event.state
        if id in self.steps:
            needs = [need.step for need in self.steps[id].needs]
            self._failed_above[id] = self._has_failure_above(needs)
            if event.state == "failed" and self._fail_fast:
                self._moment = self._moment._replace(has_struck=True)

    def _has_failure_above(self, needs: Sequence[str]) -> bool:
        return any(
            self.state_by_step[need] == "failed" or self._failed_above[need] for need in needs
        )

    def _check_decision(self, id: str, found: str) -> None:
        """`found` is `runs`, or the state of a step that came to its end without a start."""
        if id not in self.steps or not self._knows_conditions:
            return
        step = self.steps[id]
        needs = [(self._result(need.step), {one.value for one in need.when}) for need in step.needs]
        above = self._has_failure_above([need.step for need in step.needs])
        moment = CALM if id in self._left_out else self._moment
        expected = decide(needs, _source(step), above, moment, self._names())
        if id in self._left_out and expected != "blocked":
            expected = "skipped"
        elif expected == "runs" and step.cache is not None and found in AFTER_CACHE:
            expected = found
        elif expected == "runs" and any(one.condition.source == "false" for one in step.require):
            expected = "allowed_failure" if step.allow_failure is True else "failed"
        elif expected == "runs" and step.body is None and step.fan_out is None:
            expected = "succeeded"
        assert found == expected, "%s: %s, and not %s" % (id, found, expected)

    def _result(self, id: str) -> str:
        """What the end of a step means to those that need it."""
        state = self.state_by_step[id]
        return "success" if id in self._left_out and state == "skipped" else RESULT_BY_STATE[state]

    def _names(self) -> Dict[str, Any]:
        """What the `if` of a step may name."""
        steps = {
            id: SimpleNamespace(
                state=state,
                result=self._result(id),
                exit_code=self._last[id].exit_code if id in self._last else None,
            )
            for id, state in self.state_by_step.items()
        }
        return {"steps": SimpleNamespace(**steps), "glob": lambda pattern: []}

    def _stop_requested(self, event: StopRequested) -> None:
        self._cause = self._cause or event.cause
        at_once = self._moment.is_at_once or event.at_once
        self._moment = self._moment._replace(is_stopping=True, is_at_once=at_once)

    def _run_finished(self, event: RunFinished) -> None:
        self._is_over = True
        assert not self._under_way
        assert set(self.state_by_step) == set(self.steps) | self._added
        states = [self.state_by_step[id] for id in self.steps]
        if self._cause is None:
            expected = ("failed", 1) if "failed" in states else ("succeeded", 0)
        else:
            code = self._exit_codes[self._cause]
            expected = ("cancelled" if code > FIRST_SIGNAL_CODE else "failed", code)
        assert (event.state, event.exit_code) == expected

    _CHECKS: Mapping[type, Any] = {
        StepsAdded: _steps_added,
        StepReady: _step_ready,
        AttemptStarted: _attempt_started,
        AttemptQueued: _attempt_queued,
        AttemptLaunched: _attempt_launched,
        AttemptEnded: _attempt_ended,
        RetryScheduled: _retry_scheduled,
        StepEnded: _step_ended,
        StopRequested: _stop_requested,
        RunFinished: _run_finished,
    }


def _source(step: Step) -> str:
    return step.condition.source if step.condition is not None else ""
