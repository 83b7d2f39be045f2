"""`orchestra resume`."""

from __future__ import annotations

import os
from typing import List, Optional

import typer

from orchestra.cli import options
from orchestra.cli.completion import complete_runs
from orchestra.cli.terminal import MODES, Terminal
from orchestra.errors import ExitCode


def resume(
    context: typer.Context,
    run: Optional[str] = typer.Argument(
        None, metavar="RUN", hidden=True, autocompletion=complete_runs
    ),
    jobs: Optional[int] = options.JOBS,
    budget: List[str] = options.BUDGET,
    fail_fast: Optional[bool] = options.FAIL_FAST,
    executor: Optional[str] = options.EXECUTOR,
    report: List[str] = options.REPORT,
    log_file: Optional[str] = options.LOG_FILE,
    output: Optional[str] = options.OUTPUT,
    state_dir: Optional[str] = options.STATE_DIR,
) -> int:
    """Go on with a run that failed, was cancelled, or whose orchestrator died.

    What has ended well is not run again, unless the file defines it differently now or something
    above it runs again. Params are those that the run began with. RUN is as for `show`.

    Example: orchestra resume pipeline.yaml
    """
    from orchestra.cli import prepare, resuming, wiring
    from orchestra.cli.history import find_run

    environ = dict(os.environ)
    terminal = Terminal(environ, context.obj and context.obj.group)
    if output is not None:
        options.check_choice("--output", output, MODES)
    reports = options.parse_reports(report)
    if log_file is not None:
        options.check_log_file(log_file)
    found = find_run(run, state_dir)
    resuming.refuse_held(found.store, found.record)
    wanted = options.resumed(found.record, jobs, budget, fail_fast, executor, state_dir)
    prepared = prepare.prepare(found.record.path, wanted, environ, os.getcwd())
    changed = resuming.changes_since(found.store, found.record, prepared.plan.workflow)
    if resuming.is_done(found.record, changed):
        terminal.say("run %s has succeeded, there is nothing left to do" % found.record.run_id)
        return wiring.report(found.record, reports, found.folder, ExitCode.OK, environ)
    prepare.tell_warnings(prepared, terminal)
    for line in resuming.words_of(found.record, changed, prepared.plan.workflow):
        terminal.say(line)
    resumption = resuming.Resumption(found.record.run_id, found.record.started_at, changed)
    found.store.close()
    mode = terminal.mode(output)
    state = found.store.state
    return wiring.run(
        prepared, state, mode, reports, terminal, environ, context.obj, resumption, log_file
    )
