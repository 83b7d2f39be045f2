"""What is looked at before a run begins: the shells, limits and env files that its steps need."""

from __future__ import annotations

import os
import shutil
from typing import Dict, Iterator, Mapping, Optional, Tuple

from orchestra.cli.terminal import Terminal
from orchestra.errors import UsageError
from orchestra.executors.enforcement import unlimited
from orchestra.model.errand import LOCAL
from orchestra.model.plan import Plan
from orchestra.model.workflow import Body, Handler, ShellScript, Uses, Workflow, steps_within
from orchestra.steps.environment import read_env_file


def check_shells(plan: Plan, environ: Mapping[str, str]) -> None:
    """Bash is the default, and not every machine has it.

    Raises:
        UsageError: a step needs it and it is not here.
    """
    if shutil.which("bash", path=environ.get("PATH", os.defpath)) is not None:
        return
    for what, body in _bodies(plan.workflow):
        if isinstance(body, ShellScript) and body.shell == "bash":
            raise UsageError(
                "%s runs in bash, and there is no bash here" % what,
                "install bash, or write `shell: sh`",
            )


def tell_what_is_unlimited(plan: Plan, terminal: Terminal) -> None:
    """Steps that `enforce` what cannot be limited on this system run all the same."""
    steps = steps_within(plan.workflow.step_by_id, plan.workflow.handlers)
    enforced = [step for step in steps if step.enforce and step.executor == LOCAL]
    asked = {name for step in enforced for name in step.resources}
    for name in sorted(asked & unlimited()):
        terminal.say("warning: %s cannot be limited on this system, `enforce` or not" % name)


def read_env_files(workflow: Workflow) -> Dict[str, Dict[str, str]]:
    """What the env files of the workflow and of all that it uses hold, by the workflow's path.

    Raises:
        UsageError: one cannot be read.
    """
    values: Dict[str, str] = {}
    for name in workflow.env_files:
        values.update(read_env_file(os.path.join(workflow.folder, name)))
    found = {workflow.path: values}
    for _, body in _bodies(workflow):
        if isinstance(body, Uses) and body.workflow.path not in found:
            found.update(read_env_files(body.workflow))
    return found


def _bodies(workflow: Workflow) -> Iterator[Tuple[str, Optional[Body]]]:
    """All that is run, with words for what it is; of a file that is used once for each place."""
    yield from _bodies_of_handlers(workflow.handlers, "of the workflow")
    for step in steps_within(workflow.step_by_id, workflow.handlers):
        yield "step `%s`" % step.id, step.body
        yield from _bodies_of_handlers(step.handlers, "of step `%s`" % step.id)
        if isinstance(step.body, Uses):
            handlers = step.body.workflow.handlers
            yield from _bodies_of_handlers(handlers, "of what step `%s` uses" % step.id)


def _bodies_of_handlers(
    handlers: Mapping[str, Handler], whose: str
) -> Iterator[Tuple[str, Optional[Body]]]:
    for key, handler in handlers.items():
        yield "`%s` %s" % (key, whose), handler.body
        if isinstance(handler.body, Uses):
            file = os.path.basename(handler.body.workflow.path)
            yield from _bodies_of_handlers(handler.body.workflow.handlers, "of %s" % file)
