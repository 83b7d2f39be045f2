"""Workflow files checked for `validate`: each one's faults and lints, in the order asked for."""

from __future__ import annotations

from typing import NamedTuple, Optional, Sequence, Tuple

from orchestra.cli import prepare
from orchestra.errors import Fault, WorkflowError
from orchestra.lints.catalogue import LINTS, Choice, lint
from orchestra.spec.reader import collection_paused


class Checked(NamedTuple):
    """What was found in a file, by line, and its text; `steps` is None where it has errors."""

    file: str
    faults: Tuple[Fault, ...]
    text: str
    steps: Optional[int]

    def is_good(self, strict: bool) -> bool:
        """Whether the file can be run; with `strict` a warning is too much."""
        return self.steps is not None and not (strict and self.faults)

    @property
    def verdict(self) -> str:
        """One line for a file without errors."""
        if self.steps is None:
            return ""
        return "%s: ok, %d step%s\n" % (self.file, self.steps, "" if self.steps == 1 else "s")


@collection_paused()
def check(file: str, choice: Choice) -> Checked:
    """A file, read and looked through.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        found = prepare.read(file)
    except WorkflowError as error:
        return Checked(file, error.faults, error.text, None)
    faults = lint(found.loaded, found.graph, found.warnings, choice)
    return Checked(file, faults, found.loaded.text, len(found.workflow.step_by_id))


def render(format: str, faults: Sequence[Fault], version: str, folder: str) -> str:
    """The faults of all files for programs; each format imports what it alone uses."""
    if format == "json":
        from orchestra.reports.faults_json import render_faults_json

        return render_faults_json(faults)
    if format == "github":
        from orchestra.reports.faults_github import render_faults_github

        return render_faults_github(faults)
    from orchestra.reports.faults_sarif import Rule, render_faults_sarif

    rules = [Rule(each.code, each.name, each.summary, each.advice) for each in LINTS]
    return render_faults_sarif(faults, rules, version, folder)
