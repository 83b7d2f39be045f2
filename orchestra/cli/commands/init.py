"""`orchestra init`."""

from __future__ import annotations

import os
from typing import List

import typer

from orchestra.cli.terminal import Terminal
from orchestra.errors import UsageError

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "templates")


def templates() -> List[str]:
    """The names of the starter files."""
    return sorted(name[: -len(".yaml")] for name in os.listdir(FOLDER) if name.endswith(".yaml"))


def init(
    template: str = typer.Argument("basic", metavar="[TEMPLATE]", hidden=True),
    output: str = typer.Option("pipeline.yaml", "-o", "--output", help="The file to write."),
) -> None:
    """Write a commented workflow file to start from.

    TEMPLATE is `basic` (the default) or `python`. A file that is there is never written over.

    Example: orchestra init basic -o pipeline.yaml
    """
    if template not in templates():
        raise UsageError(
            "there is no template `%s`" % template, "one of %s" % ", ".join(templates())
        )
    with open(os.path.join(FOLDER, template + ".yaml"), encoding="utf-8") as file:
        text = file.read()
    try:
        with open(output, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError("%s is there already" % output, "name another one with -o") from None
    Terminal(dict(os.environ)).say("wrote %s; next: orchestra run %s" % (output, output))
