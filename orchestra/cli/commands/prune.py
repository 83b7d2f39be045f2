"""`orchestra prune`."""

from __future__ import annotations

import os
from typing import Optional

import typer

from orchestra.cli import options
from orchestra.cli.terminal import Terminal
from orchestra.errors import UsageError

FORMATS = ("table", "json")
FORMAT = options.choice("table", "--format", FORMATS, "As what.")


def prune(
    keep: Optional[int] = typer.Option(
        None, "--keep", min=0, metavar="N", help="Remove all but the newest N runs."
    ),
    older_than: Optional[str] = typer.Option(
        None, "--older-than", metavar="AGE", help="Remove what ended longer ago: 30d, 12h, 1h30m."
    ),
    cut_off: bool = typer.Option(
        False, "--cut-off", help="Remove old runs as well that were cut off and could be resumed."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Show what would go, remove nothing."),
    format: str = FORMAT,
    state_dir: Optional[str] = options.STATE_DIR,
) -> int:
    """Remove old runs: their logs, files and events.

    With both --keep and --older-than, a run goes that either of them means. One that goes on is
    never removed, and what the cache knows stays: steps that are up to date remain so.

    Example: orchestra prune --keep 50 --older-than 30d --dry-run
    """
    from orchestra.cli.history import open_store
    from orchestra.cli.pruning import prune_runs
    from orchestra.store.pruning import Rule

    options.check_choice("--format", format, FORMATS)
    if keep is None and older_than is None:
        raise UsageError("say which runs are old", "--keep 50, --older-than 30d, or both")
    age_s = None if older_than is None else options.parse_age(older_than)
    terminal = Terminal(dict(os.environ))
    rule = Rule(keep, age_s, cut_off)
    return prune_runs(open_store(state_dir), rule, dry_run, format == "json", terminal)
