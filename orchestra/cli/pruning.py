"""Removes the old runs of a store, and tells which went and which were kept."""

from __future__ import annotations

import sys
import time
from typing import Iterator, List, Sequence

from orchestra.cli import messages
from orchestra.cli.terminal import Terminal
from orchestra.errors import ExitCode, StoreError
from orchestra.executors.sentry import keepers
from orchestra.executors.survivors import Survivors
from orchestra.model.run_rows import PrunedRun
from orchestra.reports.pruned import pruned_json, render_pruned
from orchestra.store.pruning import Pruning, Rule
from orchestra.store.sqlite import RunStore

_MOST_FAULTS = 10


def prune_runs(
    store: RunStore, rule: Rule, dry_run: bool, as_json: bool, terminal: Terminal
) -> int:
    """Remove the runs that the rule means, or only tell which they are; the exit code.

    Raises:
        StoreError: the record cannot be read or changed; what is gone by then is told.
        KeyboardInterrupt: likewise.
    """

    def show(runs: Sequence[PrunedRun]) -> None:
        look, place = terminal.look(sys.stdout), store.state.path
        table = render_pruned(runs, place, terminal.width, look, dry_run)
        terminal.out(pruned_json(runs, dry_run) if as_json else table)

    def has_steps(run_id: str) -> bool:
        return bool(keepers(store.state.run(run_id).path) or Survivors(run_id).by_attempt())

    pruning = Pruning(store, rule, time.time(), has_steps=has_steps)
    gone: List[PrunedRun] = []
    try:
        if dry_run:
            gone = pruning.look()
        else:
            for run in pruning.remove():
                gone.append(run)
    except (StoreError, KeyboardInterrupt):
        if gone:
            show(gone)
        raise
    finally:
        store.close()
    if gone or as_json or not pruning.faults:
        show(gone)
    for line in _kept(pruning):
        terminal.say(line)
    for fault in pruning.faults[:_MOST_FAULTS]:
        terminal.say(messages.format_error(fault, terminal.look(sys.stderr).color))
    if len(pruning.faults) > _MOST_FAULTS:
        terminal.say("and %d more such errors" % (len(pruning.faults) - _MOST_FAULTS))
    return ExitCode.BROKEN if pruning.faults else ExitCode.OK


def _kept(pruning: Pruning) -> Iterator[str]:
    """The old runs that were not removed, a line a reason."""
    if pruning.living == 1:
        yield "1 old run is kept: it goes on"
    elif pruning.living:
        yield "%d old runs are kept: they go on" % pruning.living
    if pruning.cut_off == 1:
        yield "1 old run is kept: it was cut off and can be resumed; --cut-off removes it too"
    elif pruning.cut_off:
        words = (
            "%d old runs are kept: they were cut off and can be resumed; --cut-off removes them too"
        )
        yield words % pruning.cut_off
