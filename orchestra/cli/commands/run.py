"""`orchestra run`."""

from __future__ import annotations

import os
from typing import List, Optional

import typer

from orchestra.cli import options
from orchestra.cli.commands.plan import FORMATS, show_plan
from orchestra.cli.terminal import MODES, Terminal
from orchestra.errors import UsageError

FORMAT = options.choice("table", "--format", FORMATS, "With --dry-run: the plan as what.")


def run(
    context: typer.Context,
    file: str = options.FILE,
    params: List[str] = options.PARAMS,
    params_file: Optional[str] = options.PARAMS_FILE,
    jobs: Optional[int] = options.JOBS,
    budget: List[str] = options.BUDGET,
    fail_fast: Optional[bool] = options.FAIL_FAST,
    only: List[str] = options.ONLY,
    start: List[str] = options.FROM,
    until: List[str] = options.UNTIL,
    skip: List[str] = options.SKIP,
    force: bool = options.FORCE,
    policy: Optional[str] = options.POLICY,
    executor: Optional[str] = options.EXECUTOR,
    dry_run: bool = typer.Option(False, "--dry-run", help="Show the plan, run nothing."),
    format: str = FORMAT,
    report: List[str] = options.REPORT,
    log_file: Optional[str] = options.LOG_FILE,
    output: Optional[str] = options.OUTPUT,
    state_dir: Optional[str] = options.STATE_DIR,
) -> int:
    """Validate a workflow file, plan it, run its steps, report.

    Example: orchestra run pipeline.yaml -p region=eu -j 4

    Example: orchestra run pipeline.yaml --report prometheus=run.prom --log-file run.log
    """
    from orchestra.cli import prepare
    from orchestra.spec.reader import collection_paused

    environ = dict(os.environ)
    terminal = Terminal(environ, context.obj and context.obj.group)
    if output is not None:
        options.check_choice("--output", output, MODES)
    options.check_choice("--format", format, FORMATS)
    if format != "table" and not dry_run:
        raise UsageError("--format is for the plan that --dry-run shows", "add --dry-run")
    mode = terminal.mode(output)
    reports = options.parse_reports(report)
    if log_file is not None:
        options.check_log_file(log_file)
    wanted = options.PlanOptions(
        params, params_file, jobs, budget, fail_fast, only, start, until, skip, state_dir, force
    )._replace(policy=policy, executor=executor)
    with collection_paused():
        prepared = prepare.prepare(file, wanted, environ, os.getcwd(), foresee=dry_run)
        prepare.tell_warnings(prepared, terminal)
        if dry_run:
            show_plan(prepared, format, terminal)
            return 0
    from orchestra.cli import wiring
    from orchestra.store.directory import locate

    named = state_dir or environ.get("ORCHESTRA_STATE_DIR")
    state = locate(named, file, os.getcwd())
    return wiring.run(
        prepared, state, mode, reports, terminal, environ, context.obj, log_path=log_file
    )
