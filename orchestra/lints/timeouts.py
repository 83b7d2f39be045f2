"""The lint of steps that may hang for ever. Pure."""

from __future__ import annotations

from typing import Iterator

from orchestra.errors import Problem
from orchestra.lints.lint import Lint, Subject
from orchestra.model.workflow import InnerSteps, Uses


def _without(subject: Subject) -> Iterator[Problem]:
    for level in subject.levels:
        for step in level.step_by_id.values():
            runs = step.body is not None and not isinstance(step.body, (InnerSteps, Uses))
            if runs and step.timeout is None and not level.is_timed:
                message = "`%s` has no timeout, and may hold a CI job until that is ended" % step.id
                yield Problem(level.at(step), NO_TIMEOUT.code, message, NO_TIMEOUT.advice, True)


NO_TIMEOUT = Lint(
    "L401",
    "no-timeout",
    "A step without a timeout, on CI.",
    "give it a `timeout`, or one to all steps under `defaults`, or one to the run at the root",
    _without,
    in_ci=True,
)
