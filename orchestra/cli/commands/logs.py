"""`orchestra logs`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Optional, Tuple

import typer

from orchestra.cli import options
from orchestra.cli.completion import complete_runs, complete_steps
from orchestra.cli.terminal import Terminal
from orchestra.errors import UsageError

if TYPE_CHECKING:
    from orchestra.model.record import RunRecord


def logs(
    run: Optional[str] = typer.Argument(
        None, metavar="[RUN]", hidden=True, autocompletion=complete_runs
    ),
    step: Optional[str] = typer.Argument(
        None, metavar="[STEP]", hidden=True, autocompletion=complete_steps
    ),
    follow: bool = typer.Option(False, "-f", "--follow", help="Go on as the logs grow."),
    attempt: Optional[int] = typer.Option(
        None, "--attempt", min=1, metavar="N", help="Which attempt of the step (default: the last)."
    ),
    state_dir: Optional[str] = options.STATE_DIR,
) -> None:
    """Print what steps wrote.

    RUN is as for `show`; STEP alone means a step of the latest run, neither all of its steps. The
    bytes are exact, but for a terminal, where nothing in them can do harm.

    Example: orchestra logs pipeline.yaml build
    """
    from orchestra.cli import following
    from orchestra.cli.history import find_run
    from orchestra.model.run import AttemptKey

    terminal = Terminal(dict(os.environ))
    run, step = _sort_out(run, step, state_dir)
    found = find_run(run, state_dir)
    if step is not None:
        wanted = found.record.find_step(step)
        if wanted is None:
            known = ", ".join(list(found.record.step_by_id)[:10])
            message = "run %s has no step `%s`" % (found.folder.run_id, step)
            raise UsageError(message, "one of " + known)
        step = wanted.id
    if attempt is not None:
        _check_attempt(found.record, step, attempt, follow)
    safe = sys.stdout is not None and sys.stdout.isatty()
    is_whole = step is None or found.record.step_by_id[step].members > 0
    printer = following.LogPrinter(found.folder.path, terminal.out_bytes, safe, is_whole)
    if follow:
        following.follow(found, step, printer)
        return
    keys = following.attempts(found.record, step)
    if step is not None and not is_whole:
        keys = keys[-1:] if attempt is None else [AttemptKey(step, attempt)]
    for key in keys:
        printer.print_new(key, following.node_of(found.record, key))
    printer.end_line()


def _check_attempt(record: RunRecord, step: Optional[str], attempt: int, follow: bool) -> None:
    if step is None:
        raise UsageError("--attempt wants a step", "name the step as well")
    if follow:
        raise UsageError("--attempt cannot be followed", "leave out -f, or --attempt")
    count = len(record.step_by_id[step].attempts)
    if attempt > count:
        message = "step `%s` has no attempt %d" % (step, attempt)
        raise UsageError(message, "it had %d of them" % count)


def _sort_out(
    run: Optional[str], step: Optional[str], state_dir: Optional[str]
) -> Tuple[Optional[str], Optional[str]]:
    """A single argument is a run if there is such a run, else a step of the latest one."""
    from orchestra.cli.history import find_run

    if run is None or step is not None:
        return run, step
    try:
        find_run(run, state_dir)
    except UsageError:
        if find_run(None, state_dir).record.find_step(run) is not None:
            return None, run
        raise
    return run, None
