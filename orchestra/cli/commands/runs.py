"""`orchestra runs`."""

from __future__ import annotations

import os
import sys
from typing import Optional

import typer

from orchestra.cli import options
from orchestra.cli.terminal import Terminal

FORMATS = ("text", "json")
FORMAT = options.choice("text", "--format", FORMATS, "As what.")


def runs(
    limit: int = typer.Option(20, "-n", "--limit", min=1, help="How many, the latest first."),
    format: str = FORMAT,
    state_dir: Optional[str] = options.STATE_DIR,
) -> None:
    """List the latest runs.

    Example: orchestra runs -n 5
    """
    from orchestra.cli.history import doubts_about, open_store
    from orchestra.model.run import RunState
    from orchestra.reports.history import render_runs, runs_json

    options.check_choice("--format", format, FORMATS)
    terminal = Terminal(dict(os.environ))
    store = open_store(state_dir)
    rows = store.runs(limit)
    store.close()
    for row in rows:
        if row.state is RunState.RUNNING:
            for doubt in doubts_about(store, row.run_id):
                terminal.say(doubt)
    if format == "json":
        terminal.out(runs_json(rows))
    else:
        terminal.out(render_runs(rows, terminal.width, terminal.look(sys.stdout)))
