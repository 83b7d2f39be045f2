"""A place whose code has a bug."""

from __future__ import annotations

from typing import Mapping

from orchestra.model.expression import Value


def open_place(settings: Mapping[str, Value], run_id: str) -> None:
    """It raises what nobody expects."""
    raise RuntimeError("a bug of its own")
