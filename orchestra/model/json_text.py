"""Data as JSON text that every reader takes: ASCII only, no NaN. Pure.

ASCII, so that neither a terminal nor a locale can be harmed by it: what is not ASCII, controls and
lone surrogates included, is escaped as JSON does.
"""

from __future__ import annotations

import json
import math
from typing import Any, Optional


def json_text(data: Any, indent: Optional[int] = None) -> str:
    """The JSON of plain data; numbers that JSON does not know (NaN, the infinities) become null."""
    try:
        return _dump(data, indent)
    except ValueError:
        return _dump(_finite(data), indent)


def _dump(data: Any, indent: Optional[int]) -> str:
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(data, allow_nan=False, indent=indent, separators=separators)


def _finite(data: Any) -> Any:
    if isinstance(data, float) and not math.isfinite(data):
        return None
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(value) for value in data]
    return data
