"""One module for each command; this one makes the application of them."""

from __future__ import annotations

from importlib import import_module
from typing import Optional, Sequence

import click
import typer
import typer.core

from orchestra import __version__

NAMES = (
    "run",
    "resume",
    "validate",
    "plan",
    "test",
    "runs",
    "show",
    "logs",
    "why",
    "replay",
    "report",
    "cancel",
    "prune",
    "schema",
    "init",
    "import",
)
"""The commands, in the order in which the help tells of them."""

_HELP = """Run the steps of a workflow file in order, in parallel, within a budget.

Example: orchestra run pipeline.yaml
"""


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def _root(
    version: Optional[bool] = typer.Option(
        None, "--version", callback=_show_version, is_eager=True, help="Show the version."
    ),
) -> None:
    pass


class Command(typer.core.TyperCommand):
    """A command whose help is plain text: typer escapes brackets for rich even without it."""

    def get_help(self, ctx: click.Context) -> str:
        """The help, as it is to be read."""
        return super().get_help(ctx).replace("\\[", "[")


def application(arguments: Sequence[str]) -> typer.Typer:
    """The application, with the command that these arguments name, or with all of them.

    Typer looks at every option of every command that it is given: 10 ms for all.
    """
    # else it imports all of rich, 40 ms, to escape the brackets of a help that is plain text
    typer.core.HAS_RICH = False
    app = typer.Typer(
        name="orchestra",
        help=_HELP,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(_root)
    named = [name for name in NAMES if name in arguments[:1]]
    for name in named or NAMES:
        # a name that Python keeps for itself has an underscore behind it
        word = name + "_" if name == "import" else name
        module = import_module("orchestra.cli.commands." + word)
        app.command(name, cls=Command)(getattr(module, word))
    return app
