"""`orchestra show`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Optional

import typer

from orchestra.cli import options
from orchestra.cli.completion import complete_runs
from orchestra.cli.terminal import Terminal
from orchestra.errors import UsageError

if TYPE_CHECKING:
    from orchestra.cli.history import Found

FORMATS = ("text", "json")
FORMAT = options.choice("text", "--format", FORMATS, "As what.")


def show(
    run: Optional[str] = typer.Argument(
        None, metavar="[RUN]", hidden=True, autocompletion=complete_runs
    ),
    format: str = FORMAT,
    follow: bool = typer.Option(False, "-f", "--follow", help="Watch it as it goes on."),
    state_dir: Optional[str] = options.STATE_DIR,
) -> None:
    """Show one run: its steps, how they ended and why.

    RUN is a run's id or its beginning, or a workflow file, which means its latest run. Without it
    the latest run of all is shown.

    Example: orchestra show pipeline.yaml

    Example: orchestra show --follow (in another terminal, while it runs)
    """
    from orchestra.cli.history import doubts_about, find_run
    from orchestra.reports.log_file import LogFolder

    options.check_choice("--format", format, FORMATS)
    terminal = Terminal(dict(os.environ))
    found = find_run(run, state_dir)
    for doubt in doubts_about(found.store, found.folder.run_id):
        terminal.say(doubt)
    if follow:
        if format == "json":
            raise UsageError("--follow shows no JSON", "leave out --format")
        _follow(found, terminal)
        return
    logs = LogFolder(found.folder.path)
    if format == "json":
        from orchestra.reports.json_report import render_json_report

        terminal.out(render_json_report(found.record, logs, found.cut_off))
    else:
        from orchestra.reports.history import render_show

        look = terminal.look(sys.stdout)
        terminal.out(render_show(found.record, terminal.width, look, logs, cut_off=found.cut_off))


def _follow(found: Found, terminal: Terminal) -> None:
    from orchestra.cli.watching import follow, tell_cut_off

    if not follow(found, terminal, terminal.mode(None)):
        tell_cut_off(found, terminal)
