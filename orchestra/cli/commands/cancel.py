"""`orchestra cancel`."""

from __future__ import annotations

import os
from typing import Optional

import typer

from orchestra.cli import options
from orchestra.cli.completion import complete_runs
from orchestra.cli.terminal import Terminal


def cancel(
    run: Optional[str] = typer.Argument(
        None, metavar="[RUN]", hidden=True, autocompletion=complete_runs
    ),
    state_dir: Optional[str] = options.STATE_DIR,
) -> None:
    """Stop a run in order, from another terminal.

    RUN is as for `show`. Its orchestrator gets a SIGTERM: what runs is asked to end and has its
    time for that, then clean-up steps and handlers run. The command waits for the end of the run
    and tells what it came to; Ctrl-C ends only the waiting. Call it again to stop the run at once.

    Example: orchestra cancel pipeline.yaml
    """
    from orchestra.cli.cancelling import cancel_run
    from orchestra.cli.history import find_run

    cancel_run(find_run(run, state_dir), Terminal(dict(os.environ)))
