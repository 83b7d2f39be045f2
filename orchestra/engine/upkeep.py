"""What is done with the files of steps off the machine: looked up, sealed, kept. Pure.

An earlier success may spare a step, which is asked before it runs; a success is sealed, its output
files looked at before it is told; artifacts are copied before a step ends. Holds what the machine
waits for; says what is to be done by appending to the `events` and `orders` of the turn.
"""

from __future__ import annotations

from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple

from orchestra.engine.aftermath import sight
from orchestra.engine.attempts import Attempts
from orchestra.engine.caching import Finding, Question
from orchestra.engine.rules import keeps_artifacts
from orchestra.engine.steprun import StepRun
from orchestra.engine.stimuli import (
    ArtifactsCopied,
    AttemptOver,
    CacheChecked,
    CancelTimer,
    CheckCache,
    DropWork,
    KeepArtifacts,
    Order,
    Sealed,
    SealSuccess,
    Timer,
)
from orchestra.model.events import ArtifactsKept, CacheMissed, Event, Noted, SuccessKept
from orchestra.model.expression import Scope
from orchestra.model.run import AttemptKey, StepState


class _Asked(NamedTuple):
    """What was found out about a step before it ran."""

    question: Question
    finding: Finding


class _Keeping(NamedTuple):
    """A step whose artifacts are being copied, and how it ends then."""

    run: StepRun
    state: StepState
    reason: str


class Upkeep:
    """Follows the steps whose files are looked at or copied. With `force` no success spares one."""

    def __init__(
        self, attempts: Attempts, events: List[Event], orders: List[Order], force: bool
    ) -> None:
        self._attempts = attempts
        self._events = events
        self._orders = orders
        self._force = force
        self._waiting: Dict[str, Tuple[StepRun, Question]] = {}
        self._asked_by_step: Dict[str, _Asked] = {}
        self._over_by_key: Dict[AttemptKey, AttemptOver] = {}
        self._files_by_step: Dict[str, Mapping[str, str]] = {}
        self._keeping: Dict[AttemptKey, _Keeping] = {}

    # Before a step runs

    def must_ask(self, run: StepRun) -> bool:
        """Whether an earlier success may spare the step and has not been asked for."""
        return run.step.cache is not None and run.step.id not in self._asked_by_step

    def ask(self, run: StepRun) -> None:
        """Ask whether the step must run; it waits for the answer."""
        question = self._question(run)
        self._waiting[run.step.id] = run, question
        self._orders.append(CheckCache(question))

    def spare_asking(self, run: StepRun) -> None:
        """The step has begun: it need not ask, but later runs cannot count on its success."""
        self._asked_by_step[run.step.id] = _Asked(self._question(run), Finding())

    def _question(self, run: StepRun) -> Question:
        scopes, view = sight(run)
        scope = scopes.veiled_scope(run.step, view, run.names)
        env = scopes.lasting_env(run.step, view, run.names)
        return Question(run.step, scope, env, scopes.folder, self._force)

    def is_asking(self, run: StepRun) -> bool:
        """Whether the step waits for an answer."""
        return run.step.id in self._waiting

    def give_up(self, run: StepRun) -> None:
        """The step waits no longer; an answer that comes late is none."""
        del self._waiting[run.step.id]

    def answer(self, checked: CacheChecked) -> Optional[StepRun]:
        """The step that waited for this answer, None where it waits no longer."""
        run, question = self._waiting.pop(checked.step, (None, None))
        if run is None or question is None:
            return None
        finding = checked.finding
        self._asked_by_step[checked.step] = _Asked(question, finding)
        self._events.extend(Noted(checked.step, note) for note in finding.notes)
        return run

    def missed(self, checked: CacheChecked) -> None:
        """The step is to run all the same."""
        finding = checked.finding
        self._events.append(CacheMissed(checked.step, finding.fingerprint, finding.reason))

    # When an attempt has succeeded

    def holds_back(self, over: AttemptOver) -> bool:
        """Whether the end of an attempt has to wait until what it left has been looked at."""
        if not self._asked_by_step:
            return False
        key = over.ended.key
        asked = self._asked_by_step.get(key.step)
        run = self._attempts.running(key) if asked is not None else None
        if asked is None or run is None:
            return False
        if key in self._over_by_key:
            return True  # a second exit of the same attempt
        ended, problems = over.ended, over.written.problems
        is_good = ended.exit_code in run.step.success_codes and not problems
        if run.cause is not None or ended.outcome is not None or not is_good:
            return False
        self._over_by_key[key] = over
        if run.timeout_s is not None:
            self._orders.append(CancelTimer(Timer("timeout", key)))
        self._orders.append(SealSuccess(key, *asked))
        return True

    def has_end(self, key: AttemptKey) -> bool:
        """Whether the end of an attempt is known and held back."""
        return key in self._over_by_key

    def sealed(self, sealed: Sealed) -> Optional[AttemptOver]:
        """The end that was held back, with what was found; None where none is."""
        key, seal = sealed
        over = self._over_by_key.pop(key, None)
        if over is None:
            return None
        if seal.files is not None:
            self._files_by_step[key.step] = seal.files
        run = self._attempts.running(key)
        if run is not None and run.cause is not None:  # asked to end when it had ended
            run.cause = None
            self._orders.append(CancelTimer(Timer("grace", key)))
        written = over.written
        return over._replace(
            written=written._replace(
                problems=(*written.problems, *seal.problems),
                warnings=(*written.warnings, *seal.notes),
            )
        )

    def record_success(self, step: str) -> None:
        """Record what later runs may count on, if there is anything."""
        files = self._files_by_step.get(step)
        if files is not None:
            finding = self._asked_by_step[step].finding
            self._events.append(SuccessKept(step, finding.fingerprint, finding.parts, files))

    # Before a step ends

    def keeps(self, run: StepRun, state: StepState, reason: str, scope: Scope) -> bool:
        """Whether the files of a step that had its last attempt are to be kept before it ends."""
        if not run.number or not keeps_artifacts(run.step, state):
            return False
        run.state = StepState.RUNNING
        self._keeping[run.key] = _Keeping(run, state, reason)
        self._orders.append(KeepArtifacts(run.key, run.step, scope, run.block.scopes.folder))
        return True

    def copied(self, copied: ArtifactsCopied) -> Optional[_Keeping]:
        """The step that can end now, and how; None where nobody waits for this copy."""
        keeping = self._keeping.pop(copied.key, None)
        if keeping is not None:
            if copied.kept.files:
                artifacts = keeping.run.step.artifacts
                keep_s = None if artifacts is None else artifacts.keep_s
                self._events.append(ArtifactsKept(*copied.key, copied.kept.files, keep_s))
            self._events.extend(Noted(copied.key.step, note) for note in copied.kept.notes)
        return keeping

    # The end of the run

    def drop(self) -> List[AttemptOver]:
        """Stop all work; the ends that were held back, as they were."""
        if self._keeping or self._over_by_key or self._waiting:
            self._orders.append(DropWork())
        held = list(self._over_by_key.values())
        self._over_by_key.clear()
        return held
