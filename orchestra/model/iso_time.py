"""Moments as programs read them. Pure."""

from __future__ import annotations

from datetime import datetime, timezone


def iso_time(at: float) -> str:
    """UTC seconds as `2026-11-22T10:15:00.250Z`."""
    moment = datetime.fromtimestamp(at, timezone.utc).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds") + "Z"
