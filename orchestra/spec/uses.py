"""`uses` and `with` of a step: another workflow file as one step. Reads that file, runs nothing."""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

from orchestra.errors import Fault, PathParts, UsageError
from orchestra.model.expression import Template, Tree
from orchestra.model.nearest import did_you_mean
from orchestra.model.workflow import SecretSource, Uses, Workflow
from orchestra.spec.executors import Executors
from orchestra.spec.findings import Findings
from orchestra.spec.paramtypes import ParamError, check_rules, from_value
from orchestra.spec.references import IN_STEP, Where, with_secrets
from orchestra.spec.texts import OPEN, Texts

MOST_FILES = 16
"""How many files may use each other in a row."""

MOST_STEPS = 100_000
"""Steps of a workflow with those of all files that it uses."""

Opened = Tuple[Optional[Workflow], Tuple[Fault, ...]]
Open = Callable[[str, str], Opened]
"""Reads a workflow file by its path, and the executor of the step that uses it: the workflow, or
None and what is wrong with it.

Raises:
    UsageError: it cannot be read.
"""


class UsesReader:
    """Reads which workflows are used.

    `chain` are the real paths of the files around this one, `secrets` where those that it declares
    come from.
    """

    def __init__(
        self,
        folder: str,
        chain: Tuple[str, ...],
        secrets: Mapping[str, SecretSource],
        open: Open,
        texts: Texts,
        findings: Findings,
        executors: Executors,
    ) -> None:
        self._secrets = secrets
        self._folder = folder
        self._chain = chain
        self._open = open
        self._texts = texts
        self._findings = findings
        self._executors = executors

    def body(
        self, step: Mapping[str, Any], path: PathParts, where: Where = IN_STEP
    ) -> Optional[Uses]:
        """The workflow and what it is given, None where it cannot be used."""
        in_with = with_secrets(where)
        given: Dict[str, Tree] = {
            name: self._texts.tree(value, (*path, "with", name), in_with)
            for name, value in step.get("with", {}).items()
        }
        workflow = self._workflow(step["uses"], (*path, "uses"))
        if workflow is None:
            return None
        self._check(workflow, given, path)
        return Uses(workflow, given)

    def _workflow(self, name: str, path: PathParts) -> Optional[Workflow]:
        if OPEN in name:
            message = "`uses` takes no expressions"
            self._findings.error(path, "no-expression-here", message, offset=name.index(OPEN))
            return None
        file = os.path.normpath(os.path.join(self._folder, name))
        if os.path.realpath(file) in self._chain:
            around = [*self._chain[self._chain.index(os.path.realpath(file)) :], file]
            shown = " uses ".join(os.path.basename(each) for each in around)
            message = "files use each other in a circle: %s" % shown
            self._findings.error(path, "uses-circle", message, "take one of these out")
            return None
        if len(self._chain) >= MOST_FILES:
            message = "at most %d files may use each other in a row" % MOST_FILES
            self._findings.error(path, "too-deep", message)
            return None
        try:
            workflow, faults = self._open(file, self._executors.here)
        except UsageError as fault:
            hint = "relative paths start at the folder of the workflow file"
            self._findings.error(path, "missing-file", str(fault), hint)
            return None
        errors = [fault for fault in faults if fault.severity == "error"]
        if workflow is not None and workflow.size > MOST_STEPS:
            message = "`%s` has %d steps with all that it uses, and at most %d can be run"
            self._findings.error(path, "too-many", message % (name, workflow.size, MOST_STEPS))
            return None
        if workflow is None and errors:
            first = errors[0]
            about = (name, first.line, first.column, first.message)
            message = "`%s` cannot be used: line %d, column %d: %s" % about
            hint = "orchestra validate %s tells all that is wrong with it" % name
            self._findings.error(path, "used-file", message, hint)
        return workflow

    def _check(self, workflow: Workflow, given: Mapping[str, Tree], path: PathParts) -> None:
        file = os.path.basename(workflow.path)
        for name, tree in given.items():
            place = (*path, "with", name)
            param = workflow.params.get(name)
            if param is None:
                message = "`%s` is no parameter of %s" % (name, file)
                hint = did_you_mean(name, workflow.params)
                self._findings.error(place, "unknown-param", message, hint, on_key=True)
            elif not _has_expressions(tree):
                self._texts.refuse_long_floats(tree, place)
                try:
                    check_rules(param, from_value(param.type, tree))
                except ParamError as error:
                    message = "parameter `%s` of %s %s" % (name, file, error)
                    self._findings.error(place, "param-value", message)
        unknown = ["`%s`" % name for name in workflow.secrets if name not in self._secrets]
        if unknown:
            message = "%s uses the secrets %s" % (file, " and ".join(unknown))
            hint = "declare them under `secrets` here: they flow in from this file"
            self._findings.error((*path, "uses"), "missing-secret", message, hint)
        for name, source in workflow.secrets.items():
            if name in self._secrets and source != self._secrets[name]:
                message = "%s takes the secret `%s` from elsewhere" % (file, name)
                hint = "name the same source in both files, or give one of them another name"
                self._findings.error((*path, "uses"), "other-secret", message, hint)
        missing = [
            "`%s`" % name
            for name, param in workflow.params.items()
            if param.required and not param.has_default and name not in given
        ]
        if missing:
            message = "%s needs %s" % (file, " and ".join(missing))
            hint = "give it under `with`"
            self._findings.error((*path, "uses"), "missing-param", message, hint)


def _has_expressions(tree: Tree) -> bool:
    if isinstance(tree, dict):
        return any(map(_has_expressions, tree.values()))
    if isinstance(tree, list):
        return any(map(_has_expressions, tree))
    return isinstance(tree, Template)
