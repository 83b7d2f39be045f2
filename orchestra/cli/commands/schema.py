"""`orchestra schema`."""

from __future__ import annotations

import os

from orchestra.cli.terminal import Terminal


def schema() -> None:
    """Print the JSON Schema of workflow files.

    Example: orchestra schema > workflow.schema.json
    """
    from orchestra.spec.schema import schema_text

    Terminal(dict(os.environ)).out(schema_text())
