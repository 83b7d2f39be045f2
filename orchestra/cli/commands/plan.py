"""`orchestra plan`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, List, Mapping, Optional

import typer

from orchestra.cli import options
from orchestra.cli.completion import complete_runs
from orchestra.cli.terminal import Terminal
from orchestra.errors import UsageError

if TYPE_CHECKING:
    from orchestra.cli.prepare import Prepared

FORMATS = ("table", "json", "mermaid", "dot", "svg")
_GRAPHS = ("mermaid", "dot", "svg")
_AGAINST_FORMATS = ("text", "json", "markdown")
_FORMAT = options.choice(
    None,
    "--format",
    (*FORMATS, "text", "markdown"),
    "As what (default: table); with --against %s." % ", ".join(_AGAINST_FORMATS),
)


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
    executor: Optional[str] = options.EXECUTOR,
    format: Optional[str] = _FORMAT,
    against: Optional[str] = typer.Option(
        None,
        "--against",
        metavar="RUN|GITREF",
        help="Say what is changed since a run or a git revision, and what runs again for it.",
        autocompletion=complete_runs,
    ),
    suggest: bool = typer.Option(
        False, "--suggest", help="Say what steps should ask for, by what they used in earlier runs."
    ),
    state_dir: Optional[str] = options.STATE_DIR,
) -> None:
    """Show what would run, in which order and why. Runs nothing.

    With --against, RUN is as for `show`, or `latest`, the latest run of FILE; what is no run is a
    git revision.

    Example: orchestra plan pipeline.yaml --format mermaid

    Example: orchestra plan pipeline.yaml --against main
    """
    from orchestra.cli import prepare
    from orchestra.model.sample import RUNS_FOR_DURATION, RUNS_FOR_SUGGESTIONS
    from orchestra.spec.reader import collection_paused

    if against is not None and suggest:
        raise UsageError("--suggest and --against do not go together", "leave out one of them")
    choices = FORMATS if against is None else _AGAINST_FORMATS
    format = choices[0] if format is None else format
    options.check_choice("--format", format, choices)
    if suggest and format in _GRAPHS:
        raise UsageError(
            "--suggest is told as a table or as JSON", "leave out --format %s" % format
        )
    environ = dict(os.environ)
    terminal = Terminal(environ)
    wanted = options.PlanOptions(
        params, params_file, jobs, budget, fail_fast, only, start, until, skip, state_dir, force
    )._replace(policy=policy, executor=executor)
    runs = RUNS_FOR_SUGGESTIONS if suggest else RUNS_FOR_DURATION
    with collection_paused():  # a plan is no garbage, however often it is walked
        prepared = prepare.prepare(file, wanted, environ, os.getcwd(), foresee=True, runs=runs)
        prepare.tell_warnings(prepared, terminal)
        if against is not None:
            show_against(prepared, against, file, state_dir, format, terminal, environ)
        else:
            show_plan(prepared, format, terminal, suggest)


def show_against(
    prepared: Prepared,
    against: str,
    file: str,
    state_dir: Optional[str],
    format: str,
    terminal: Terminal,
    environ: Mapping[str, str],
) -> None:
    """Print what is changed since a run or a revision, and what runs again for it."""
    from orchestra.cli.comparing import comparison
    from orchestra.cli.versions import find_version

    version = find_version(against, file, state_dir)
    found = comparison(prepared, version, state_dir, environ)
    if format == "json":
        from orchestra.reports.comparison_json import render_comparison_json

        terminal.out(render_comparison_json(found))
    elif format == "markdown":
        from orchestra.reports.comparison_markdown import render_comparison_markdown

        terminal.out(render_comparison_markdown(found))
    else:
        from orchestra.reports.comparison_text import render_comparison

        terminal.out(render_comparison(found, terminal.width, terminal.look(sys.stdout)))


def show_plan(prepared: Prepared, format: str, terminal: Terminal, suggest: bool = False) -> None:
    """Print a plan in one of `FORMATS`, or what its steps should ask for.

    Raises:
        StoreError: that was asked for, and the record of earlier runs cannot be read.
    """
    from orchestra.cli.prepare import tell_unread

    if suggest and prepared.unread is not None:
        raise prepared.unread
    tell_unread(prepared, terminal)
    if format == "svg":
        from orchestra.reports.graph.plan_svg import render_plan_svg

        terminal.out(render_plan_svg(prepared.plan))
        return
    if format in _GRAPHS:
        from orchestra.reports.graph.plan_text import render_dot, render_mermaid

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
