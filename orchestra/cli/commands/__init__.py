"""One module for each command; this one makes the application of them."""

from __future__ import annotations

from typing import Optional

import typer

from orchestra import __version__
from orchestra.cli.commands import init, logs, plan, run, runs, schema, show, validate

_HELP = """Run the steps of a workflow file in order, in parallel, within a budget.

Example: orchestra run pipeline.yaml
"""

app = typer.Typer(
    name="orchestra",
    help=_HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Optional[bool] = typer.Option(
        None, "--version", callback=_show_version, is_eager=True, help="Show the version."
    ),
) -> None:
    pass


app.command("run")(run.run)
app.command("validate")(validate.validate)
app.command("plan")(plan.plan)
app.command("runs")(runs.runs)
app.command("show")(show.show)
app.command("logs")(logs.logs)
app.command("schema")(schema.schema)
app.command("init")(init.init)
