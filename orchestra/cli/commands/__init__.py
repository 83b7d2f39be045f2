"""One module for each command; this one makes the application of them."""

from __future__ import annotations

from typing import Optional

import click
import typer
from typer.core import TyperCommand

from orchestra import __version__
from orchestra.cli.commands import (
    cancel,
    import_,
    init,
    logs,
    plan,
    prune,
    report,
    resume,
    run,
    runs,
    schema,
    show,
    validate,
    why,
)

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


class Command(TyperCommand):
    """A command whose help is plain text: typer escapes brackets for rich even without it."""

    def get_help(self, ctx: click.Context) -> str:
        """The help, as it is to be read."""
        return super().get_help(ctx).replace("\\[", "[")


for command in (
    run.run,
    resume.resume,
    validate.validate,
    plan.plan,
    runs.runs,
    show.show,
    logs.logs,
    why.why,
    report.report,
    cancel.cancel,
    prune.prune,
    schema.schema,
    init.init,
    import_.import_,
):
    app.command(command.__name__.rstrip("_"), cls=Command)(command)
