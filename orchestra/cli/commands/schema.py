"""`orchestra schema`."""

from __future__ import annotations

import os

import typer

from orchestra.cli.terminal import Terminal


def schema(
    test: bool = typer.Option(False, "--test", help="That of the files of `orchestra test`."),
) -> None:
    """Print the JSON Schema of workflow files.

    Example: orchestra schema > workflow.schema.json
    """
    from orchestra.spec.schema import schema_text

    Terminal(dict(os.environ)).out(schema_text("test" if test else "workflow"))
