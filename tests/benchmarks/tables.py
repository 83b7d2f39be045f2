"""Results of orchestrators side by side, as Markdown and as values for JSON. Pure."""

from __future__ import annotations

import statistics
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from tests.benchmarks.measuring import Cost


class Group(NamedTuple):
    """What is measured side by side: `steps` of a kind in a shape."""

    kind: str
    shape: str
    steps: int


class Result(NamedTuple):
    """The costs of one contender by round; `fault` says why there are none, or no more."""

    costs: List[Cost]
    fault: str = ""


Results = Dict[str, Result]
"""Results by contender."""


class Row(NamedTuple):
    """Medians, and what lies around them; `rate` is that of ninja's CPU to this, round by round."""

    rounds: int
    cpu_s: float
    cpu_us_per_step: float
    least_us_per_step: float
    most_us_per_step: float
    wall_s: float
    peak_bytes: float
    rate: Optional[float]


def row_of(result: Result, ninja: Optional[Result], steps: int) -> Optional[Row]:
    """None where the contender has come to no end."""
    if result.fault or not result.costs:
        return None
    cpu = [cost.cpu_s for cost in result.costs]
    each_us = [seconds / steps * 1e6 for seconds in cpu]
    pairs = list(zip(result.costs, ninja.costs)) if ninja else []
    return Row(
        len(cpu),
        statistics.median(cpu),
        statistics.median(each_us),
        min(each_us),
        max(each_us),
        statistics.median(cost.wall_s for cost in result.costs),
        statistics.median(cost.peak_bytes for cost in result.costs),
        statistics.median(theirs.cpu_s / own.cpu_s for own, theirs in pairs) if pairs else None,
    )


def rows_of(results: Results, steps: int) -> Dict[str, Optional[Row]]:
    """The rows by contender."""
    ninja = results.get("ninja")
    return {name: row_of(result, ninja, steps) for name, result in results.items()}


def detail(group: Group, results: Results) -> str:
    """All that was found of one group."""
    heads = [
        "rounds",
        "CPU s",
        "CPU µs a step",
        "least to most",
        "wall s",
        "peak MB",
        "rate, ninja = 1",
    ]
    rows = [
        (name, _cells(row) if row else ["", results[name].fault, "", "", "", "", ""])
        for name, row in rows_of(results, group.steps).items()
    ]
    return _table("%s, %s, %s steps" % (group.kind, group.shape, f"{group.steps:,}"), heads, rows)


def _cells(row: Row) -> List[str]:
    return [
        "%d" % row.rounds,
        "%.2f" % row.cpu_s,
        _whole(row.cpu_us_per_step),
        "%s to %s" % (_whole(row.least_us_per_step), _whole(row.most_us_per_step)),
        "%.2f" % row.wall_s,
        "%.0f" % (row.peak_bytes / 1e6),
        _rate(row),
    ]


def overview(kind: str, found: Dict[Group, Results], cell: Callable[[Row], str]) -> str:
    """One figure of each contender in all groups of a kind: a column each, shape by shape."""
    shapes = list(dict.fromkeys(group.shape for group in found))
    groups = [group for group in found if group.kind == kind]
    groups.sort(key=lambda group: (shapes.index(group.shape), group.steps))
    rows_by_group = {group: rows_of(found[group], group.steps) for group in groups}
    lines = [
        (name, [_one(rows_by_group[group], found[group], name, cell) for group in groups])
        for name in _names(found[group] for group in groups)
    ]
    return _table(kind, ["%s %s" % (group.shape, f"{group.steps:,}") for group in groups], lines)


def cpu_cell(row: Row) -> str:
    """CPU of a step, and the rate."""
    return "%s (%s)" % (_whole(row.cpu_us_per_step), _rate(row))


def wall_and_memory_cell(row: Row) -> str:
    """Seconds, and memory."""
    return "%.1f s, %.0f MB" % (row.wall_s, row.peak_bytes / 1e6)


def values(found: Dict[Group, Results]) -> List[Dict[str, object]]:
    """An object for each contender in each group; bytes, seconds and microseconds."""
    return [
        {
            **group._asdict(),
            "contender": name,
            "fault": results[name].fault or None,
            **(row._asdict() if row else {}),
            "costs": [cost._asdict() for cost in results[name].costs],
        }
        for group, results in found.items()
        for name, row in rows_of(results, group.steps).items()
    ]


def _one(
    rows: Dict[str, Optional[Row]], results: Results, name: str, cell: Callable[[Row], str]
) -> str:
    if name not in rows:
        return "–"
    row = rows[name]
    return cell(row) if row else results[name].fault


def _names(groups: Iterable[Results]) -> List[str]:
    """All contenders, in the order in which they first come."""
    return list(dict.fromkeys(name for results in groups for name in results))


def _rate(row: Row) -> str:
    if row.rate is None:
        return "–"
    return ("%.3f" if row.rate < 0.1 else "%.2f") % row.rate


def _whole(number: float) -> str:
    return f"{number:,.0f}"


def _table(title: str, heads: Sequence[str], rows: Sequence[Tuple[str, Sequence[str]]]) -> str:
    lines = [[title, *heads], *([name, *cells] for name, cells in rows)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    lines.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    return "".join("| %s |\n" % " | ".join(_padded(line, widths)) for line in lines)


def _padded(line: Sequence[str], widths: Sequence[int]) -> List[str]:
    """The first cell to the left, the others to the right."""
    numbers = [text.rjust(width) for text, width in zip(line[1:], widths[1:])]
    return [line[0].ljust(widths[0]), *numbers]
