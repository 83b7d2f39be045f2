"""`orchestra plan`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, List, Optional

import typer

from orchestra.cli import options
from orchestra.cli.terminal import Terminal
from orchestra.errors import UsageError

if TYPE_CHECKING:
    from orchestra.cli.prepare import Prepared

FORMATS = ("table", "json", "mermaid", "dot", "svg")
_GRAPHS = ("mermaid", "dot", "svg")


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
    suggest: bool = typer.Option(
        False, "--suggest", help="Say what steps should ask for, by what they used in earlier runs."
    ),
    state_dir: Optional[str] = options.STATE_DIR,
) -> None:
    """Show what would run, in which order and why. Runs nothing.

    Example: orchestra plan pipeline.yaml --format mermaid
    """
    from orchestra.cli import prepare
    from orchestra.model.sample import RUNS_FOR_DURATION, RUNS_FOR_SUGGESTIONS
    from orchestra.spec.reader import collection_paused

    options.check_choice("--format", format, FORMATS)
    if suggest and format in _GRAPHS:
        raise UsageError(
            "--suggest is told as a table or as JSON", "leave out --format %s" % format
        )
    environ = dict(os.environ)
    terminal = Terminal(environ)
    wanted = options.PlanOptions(
        params, params_file, jobs, budget, fail_fast, only, start, until, skip, state_dir, force
    )._replace(policy=policy)
    runs = RUNS_FOR_SUGGESTIONS if suggest else RUNS_FOR_DURATION
    with collection_paused():  # a plan is no garbage, however often it is walked
        prepared = prepare.prepare(file, wanted, environ, os.getcwd(), foresee=True, runs=runs)
        prepare.tell_warnings(prepared, terminal)
        show_plan(prepared, format, terminal, suggest)


def show_plan(prepared: Prepared, format: str, terminal: Terminal, suggest: bool = False) -> None:
    """Print a plan in one of `FORMATS`, or what its steps should ask for."""
    if format == "svg":
        from orchestra.reports.graph.plan_svg import render_plan_svg

        terminal.out(render_plan_svg(prepared.plan))
        return
    if format in _GRAPHS:
        from orchestra.reports.plan_graph import render_dot, render_mermaid

        terminal.out((render_mermaid if format == "mermaid" else render_dot)(prepared.plan))
        return
    from orchestra.engine.simulate import predict

    prediction = prepared.prediction or predict(prepared.plan)
    advice = None
    if suggest:
        from orchestra.engine.suggestions import advise

        advice = advise(prepared.plan, prepared.samples, prediction.predicted_s)
    if format == "json":
        from orchestra.reports.plan_json import render_plan_json

        terminal.out(render_plan_json(prepared.plan, prediction, advice))
        return
    look = terminal.look(sys.stdout)
    if advice is not None:
        from orchestra.reports.suggestions import render_suggestions

        terminal.out(render_suggestions(advice, prediction.predicted_s, terminal.width, look))
    else:
        from orchestra.reports.plan_table import render_plan_table

        terminal.out(render_plan_table(prepared.plan, prediction, terminal.width, look))
