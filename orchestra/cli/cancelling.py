"""Stops a run from outside: a SIGTERM to its orchestrator, then waits for the end."""

from __future__ import annotations

import signal
import sys
import time

from orchestra.cli.history import Found, command_line
from orchestra.cli.terminal import Terminal
from orchestra.engine.replay import fold
from orchestra.errors import RunBroken, UsageError
from orchestra.executors.survivors import end_survivors
from orchestra.model.record import RunRecord
from orchestra.model.run import RunState
from orchestra.model.screen_text import safe_line
from orchestra.model.whereabouts import open_elsewhere
from orchestra.store import holders

_PAUSE_S = 0.1
_LOOKED_AT = 50  # runs that are looked at for one that could have been meant


def cancel_run(found: Found, terminal: Terminal) -> None:
    """Ask the run to stop, or if it is stopping, to stop at once; wait until nobody holds it.

    Of a run whose orchestrator died the steps are ended that go on, wherever they do.

    Raises:
        UsageError: it has ended, or cannot be reached from here.
        RunBroken: it stopped, and how is not recorded; or an engine may still run some of it.
        StoreError: the record cannot be read, or it cannot be told who holds the run.
        KeyboardInterrupt: the waiting was ended, the run is stopping all the same.
    """
    run_id = found.folder.run_id
    if found.record.state is RunState.RUNNING:
        found.store.state.check_run(run_id)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # it ends the waiting
    if _is_cut_off(found):
        end_survivors(found.folder.path, run_id)
        _end_elsewhere(found)
        terminal.say("run %s was cut off; nothing of it runs any more" % run_id)
        terminal.say("  help: %s" % _resume(found))
        return
    words = "run %s was asked to stop; waiting for its end (again to stop at once)"
    if found.record.stopping:
        from orchestra.engine.signals import ONE_S

        time.sleep(ONE_S)  # sooner, it could be taken for a copy of the signal before
        words = "run %s was stopping, and was asked to stop at once; waiting for its end"
    _ask(found)
    try:
        terminal.say(words % run_id)
        while found.store.is_alive(run_id):
            time.sleep(_PAUSE_S)
    except KeyboardInterrupt:
        below = "\n" if sys.stderr is not None and sys.stderr.isatty() else ""  # the ^C itself
        terminal.say("%srun %s goes on stopping" % (below, run_id))
        raise
    record = _read_again(found)
    if record.state is RunState.RUNNING:
        raise RunBroken("run %s has stopped, its end is not recorded" % run_id, _resume(found))
    terminal.say("run %s ended: %s" % (run_id, _end_of(record)))


def _is_cut_off(found: Found) -> bool:
    """Whether the orchestrator of the run died."""
    if found.record.state is not RunState.RUNNING or found.store.is_alive(found.folder.run_id):
        return False
    return _read_again(found).state is RunState.RUNNING  # it may have ended since it was read


def _end_elsewhere(found: Found) -> None:
    """End what engines still have of a run that was cut off.

    Raises:
        RunBroken: they may still run something of it.
    """
    record = _read_again(found)
    attempts = open_elsewhere(record)
    if not attempts:
        return
    from orchestra.cli.recalling import end_elsewhere  # what no other run needs

    try:
        lines = end_elsewhere(found.store, record, attempts)
    finally:
        found.store.close()
    if lines:
        run_id = found.folder.run_id
        again = "`%s` again, once they answer" % command_line("cancel", run_id, found.store.state)
        raise RunBroken("run %s was cut off; %s" % (run_id, "; ".join(lines)), again)


def _ask(found: Found) -> None:
    """Send the signal."""
    run_id, record = found.folder.run_id, found.record
    if record.state is RunState.RUNNING and not found.store.is_alive(run_id):
        record = _read_again(found)
    if record.state is not RunState.RUNNING:
        raise UsageError("run %s has ended: %s" % (run_id, _end_of(record)), _others(found))
    holder = holders.read(found.folder.lock)
    if holder is None:
        hint = "Ctrl-C stops it where it runs: process %d on %s when it began"
        why_not, hint = holders.NAMELESS, hint % (record.pid, record.host)
    else:
        why_not = holders.terminate(found.folder.lock, holder)
        hint = "" if holder.is_here else "`orchestra cancel %s` stops it there" % run_id
    if why_not:
        raise UsageError("run %s cannot be stopped from here: %s" % (run_id, why_not), hint)


def _read_again(found: Found) -> RunRecord:
    try:
        record = fold(found.store.envelopes(found.folder.run_id))
    finally:
        found.store.close()
    return found.record if record is None else record


def _end_of(record: RunRecord) -> str:
    reason = " (%s)" % safe_line(record.reason) if record.reason else ""
    return "%s%s, exit code %s" % (record.state.value, reason, record.exit_code)


def _resume(found: Found) -> str:
    return "`%s` goes on with it" % command_line("resume", found.folder.run_id, found.store.state)


def _others(found: Found) -> str:
    """The runs that do go on, for a person who meant one of them."""
    try:
        alive = [row.run_id for row in found.store.runs(_LOOKED_AT) if row.alive]
    finally:
        found.store.close()
    return "still running: %s" % ", ".join(alive) if alive else ""
