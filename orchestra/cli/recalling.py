"""Ends the steps of a run whose orchestrator died that engines elsewhere still have."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from orchestra.cli.versions import workflow_of_run
from orchestra.engine.scope import Scopes, evaluate_vars
from orchestra.engine.whereabouts import root_settings, settings_of
from orchestra.errors import UsageError
from orchestra.executors.known import BrokenExecutor, UnknownExecutor, find_executor
from orchestra.executors.places import PlaceFault
from orchestra.executors.recall import Abandoned, recall
from orchestra.model.expression import ExpressionError, Value
from orchestra.model.record import Attempt, RunRecord
from orchestra.model.run import AttemptKey, plain_id
from orchestra.model.workflow import Step, Workflow, steps_within
from orchestra.store.sqlite import RunStore

Open = Tuple[AttemptKey, Attempt]
"""An attempt that has not ended as far as is known."""


def end_elsewhere(store: RunStore, record: RunRecord, attempts: Sequence[Open]) -> List[str]:
    """End these attempts of a run; a line for each engine at which one may still run.

    Raises:
        StoreError: the record cannot be read.
    """
    attempts_by_executor: Dict[str, List[Open]] = {}
    for key, attempt in attempts:
        attempts_by_executor.setdefault(attempt.executor, []).append((key, attempt))
    lines: List[str] = []
    folder = store.state.run(record.run_id).path
    settings = _Settings(store, record)
    for name, group in attempts_by_executor.items():
        abandoned = [
            Abandoned(key, attempt.job, settings.of_step(key, name)) for key, attempt in group
        ]
        try:
            opening = find_executor(name)
            root = settings.of_root(name)
            left = recall(opening, root, record.run_id, folder, abandoned)
        except (UnknownExecutor, BrokenExecutor, PlaceFault) as fault:
            jobs = ", ".join(each.job or each.key.step for each in abandoned)
            lines.append("%s may still run %s: %s" % (name, jobs, _why(fault)))
            continue
        if left.jobs:
            why = left.reason or "it did not end them in time"
            lines.append("%s may still run %s: %s" % (name, ", ".join(left.jobs), why))
    return lines


def _why(fault: Exception) -> str:
    return "it is not known" if isinstance(fault, UnknownExecutor) else str(fault)


class _Settings:
    """What the file of the run told its engines, as far as that can be told without the run."""

    def __init__(self, store: RunStore, record: RunRecord) -> None:
        self._workflow: Optional[Workflow] = None
        self._step_by_id: Dict[str, Step] = {}
        with suppress(UsageError, ExpressionError):
            workflow = workflow_of_run(store, record)
            variables = evaluate_vars(workflow, record.params)
            scopes = Scopes(workflow, record.params, variables, os.environ, {})
            self._workflow, self._scope = workflow, scopes.root_scope()
            steps = steps_within(workflow.step_by_id, workflow.handlers)
            self._step_by_id = {step.id: step for step in steps}

    def of_root(self, executor: str) -> Mapping[str, Value]:
        with suppress(ExpressionError):
            if self._workflow is not None:
                return root_settings(self._workflow, executor, self._scope)
        return {}

    def of_step(self, key: AttemptKey, executor: str) -> Mapping[str, Value]:
        """Those of the step; of a handler, those of its owner."""
        step = self._step_by_id.get(plain_id(key.step).partition(":")[0])
        with suppress(ExpressionError):
            if step is not None and step.executor == executor:
                return settings_of(step, self._scope)
        return {}
