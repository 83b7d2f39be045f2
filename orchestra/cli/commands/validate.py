"""`orchestra validate`."""

from __future__ import annotations

import os
import sys
from typing import List

import typer

from orchestra.cli import options
from orchestra.cli.terminal import Terminal
from orchestra.errors import ExitCode, Fault, WorkflowError

FORMATS = ("text", "json", "github")
FORMAT = options.choice("text", "--format", FORMATS, "As what.")


def validate(
    files: List[str] = typer.Argument(..., metavar="FILE…", hidden=True),
    format: str = FORMAT,
) -> int:
    """Check workflow files without running anything.

    Example: orchestra validate pipeline.yaml other.yaml
    """
    from orchestra.cli import messages, prepare

    options.check_choice("--format", format, FORMATS)
    terminal = Terminal(dict(os.environ))
    all_faults: List[Fault] = []
    failed = False
    for file in files:
        try:
            found = prepare.read(file)
            faults, text = found.warnings, found.loaded.text
            count = len(found.workflow.step_by_id)
            verdict = "%s: ok, %d step%s\n" % (file, count, "" if count == 1 else "s")
        except WorkflowError as error:
            failed = True
            faults, text, verdict = error.faults, error.text, ""
        all_faults.extend(faults)
        if format == "text":
            if faults:
                terminal.say(messages.format_faults(faults, text, terminal.look(sys.stderr).color))
            terminal.out(verdict)
    if format == "json":
        terminal.out(messages.faults_json(all_faults))
    elif format == "github":
        terminal.out(messages.faults_github(all_faults))
    return ExitCode.INVALID if failed else ExitCode.OK
