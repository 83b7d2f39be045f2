"""What one frame of the live view shows, as lines that fit the terminal. Pure."""

from __future__ import annotations

from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from orchestra.model.look import (
    Look,
    Tone,
    count_words,
    resource_label,
    state_tone,
)
from orchestra.model.record import RunRecord
from orchestra.model.run import ENDED_STATES, StepState
from orchestra.model.screen_text import safe_line
from orchestra.model.units import SIZED_RESOURCES, format_amount, format_duration, format_size
from orchestra.subscribers.cells import fit
from orchestra.subscribers.foot import Line

_WIDEST_BAR = 40
_LEAST_BAR = 8
_WIDEST_NAME = 28
_CLOCK_CELLS = 6
_SHARE_CELLS = 8
_ECHO_CELLS = 4
"""Room at the end of the last line, where the cursor is: a terminal shows `^C` there, twice at
most between two frames. A line broken by that would leave a row of the frame behind."""

_COUNTED_FIRST = (
    StepState.SUCCEEDED,
    StepState.FAILED,
    StepState.RUNNING,
    StepState.QUEUED,
)
_WAITING = (StepState.PENDING, StepState.READY, StepState.WAITING_RETRY)
_COUNTED_LAST = tuple(state for state in ENDED_STATES if state not in _COUNTED_FIRST)

_STYLES: Dict[Tone, Optional[Style]] = {
    Tone.PLAIN: None,
    Tone.STRONG: Style(bold=True),
    Tone.QUIET: Style(dim=True),
    Tone.GOOD: Style(color="green"),
    Tone.BAD: Style(color="red"),
    Tone.WARN: Style(color="yellow"),
    Tone.BUSY: Style(color="cyan"),
}

Span = Tuple[str, Tone]


class Row(NamedTuple):
    """A step under way: its label, for how long (or until when), and its last words."""

    state: StepState
    label: str
    elapsed_s: float
    words: str


class View(NamedTuple):
    """All that a frame is made from.

    `rows` are the steps that run, `others` those that wait for another attempt, for steps in
    them or in an engine's queue: as many as could ever be shown, `hidden` counts those beyond;
    `used` is what is in use of the budget; `left_s` is None where no end can be expected;
    `name_cells` is the width of the widest label.
    """

    record: RunRecord
    elapsed_s: float
    left_s: Optional[float]
    used: Mapping[str, int]
    rows: Sequence[Row]
    others: Sequence[Row]
    hidden: int
    name_cells: int


def frame_lines(view: View, columns: int, height: int, look: Look) -> Tuple[Line, ...]:
    """The frame, at most `height - 1` lines (one at least) of at most `columns - 1` cells."""
    width = max(columns - 1, 1)
    room = max(height - 1, 1)
    lines = list(_head(view, width, look))[:room]
    room -= len(lines)
    if room > 0:
        lines += _rows(view, width, room, look)
    last = lines.pop()
    fitted = [_fit(spans, width, look) for spans in lines]
    return (*fitted, _fit(last, max(width - _ECHO_CELLS, 1), look))


def _rows(view: View, width: int, room: int, look: Look) -> Iterator[List[Span]]:
    """A line for each step that has room; a third is kept for those that count and wait."""
    rows, others = view.rows, view.others
    hidden = view.hidden + max(0, len(rows) + len(others) - room)
    if hidden:
        others = others[: max((room - 1) // 3, room - 1 - len(rows))]
        rows = rows[: room - 1 - len(others)]
        hidden = view.hidden + len(view.rows) - len(rows) + len(view.others) - len(others)
    name_cells = min(view.name_cells, _WIDEST_NAME, max(width // 3, 4))
    for row in (*rows, *others):
        yield _row(row, name_cells, look)
    if hidden:
        yield [("%s and %d more" % (look.ellipsis, hidden), Tone.QUIET)]


def _head(view: View, width: int, look: Look) -> Iterator[List[Span]]:
    record = view.record
    total = record.total
    done = sum(record.counts[state] for state in ENDED_STATES)
    facts = " %d/%d  %s" % (done, total, clock(view.elapsed_s))
    if view.left_s is not None:
        facts += "  about %s left" % clock(max(view.left_s, 1.0))
    name = safe_line(record.workflow)
    bar = min(_WIDEST_BAR, width - cell_len(name) - len(facts) - 1)
    if bar >= _LEAST_BAR:
        yield [
            (name + " ", Tone.STRONG),
            *_bar(record, done, total, bar, look),
            (facts, Tone.PLAIN),
        ]
    else:
        yield [(facts.strip(), Tone.PLAIN)]
    yield _counts(record, look)
    budget = _budget(record.budget, view.used, width, look)
    if budget:
        yield budget
    if record.stopping:
        words = "stopping (%s): waiting for what runs" % safe_line(record.stopping)
        yield [(words, Tone.WARN)]


def _bar(record: RunRecord, done: int, total: int, cells: int, look: Look) -> List[Span]:
    tone = Tone.BAD if record.counts[StepState.FAILED] else Tone.GOOD
    return _filled(cells * done // total if total else cells, cells, tone, look)


def _filled(filled: int, cells: int, tone: Tone, look: Look) -> List[Span]:
    full, empty = ("━", "─") if look.unicode else ("#", "-")
    return [(full * filled, tone), (empty * (cells - filled), Tone.QUIET)]


def _counts(record: RunRecord, look: Look) -> List[Span]:
    counts = record.counts
    waiting = sum(counts[state] for state in _WAITING)
    spans = [(count_words(counts, s)[0], state_tone(s)) for s in _COUNTED_FIRST if counts[s]]
    if waiting:
        spans.append(("%d waiting" % waiting, Tone.QUIET))
    spans += [(count_words(counts, s)[0], state_tone(s)) for s in _COUNTED_LAST if counts[s]]
    return _joined([[span] for span in spans], look)


def _budget(
    budget: Mapping[str, int], used: Mapping[str, int], width: int, look: Look
) -> List[Span]:
    """What is taken of each resource, with a bar for each where all of them have room."""
    plain: List[List[Span]] = []
    drawn: List[List[Span]] = []
    for name, whole in budget.items():
        if name in used:
            taken, label = used[name], resource_label(name)
            tone = Tone.PLAIN if taken else Tone.QUIET
            share = _share(name, taken, whole)
            plain.append([("%s %s" % (label, share), tone)])
            filled = min(-(-_SHARE_CELLS * taken // whole), _SHARE_CELLS) if whole else 0
            bar = _filled(filled, _SHARE_CELLS, Tone.WARN if taken >= whole else Tone.BUSY, look)
            drawn.append([(label + " ", tone), *bar, (" " + share, tone)])
    line = _joined(drawn, look)
    fits = sum(cell_len(text) for text, _ in line) <= width
    return line if fits else _joined(plain, look)


def _share(name: str, taken: int, whole: int) -> str:
    """`3/4`, `2/8 GiB`, `512 MiB/8 GiB`."""
    if name not in SIZED_RESOURCES:
        return "%s/%s" % (format_amount(name, taken), format_amount(name, whole))
    amount, unit = format_size(taken).split(" ")
    of = format_size(whole)
    same = not taken or unit == of.split(" ")[1]
    return "%s/%s" % (amount if same else "%s %s" % (amount, unit), of)


def _joined(parts: Sequence[Sequence[Span]], look: Look) -> List[Span]:
    joined: List[Span] = []
    for part in parts:
        if joined:
            joined.append((" %s " % look.dot, Tone.QUIET))
        joined += part
    return joined


def _row(row: Row, name_cells: int, look: Look) -> List[Span]:
    name = set_cell_size(fit(row.label, name_cells, look.ellipsis), name_cells)
    words = "%*s  %s" % (_CLOCK_CELLS, clock(row.elapsed_s), row.words)
    if row.state is StepState.QUEUED:
        words = " queued %s" % clock(row.elapsed_s)
        words = (" %s " % look.dot).join([words, row.words] if row.words else [words])
    return [
        ("%s " % look.mark(row.state), state_tone(row.state)),
        (name, Tone.PLAIN),
        (words.rstrip(" "), Tone.QUIET),
    ]


def _fit(spans: Sequence[Span], width: int, look: Look) -> Line:
    """The spans in one line, the one that crosses the edge cut short, those after it left out."""
    line: List[Segment] = []
    used = 0
    for text, tone in spans:
        cells = cell_len(text)
        if used + cells > width:
            text = fit(text, width - used, look.ellipsis)
            cells = cell_len(text)
        if cells:
            line.append(Segment(text, _STYLES[tone]))
        used += cells
        if used >= width:
            break
    return tuple(line)


def clock(seconds: float) -> str:
    """Whole seconds, so that a line changes once a second at most: `0s`, `42s`, `1m05s`."""
    return "%ds" % max(seconds, 0) if seconds < 60 else format_duration(int(seconds))
