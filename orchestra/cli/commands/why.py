"""`orchestra why`."""

from __future__ import annotations

import os
import sys
import time
from typing import Optional

import typer

from orchestra.cli import options
from orchestra.cli.completion import complete_runs, complete_steps
from orchestra.cli.terminal import Terminal
from orchestra.errors import UsageError

FORMATS = ("text", "json")
FORMAT = options.choice("text", "--format", FORMATS, "As what.")


def why(
    run: Optional[str] = typer.Argument(
        None, metavar="RUN", hidden=True, autocompletion=complete_runs
    ),
    step: Optional[str] = typer.Argument(
        None, metavar="STEP", hidden=True, autocompletion=complete_steps
    ),
    format: str = FORMAT,
    state_dir: Optional[str] = options.STATE_DIR,
) -> None:
    """Tell why a step ran, did not run, or waited.

    RUN is as for `show`; without it the latest run of all is asked.

    Example: orchestra why pipeline.yaml build
    """
    from orchestra.cli.history import find_run
    from orchestra.model.nearest import did_you_mean
    from orchestra.reports.why import render_why, render_why_json

    options.check_choice("--format", format, FORMATS)
    if run is None:
        raise UsageError("name a step", "`orchestra show` tells the reasons of all steps in short")
    terminal = Terminal(dict(os.environ))
    wanted, id = (None, run) if step is None else (run, step)
    found = find_run(wanted, state_dir)
    known = found.record.step_by_id
    asked = found.record.find_step(id)
    if asked is None:
        hint = did_you_mean(id, known) or "one of " + ", ".join(list(known)[:10])
        raise UsageError("run %s has no step `%s`" % (found.folder.run_id, id), hint)
    now = found.record.ended_at or time.time()
    if format == "json":
        terminal.out(render_why_json(found.record, asked.id, now))
    else:
        terminal.out(render_why(found.record, asked.id, now, terminal.look(sys.stdout)))
