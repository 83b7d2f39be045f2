"""`orchestra plan`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, List, Optional

import typer

from orchestra.cli import options
from orchestra.cli.terminal import Terminal

if TYPE_CHECKING:
    from orchestra.cli.prepare import Prepared

FORMATS = ("table", "json", "mermaid", "dot")


def plan(
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
    format: str = typer.Option("table", "--format", metavar="|".join(FORMATS), help="As what."),
    state_dir: Optional[str] = options.STATE_DIR,
) -> None:
    """Show what would run, in which order and why. Runs nothing.

    Example: orchestra plan pipeline.yaml --format mermaid
    """
    from orchestra.cli import prepare

    options.check_choice("--format", format, FORMATS)
    environ = dict(os.environ)
    terminal = Terminal(environ)
    wanted = options.PlanOptions(
        params, params_file, jobs, budget, fail_fast, only, start, until, skip, state_dir, force
    )._replace(policy=policy)
    prepared = prepare.prepare(file, wanted, environ, os.getcwd(), foresee=True)
    prepare.tell_warnings(prepared, terminal)
    show_plan(prepared, format, terminal)


def show_plan(prepared: Prepared, format: str, terminal: Terminal) -> None:
    """Print a plan in one of `FORMATS`."""
    if format in ("mermaid", "dot"):
        from orchestra.reports.plan_graph import render_dot, render_mermaid

        terminal.out((render_mermaid if format == "mermaid" else render_dot)(prepared.plan))
        return
    from orchestra.engine.simulate import predict

    prediction = prepared.prediction or predict(prepared.plan)
    if format == "json":
        from orchestra.reports.plan_json import render_plan_json

        terminal.out(render_plan_json(prepared.plan, prediction))
    else:
        from orchestra.reports.plan_table import render_plan_table

        look = terminal.look(sys.stdout)
        terminal.out(render_plan_table(prepared.plan, prediction, terminal.width, look))
