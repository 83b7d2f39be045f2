"""`orchestra report`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Mapping, Optional

import typer

from orchestra.cli import options
from orchestra.cli.completion import complete_runs

if TYPE_CHECKING:
    from orchestra.cli.history import Found


def _json(found: Found) -> str:
    from orchestra.reports.json_report import render_json_report
    from orchestra.reports.log_file import LogFolder

    return render_json_report(found.record, LogFolder(found.folder.path), found.cut_off)


def _wfformat(found: Found) -> str:
    from orchestra.reports.wfformat_report import render_wfformat

    return render_wfformat(found.record, found.cut_off)


RENDERERS: Mapping[str, Callable[[Found], str]] = {"json": _json, "wfformat": _wfformat}
"""What makes the text of each format; each imports what it alone uses."""

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
    state_dir: Optional[str] = options.STATE_DIR,
) -> None:
    """Write a report of a recorded run.

    RUN is as for `show`. A file that is there is replaced.

    Example: orchestra report pipeline.yaml --format wfformat -o trace.json
    """
    from orchestra.cli.history import find_run
    from orchestra.cli.outputs import check_output, write_output

    options.check_choice("--format", format, FORMATS)
    check_output("-o", output)
    write_output(output, RENDERERS[format](find_run(run, state_dir)))
