"""What comes after the last attempt of a step, and of a run: fallback, then handlers. Pure."""

from __future__ import annotations

from typing import List, Mapping, Optional, Sequence, Tuple

from orchestra.engine.block import Block
from orchestra.engine.halt import Halt
from orchestra.engine.ports import Ended, Written
from orchestra.engine.scope import Scopes
from orchestra.engine.steprun import StepRun
from orchestra.engine.verdicts import Cause, Failure, Verdict, allowed, failure_of, final_state
from orchestra.engine.views import StepsView
from orchestra.model.errand import LOCAL, in_flight_name
from orchestra.model.events import PlannedEntry
from orchestra.model.expression import Value
from orchestra.model.plan import PlannedStep, PlannedUse, Will
from orchestra.model.run import Role, StepState
from orchestra.model.workflow import Step, Workflow

_IN_ORDER = (Role.FALLBACK, Role.ON_SUCCESS, Role.ON_FAILURE, Role.ON_CANCEL, Role.FINALLY)
_CLEANING_UP = frozenset([Role.ON_CANCEL, Role.FINALLY])
_GOOD = frozenset([StepState.SUCCEEDED, StepState.RECOVERED])
_BAD = frozenset([StepState.FAILED, StepState.ALLOWED_FAILURE])
_ONE_CPU = 1000


class PartRun(StepRun):
    """A fallback or a handler as the machine follows it, within the reservation of its owner.

    One that uses a workflow gives that back while its steps run, which have demands of their own.
    """

    __slots__ = ("owner", "role")

    def __init__(self, owner: StepRun, role: Role) -> None:
        handler, whole = owner.step.handlers[role.value], owner.step
        step = Step(
            part_id(owner, role),
            whole.place,
            handler.body,
            working_dir=whole.working_dir if handler.working_dir is None else handler.working_dir,
            env={**whole.env, **handler.env},
            inherit_env=whole.inherit_env,
            timeout=handler.timeout,
            stop=whole.stop,
            outputs=whole.outputs if role is Role.FALLBACK else {},
            resources=whole.resources,
            enforce=whole.enforce,
            jobserver=whole.jobserver,
            may_rerun=whole.may_rerun,
            executor=whole.executor,
            executor_settings=whole.executor_settings,
        )
        planned = _planned(step)
        use = owner.planned.handlers.get(role.value)
        if use is not None:
            planned = planned._replace(inner=use.steps, at_end=use.at_end)
        super().__init__(owner.index, planned, owner.block, names=owner.names)
        self.owner = owner
        self.role = role
        self.amounts = owner.amounts
        self.devices = owner.devices

    @property
    def cleans_up(self) -> bool:
        """Whether it goes on when the run is being stopped."""
        return self.role in _CLEANING_UP

    @property
    def block_has_run(self) -> bool:
        """Whether steps of a workflow that it uses were to run."""
        return bool(self.planned.inner) and self.first_started_at is not None

    def entry(self) -> PlannedEntry:
        """How it is recorded, beside the steps of the plan."""
        id, executor = self.step.id, self.step.executor
        owner, role = self.owner.recorded, self.role.value
        return PlannedEntry(id, id, (), self.amounts, owner, role, executor=executor)


class TailRun(StepRun):
    """The end of a workflow as the owner of its own handlers; no step of the record.

    A workflow that another one uses has one as well; its handlers stand in line for their share.
    """

    __slots__ = ()

    def __init__(
        self,
        workflow: Workflow,
        uses: Mapping[str, PlannedUse],
        budget: Mapping[str, int],
        block: Block,
        index: int,
    ) -> None:
        step = Step(block.prefix, len(workflow.step_by_id), handlers=workflow.handlers)
        super().__init__(index, _planned(step)._replace(handlers=uses), block)
        self.amounts = clean_up_share(step, budget)
        self.state = StepState.RUNNING if block.owner is None else StepState.READY

    @property
    def recorded(self) -> str:
        """The step of the record whose parts its handlers are: the one that uses the workflow."""
        return "" if self.block.owner is None else self.block.owner.step.id

    def settle(self, halt: Halt) -> None:
        """What the workflow has come to by now, with the step that failed first."""
        failures = self.block.failures
        if self.block.owner is None:
            state, _, reason = halt.end(bool(failures))
            self.given_up = StepState(state.value), reason
        else:
            self.given_up = self.block.outcome()
        if halt.stop is not None and not cleans_up(self):
            self.cause = halt.cause
        if failures:
            steps = tuple(failure.step for failure in failures)
            self.failure = failures[0]._replace(steps=steps)
        elif self.block.owner is not None and self.given_up[0] is StepState.FAILED:
            self.failure = Failure(self.block.owner.step.id, None, self.given_up[1], None)


class OwnResults:
    """What a part of a step sees of `steps`: its own step as it stands, and those above that."""

    def __init__(self, owner: StepRun) -> None:
        self._owner = owner

    def facts(self, step: str) -> Mapping[str, Value]:
        """What `steps.ID` shows of a step; of its own, be that an instance."""
        owner = self._owner
        return owner.facts() if step == owner.local else owner.block.facts(step)

    def above(self, step: str) -> List[str]:
        """Its own step, and those above; all at the end of a workflow."""
        owner = self._owner
        own = [owner.local] if owner.local else []
        return own + owner.block.above(owner.local)


def sight(run: StepRun) -> Tuple[Scopes, StepsView]:
    """What the expressions of a step are evaluated with, or those of a part of one."""
    scopes = run.block.scopes
    if type(run) is not PartRun:
        return scopes, StepsView(run.block, run.local)
    owner = run.owner
    is_tail = type(owner) is TailRun and owner.block.owner is None
    run_state = owner.given_up[0].value if is_tail and owner.given_up else "running"
    facts = failure_names(owner.failure, scopes.run_dir)
    return scopes.at_end(facts, run_state), StepsView(OwnResults(owner), owner.local)


def cleans_up(run: StepRun, within: Optional[Block] = None) -> bool:
    """Whether a step is, or is in, a handler that goes on when what is around it is stopped.

    Only handlers in the block are looked at, if one is given.
    """
    while True:
        if type(run) is PartRun and run.cleans_up:
            return True
        if run.block is within or run.block.owner is None:
            return False
        run = run.block.owner


def is_in_handler(run: StepRun) -> bool:
    """Whether a step is, or is in, a fallback or a handler."""
    while type(run) is not PartRun:
        if run.block.owner is None:
            return False
        run = run.block.owner
    return True


def clean_up_share(step: Step, budget: Mapping[str, int]) -> Mapping[str, int]:
    """What a handler of a step takes that holds no share of the budget: one core, if it is here."""
    if step.executor != LOCAL:
        return {in_flight_name(step.executor): 1}
    return {"cpu": min(_ONE_CPU, budget["cpu"])}


def settle(run: StepRun, ended: Ended, written: Written, verdict: Verdict) -> Tuple[StepState, str]:
    """Take in the end of an attempt; what the step, or the part, comes to if it was the last."""
    run.exit_code = ended.exit_code
    run.outputs = written.outputs
    final = final_state(run.step, verdict, ended.exit_code, run.cause, run.timeout_s)
    take_final(run, final, ended.key.log if final[0] in _BAD else None)
    return final


def take_final(run: StepRun, final: Tuple[StepState, str], log: Optional[str]) -> None:
    """Take in what a step comes to by its last attempt, the output of which is in `log`."""
    run.given_up = final
    run.failure = None
    if final[0] in _BAD:
        run.failure = failure_of(run.step.id, final, run.exit_code, log)
    elif final[0] is StepState.SUCCEEDED and run.why:
        tries = "" if run.tries == 1 else "; attempt %d succeeded" % run.tries
        run.given_up = StepState.SUCCEEDED, run.why + tries


def fail(run: StepRun, reason: str, failure: Optional[Failure] = None) -> None:
    """Take in that a step has failed without an attempt: by this `failure` of a step in it, or now
    that it is its turn.
    """
    run.given_up = allowed(run.step, reason)
    run.failure = failure or failure_of(run.step.id, run.given_up, None, None)


def next_role(run: StepRun, last: Optional[Role], halt: Halt) -> Optional[Role]:
    """The part of a step that comes after `last`, or after its last attempt; None for its end."""
    if halt.stop is not None and halt.stop.at_once:
        return None
    handlers = run.step.handlers
    after = roles_after(last)
    return next((r for r in after if r.value in handlers and _fits(r, run, halt)), None)


def part_id(run: StepRun, role: Role) -> str:
    """The id of a part of a step."""
    return "%s:%s" % (run.step.id, role.value)


def roles_after(last: Optional[Role]) -> Sequence[Role]:
    """The parts that may come after this one, or after the last attempt."""
    return _IN_ORDER if last is None else _IN_ORDER[_IN_ORDER.index(last) + 1 :]


def role_before(role: Role) -> Role:
    """The part that comes before this one, which is not the first."""
    return _IN_ORDER[_IN_ORDER.index(role) - 1]


def was_stopped(run: StepRun) -> bool:
    """Whether the run's being stopped has ended the step."""
    return run.cause is Cause.CANCEL or run.cause is Cause.RUN_TIMEOUT


def take_in(part: PartRun, state: StepState, reason: str) -> Optional[str]:
    """Tell the owner how its part ended; what a person should know of it, if anything.

    A fallback decides what becomes of the step, a handler changes nothing.
    """
    owner = part.owner
    if part.role is not Role.FALLBACK:
        if state is StepState.SUCCEEDED:
            return None
        words = "its" if owner.recorded else "the run's"
        return "%s %s %s: %s" % (words, part.role.value, state.value, reason)
    assert owner.given_up is not None
    before = owner.given_up
    if was_stopped(part):
        owner.cause = part.cause
        owner.given_up = state, reason
    elif state is StepState.SUCCEEDED:
        owner.outputs = part.outputs
        assert owner.failure is not None
        owner.given_up = StepState.RECOVERED, "by its fallback, after: %s" % owner.failure.reason
    else:
        owner.given_up = before[0], "%s; its fallback failed: %s" % (before[1], reason)
    return None


def failure_names(failure: Optional[Failure], run_dir: str) -> Optional[Mapping[str, Value]]:
    """What `failure` stands for in a handler; the path of the log is absolute."""
    if failure is None:
        return None
    steps: List[Value] = list(failure.steps or (failure.step,))
    return {
        "step": failure.step,
        "exit_code": failure.exit_code,
        "reason": failure.reason,
        "log": failure.log and "%s/%s" % (run_dir, failure.log),
        "steps": steps,
    }


def _fits(role: Role, run: StepRun, halt: Halt) -> bool:
    if role is Role.FINALLY:
        return True
    if was_stopped(run):
        return role is Role.ON_CANCEL
    is_stopping = halt.stop is not None and not cleans_up(run)
    if is_stopping or _is_called_off(run):
        return False
    assert run.given_up is not None
    if role is Role.ON_SUCCESS:
        return run.given_up[0] in _GOOD
    return role is not Role.ON_CANCEL and run.given_up[0] in _BAD


def _is_called_off(run: StepRun) -> bool:
    """Whether the steps that it is among are; of the end of a workflow, those around it."""
    if type(run) is TailRun:
        return run.block.owner is not None and run.block.owner.block.is_stopped
    return run.block.is_stopped


def _planned(step: Step) -> PlannedStep:
    nothing: Tuple[int, ...] = ()
    return PlannedStep(step, nothing, nothing, 0, None, None, 0.0, Will.RUN, "")
