"""`orchestra report`."""

from __future__ import annotations

import os
from typing import Optional

import typer

from orchestra.cli import options
from orchestra.cli.completion import complete_runs
from orchestra.cli.rendering import FORMATS, render
from orchestra.cli.terminal import Terminal


def report(
    run: Optional[str] = typer.Argument(
        None, metavar="[RUN]", hidden=True, autocompletion=complete_runs
    ),
    format: str = typer.Option(..., "--format", metavar="|".join(FORMATS), help="As what."),
    output: Optional[str] = typer.Option(
        None, "-o", "--output", metavar="PATH", help="The file to write (default: standard output)."
    ),
    state_dir: Optional[str] = options.STATE_DIR,
) -> None:
    """Write a report of a recorded run.

    RUN is as for `show`. A file that is there is replaced.

    `html` is one page for a browser, which links to the logs from where it lies.

    Example: orchestra report pipeline.yaml --format html -o report.html
    """
    from orchestra.cli.history import find_run
    from orchestra.reports.report_file import write_report

    options.check_choice("--format", format, FORMATS)
    found = find_run(run, state_dir)
    text = render(format, found.record, found.folder.path, output)
    if output is None:
        Terminal(dict(os.environ)).out(text)
    else:
        write_report(output, text)
