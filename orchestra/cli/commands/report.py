"""`orchestra report`."""

from __future__ import annotations

import os
from typing import Optional

import typer

from orchestra.cli import options
from orchestra.cli.completion import complete_runs
from orchestra.cli.reporting import RENDERERS
from orchestra.cli.terminal import Terminal


def report(
    run: Optional[str] = typer.Argument(
        None, metavar="[RUN]", hidden=True, autocompletion=complete_runs
    ),
    format: str = typer.Option(..., "--format", metavar="|".join(RENDERERS), help="As what."),
    output: Optional[str] = typer.Option(
        None, "-o", "--output", metavar="PATH", help="The file to write (default: standard output)."
    ),
    expand: bool = typer.Option(
        False, "--expand", help="In a graph, draw each instance and each step in a step."
    ),
    state_dir: Optional[str] = options.STATE_DIR,
) -> None:
    """Write a report of a recorded run.

    RUN is as for `show`. A file that is there is replaced.

    Example: orchestra report pipeline.yaml --format junit -o tests.xml

    Example: orchestra report --format trace -o trace.json (for ui.perfetto.dev)
    """
    from orchestra.cli.history import find_run
    from orchestra.reports.log_file import LogFolder
    from orchestra.reports.report_file import write_report

    options.check_choice("--format", format, tuple(RENDERERS))
    found = find_run(run, state_dir)
    text = RENDERERS[format](found.record, LogFolder(found.folder.path), expand)
    if output is None:
        Terminal(dict(os.environ)).out(text)
    else:
        write_report(output, text)
