"""`orchestra validate`."""

from __future__ import annotations

import os
import sys
from typing import List

import typer

from orchestra import __version__
from orchestra.cli import options
from orchestra.cli.terminal import Terminal
from orchestra.errors import ExitCode, UsageError

FORMATS = ("text", "json", "sarif", "github")
FORMAT = options.choice("text", "--format", FORMATS, "As what.")


def validate(
    files: List[str] = typer.Argument(..., metavar="FILE…", hidden=True),
    format: str = FORMAT,
    select: List[str] = typer.Option(
        [], "--select", metavar="CODE", help="Look for these lints alone; repeat for more."
    ),
    ignore: List[str] = typer.Option(
        [], "--ignore", metavar="CODE", help="Tell nothing of this lint; repeat for more."
    ),
    ci: bool = typer.Option(
        False, "--ci", help="Look for what matters on CI as well (default where CI=true)."
    ),
    strict: bool = typer.Option(False, "--strict", help="Exit with 2 on warnings too."),
) -> int:
    """Check workflow files without running anything.

    Errors are what keeps a file from running. Warnings, lints among them, do not; docs/lints.md
    tells of each lint, and `# orchestra: ignore[CODE]` in the file ignores one at its line.

    Example: orchestra validate pipeline.yaml other.yaml

    Example: orchestra validate pipeline.yaml --strict --format sarif > orchestra.sarif
    """
    from orchestra.cli import messages, validating
    from orchestra.lints.catalogue import choose

    options.check_choice("--format", format, FORMATS)
    terminal = Terminal(dict(os.environ))
    choice = choose(select, ignore, ci or terminal.is_ci)
    color = terminal.look(sys.stderr).color
    checked = []
    for file in files:
        try:
            found = validating.check(file, choice)
        except UsageError as fault:  # the other files are looked at all the same
            terminal.say(messages.format_error(fault, color))
            continue
        checked.append(found)
        if format == "text":
            if found.faults:
                terminal.say(messages.format_faults(found.faults, found.text, color))
            terminal.out(found.verdict)
    if format != "text":
        faults = [fault for found in checked for fault in found.faults]
        terminal.out(validating.render(format, faults, __version__, os.getcwd()))
    is_good = len(checked) == len(files) and all(found.is_good(strict) for found in checked)
    return ExitCode.OK if is_good else ExitCode.INVALID
