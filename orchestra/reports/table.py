"""Text in columns that fit a width. Pure; takes only text that is safe to show."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Sequence

from orchestra.model.look import Look, Tone
from orchestra.model.screen_text import cell_width, pad


class Column(NamedTuple):
    """One column: `least` cells are kept for it when the width is short.

    Columns that `yields` give up their place altogether, the highest number first, where even the
    least widths do not fit; 0 never does. `gap` blanks stand after it.
    """

    title: str
    least: int = 4
    right: bool = False
    yields: int = 0
    gap: int = 2


class Cell(NamedTuple):
    """Text in a tone."""

    text: str
    tone: Tone = Tone.PLAIN


def render_table(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int, look: Look
) -> str:
    """The table with a header line; columns that are empty in every row are left out.

    Each line ends with a line feed and has no blanks before it.
    """
    widths = _natural_widths(columns, rows, width)
    _drop_columns(columns, widths, width)
    _cut_widest(columns, widths, width)
    header = [Cell(column.title, Tone.QUIET) for column in columns]
    return "".join(_line(columns, widths, row, look) for row in (header, *rows))


def _natural_widths(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int
) -> Dict[int, int]:
    widths: Dict[int, int] = {}
    for place, column in enumerate(columns):
        widest = max((cell_width(row[place].text) for row in rows), default=0)
        if widest:
            widths[place] = min(max(widest, cell_width(column.title)), max(width, 1))
    return widths


def _excess(columns: Sequence[Column], widths: Dict[int, int], width: int) -> int:
    gaps = sum(columns[place].gap for place in list(widths)[:-1])
    return sum(widths.values()) + gaps - width


def _drop_columns(columns: Sequence[Column], widths: Dict[int, int], width: int) -> None:
    least = {place: min(cells, columns[place].least) for place, cells in widths.items()}
    for place in sorted(widths, key=lambda place: -columns[place].yields):
        if _excess(columns, least, width) <= 0 or not columns[place].yields:
            return
        del least[place], widths[place]


def _cut_widest(columns: Sequence[Column], widths: Dict[int, int], width: int) -> None:
    for least in ({place: columns[place].least for place in widths}, dict.fromkeys(widths, 1)):
        for _ in range(_excess(columns, widths, width)):
            loose = [place for place in widths if widths[place] > least[place]]
            if not loose:
                break
            widths[max(loose, key=lambda place: widths[place])] -= 1


def _line(
    columns: Sequence[Column], widths: Dict[int, int], row: Sequence[Cell], look: Look
) -> str:
    pieces: List[str] = []
    blanks = 0
    for place, cells in widths.items():
        padded = pad(look.fit(row[place].text, cells), cells, columns[place].right)
        gap = columns[place].gap
        body = padded.strip(" ")
        if body:
            lead = padded.index(body)
            pieces.append(" " * (blanks + lead) + look.paint(body, row[place].tone))
            blanks = cells - lead - cell_width(body) + gap
        else:
            blanks += cells + gap
    return "".join(pieces) + "\n"
