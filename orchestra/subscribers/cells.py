"""Text cut to the cells of a terminal that there are for it, as rich counts them. Pure."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

_MOST_PER_CELL = 8
"""Characters for one cell: what piles up on it without end is cut."""


def fit(text: str, width: int, ellipsis: str) -> str:
    """The text, or as much of its beginning as fits into `width` cells with `ellipsis` after it."""
    if width <= 0:
        return ""
    if len(text) <= _MOST_PER_CELL * width and cell_len(text) <= width:
        return text
    return set_cell_size(text[: _MOST_PER_CELL * width], width - 1) + ellipsis
