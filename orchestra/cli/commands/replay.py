"""`orchestra replay`."""

from __future__ import annotations

import math
import os
from typing import Optional

import typer

from orchestra.cli import options
from orchestra.cli.completion import complete_runs
from orchestra.cli.terminal import MODES, Terminal
from orchestra.errors import UsageError


def replay(
    run: Optional[str] = typer.Argument(
        None, metavar="[RUN]", hidden=True, autocompletion=complete_runs
    ),
    speed: float = typer.Option(
        1.0, "--speed", metavar="N", help="N times as fast as it went (default: 1)."
    ),
    output: Optional[str] = options.OUTPUT,
    state_dir: Optional[str] = options.STATE_DIR,
) -> None:
    """Show a recorded run again, as it was shown while it ran. Nothing is started.

    RUN is as for `show`. Where a run was resumed, the pause before is left out.

    Example: orchestra replay pipeline.yaml --speed 10
    """
    from orchestra.cli.history import find_run
    from orchestra.cli.watching import play, tell_cut_off

    if not (math.isfinite(speed) and speed > 0):
        raise UsageError("--speed %s is no speed" % speed, "write a number above 0, such as 10")
    if output is not None:
        options.check_choice("--output", output, MODES)
    terminal = Terminal(dict(os.environ))
    found = find_run(run, state_dir)
    play(found, terminal, terminal.mode(output), speed)
    if found.cut_off:
        tell_cut_off(found, terminal)
