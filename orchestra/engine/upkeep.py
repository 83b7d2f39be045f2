"""The steps of a run that an earlier success may spare: asked about, found wanting, sealed.

Holds what the machine waits for and what it was told. Pure, and empty in a run without `cache`.
"""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional

from orchestra.engine.ports import Finding, Question, Seal
from orchestra.engine.steprun import StepRun
from orchestra.engine.stimuli import AttemptOver, CacheChecked
from orchestra.model.events import SuccessKept
from orchestra.model.run import AttemptKey


class Upkeep:
    """What is known of the steps with a `cache`; `is_used` says whether there are any so far."""

    def __init__(self) -> None:
        self.is_used = False
        self._waiting: Dict[str, StepRun] = {}
        self._question_by_step: Dict[str, Question] = {}
        self._finding_by_step: Dict[str, Finding] = {}
        self._over_by_key: Dict[AttemptKey, AttemptOver] = {}
        self._files_by_step: Dict[str, Mapping[str, str]] = {}

    # Before a step runs

    def ask(self, run: StepRun, question: Question) -> None:
        """The step waits for the answer to this question."""
        self.is_used = True
        self._waiting[run.step.id] = run
        self._question_by_step[run.step.id] = question

    def was_asked(self, step: str) -> bool:
        """Whether it was found out already that the step must run."""
        return step in self._finding_by_step

    def answer(self, checked: CacheChecked) -> Optional[StepRun]:
        """The step that waited for this answer, None where it waits no longer."""
        run = self._waiting.pop(checked.step, None)
        if run is not None:
            self._finding_by_step[checked.step] = checked.finding
        return run

    def waiting(self) -> List[StepRun]:
        """The steps that wait for an answer."""
        return list(self._waiting.values())

    def give_up(self, step: str) -> None:
        """The step waits no longer; an answer that comes late is none."""
        self._waiting.pop(step, None)

    # When it has run

    def finding(self, step: str) -> Optional[Finding]:
        """What was found out about a step before it ran, None where nothing was asked."""
        return self._finding_by_step.get(step)

    def question(self, step: str) -> Question:
        """What was asked about a step."""
        return self._question_by_step[step]

    def hold(self, over: AttemptOver) -> None:
        """Keep back the end of an attempt until what it left has been looked at."""
        self._over_by_key[over.ended.key] = over

    def is_held(self, key: AttemptKey) -> bool:
        """Whether the end of an attempt is kept back."""
        return key in self._over_by_key

    def release(self, key: AttemptKey, seal: Seal) -> Optional[AttemptOver]:
        """The end that was kept back, with what was found; None where none is."""
        over = self._over_by_key.pop(key, None)
        if over is None:
            return None
        if seal.files is not None:
            self._files_by_step[key.step] = seal.files
        written = over.written
        return over._replace(
            written=written._replace(
                problems=(*written.problems, *seal.problems),
                warnings=(*written.warnings, *seal.notes),
            )
        )

    def release_all(self) -> List[AttemptOver]:
        """Every end that is kept back, as it was; nothing of them is kept."""
        held = list(self._over_by_key.values())
        self._over_by_key.clear()
        return held

    def kept(self, step: str) -> List[SuccessKept]:
        """The record of a step's success, none where it is not to be kept."""
        files = self._files_by_step.get(step)
        if files is None:
            return []
        finding = self._finding_by_step[step]
        return [SuccessKept(step, finding.fingerprint, finding.parts, files)]
