"""`orchestra test`."""

from __future__ import annotations

import os
import sys
from typing import List

import typer

from orchestra.cli import options
from orchestra.cli.completion import complete_cases, complete_test_files
from orchestra.cli.terminal import Terminal
from orchestra.errors import ExitCode, WorkflowError

FORMATS = ("text", "json", "junit")
FORMAT = options.choice("text", "--format", FORMATS, "As what.")


def test(
    files: List[str] = typer.Argument(
        ..., metavar="FILE…", hidden=True, autocompletion=complete_test_files
    ),
    cases: List[str] = typer.Option(
        [],
        "--case",
        metavar="NAME",
        help="Play this case alone; repeat for more.",
        shell_complete=complete_cases,
    ),
    format: str = FORMAT,
) -> int:
    """Test workflows in virtual time, without running anything.

    A FILE names a workflow, and says in cases what is given and what is expected of the run. It
    exits with 0 where all cases pass, 1 where one fails, 2 where a file is wrong.

    Example: orchestra test pipeline.test.yaml

    Example: orchestra test pipeline.test.yaml --case "all goes well"
    """
    from orchestra.cli import messages, trying

    options.check_choice("--format", format, FORMATS)
    terminal = Terminal(dict(os.environ))
    tried, is_wrong = [], False
    for file in files:
        try:
            tried.append(trying.try_file(file, cases))
        except WorkflowError as error:
            is_wrong = True
            terminal.say(messages.format_error(error, terminal.look(sys.stderr).color))
    if format == "json":
        from orchestra.reports.trials_json import render_trials_json

        terminal.out(render_trials_json(tried))
    elif format == "junit":
        from orchestra.reports.trials_junit import render_trials_junit

        terminal.out(render_trials_junit(tried))
    elif tried:
        from orchestra.reports.trials import render_trials

        terminal.out(render_trials(tried, terminal.look(sys.stdout)))
    if is_wrong:
        return ExitCode.INVALID
    return ExitCode.FAILED if any(each.failed for each in tried) else ExitCode.OK
