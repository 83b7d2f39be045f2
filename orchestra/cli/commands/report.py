"""`orchestra report`."""

from __future__ import annotations

from typing import Optional

import typer

from orchestra.cli import options
from orchestra.cli.completion import complete_runs
from orchestra.cli.reporting import RENDERERS, Subject

FORMATS = tuple(RENDERERS)
FORMAT = options.choice(..., "--format", FORMATS, "As what.")


def report(
    run: Optional[str] = typer.Argument(
        None, metavar="[RUN]", hidden=True, autocompletion=complete_runs
    ),
    format: str = FORMAT,
    output: str = typer.Option(
        "-", "-o", "--output", metavar="PATH", help="The file to write; - is standard output."
    ),
    expand: bool = typer.Option(
        False, "--expand", help="In a graph, draw each instance and each step in a step."
    ),
    state_dir: Optional[str] = options.STATE_DIR,
) -> None:
    """Write a report of a recorded run.

    RUN is as for `show`. A file that is there is replaced.

    `html` is one page for a browser, which links to the logs from where it lies.

    Example: orchestra report pipeline.yaml --format html -o report.html

    Example: orchestra report --format trace -o trace.json (for ui.perfetto.dev)
    """
    from orchestra.cli.history import find_run
    from orchestra.cli.outputs import check_output, write_output
    from orchestra.reports.log_file import LogFolder

    options.check_choice("--format", format, FORMATS)
    check_output("-o", output)
    found = find_run(run, state_dir)
    subject = Subject(found.record, LogFolder(found.folder.path), found.cut_off, output, expand)
    write_output(output, RENDERERS[format](subject))
