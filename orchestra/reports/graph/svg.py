"""Draws a graph as SVG. Pure but for its own style sheet, which it reads; names are only text."""

from __future__ import annotations

import os
from html import escape
from typing import FrozenSet, List, NamedTuple, Tuple

from rich.cells import cell_len, set_cell_size

from orchestra.model.screen_text import safe_line
from orchestra.reports.graph.layers import Edge, Layout, lay_out

_WIDTH, _HEIGHT = 200, 50
_GAP_X, _GAP_Y = 26, 40
_MARGIN = 12
_TITLE_CELLS, _DETAIL_CELLS = 20, 24
_QUEUED = ".queued { --state: var(--busy); }\n"


class Node(NamedTuple):
    """What is drawn in one box: a `title`, a `detail` below it, a `mark` before both.

    `label` is all of it in words; `kind` is the class of its colour; `shares` are kinds with how
    many of each are in it, for a bar at its foot; `link` is where a click leads, if anywhere.
    """

    title: str
    detail: str
    label: str
    kind: str
    mark: str
    shares: Tuple[Tuple[str, int], ...] = ()
    critical: bool = False
    link: str = ""


class Graph(NamedTuple):
    """Nodes, and pairs of a node and one that needs it, as indexes; `critical` are some of them."""

    nodes: Tuple[Node, ...]
    edges: Tuple[Edge, ...]
    critical: FrozenSet[Edge] = frozenset()


def render_svg(graph: Graph, title: str) -> str:
    """The graph as an `svg` element, top down, which takes its colours from the page around it.

    It takes about n log n time, but what has tens of thousands of nodes is nothing to look at.
    """
    layout = lay_out(len(graph.nodes), graph.edges)
    width = int(layout.columns * (_WIDTH + _GAP_X)) + _WIDTH + 2 * _MARGIN
    height = max(layout.layers, 1) * (_HEIGHT + _GAP_Y) - _GAP_Y + 2 * _MARGIN
    ordered = sorted(layout.bends, key=lambda edge: edge in graph.critical)
    parts = [
        '<svg class="graph" xmlns="http://www.w3.org/2000/svg" width="%d" height="%d"'
        ' viewBox="0 0 %d %d" role="group" aria-label="%s">\n'
        % (width, height, width, height, escape("Graph of %s" % safe_line(title)[:200]))
    ]
    parts += [_edge(graph, layout, edge) for edge in ordered]
    reading = sorted(range(len(graph.nodes)), key=lambda n: (layout.layer[n], layout.x[n]))
    parts += [_node(graph.nodes[n], *_corner(layout, n)) for n in reading]
    return "".join([*parts, "</svg>"])


def graph_style(with_queued: bool = False) -> str:
    """The style sheet of a graph; `with_queued`, also for steps in the queue of an engine."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "graph.css")
    with open(path, encoding="utf-8") as file:
        return file.read() + (_QUEUED if with_queued else "")


def standalone(svg: str, with_queued: bool = False) -> str:
    """The element as a file, with its colours in it."""
    head, rest = svg.split("\n", 1)
    return "%s\n<style>\n%s</style>\n%s\n" % (head, graph_style(with_queued), rest)


def _corner(layout: Layout, node: int) -> Tuple[float, float]:
    return (
        _MARGIN + layout.x[node] * (_WIDTH + _GAP_X),
        _MARGIN + layout.layer[node] * (_HEIGHT + _GAP_Y),
    )


def _edge(graph: Graph, layout: Layout, edge: Edge) -> str:
    upper, lower = edge
    x, y = _corner(layout, upper)
    x, y = x + _WIDTH / 2, y + _HEIGHT
    path = ["M%s %s" % (_short(x), _short(y))]
    for number, bend in enumerate(layout.bends[edge], layout.layer[upper] + 1):
        bend_x = _MARGIN + bend * (_WIDTH + _GAP_X) + _WIDTH / 2
        bend_y = _MARGIN + number * (_HEIGHT + _GAP_Y)
        path.append("%sV%s" % (_curve(y, bend_x, x, bend_y), _short(bend_y + _HEIGHT)))
        x, y = bend_x, bend_y + _HEIGHT
    end_x, end_y = _corner(layout, lower)
    path.append(_curve(y, end_x + _WIDTH / 2, x, end_y))
    critical = " critical" if edge in graph.critical else ""
    return '<path class="edge%s" d="%s"/>\n' % (critical, "".join(path))


def _curve(y: float, end_x: float, x: float, end_y: float) -> str:
    """A line that leaves and arrives upright."""
    middle = (y + end_y) / 2
    numbers = (x, middle, end_x, middle, end_x, end_y)
    return "C" + " ".join(_short(number) for number in numbers)


def _node(node: Node, x: float, y: float) -> str:
    title = _cut(node.title, _TITLE_CELLS)
    body = (
        '<g class="node %s" transform="translate(%s %s)"><title>%s</title>'
        '<rect class="box" width="%d" height="%d" rx="8"/>'
        '<text class="mark" x="17" y="22">%s</text>'
        '<text class="title" x="32" y="21">%s</text><text class="detail" x="32" y="38">%s</text>'
        "%s%s</g>"
    ) % (
        node.kind,
        _short(x),
        _short(y),
        escape(safe_line(node.label)[:500]),
        _WIDTH,
        _HEIGHT,
        node.mark,
        escape(title),
        escape(_cut(node.detail, _DETAIL_CELLS)),
        _bar(node),
        '<text class="diamond" x="%d" y="38">◆</text>' % (_WIDTH - 10) if node.critical else "",
    )
    if not node.link:
        return body + "\n"
    return '<a href="%s">%s</a>\n' % (escape(node.link), body)


def _bar(node: Node) -> str:
    """How many of each kind are in a node, as a bar at its foot."""
    total = sum(count for _, count in node.shares)
    parts: List[str] = []
    x = 10.0
    for kind, count in node.shares:
        width = (_WIDTH - 20) * count / total
        bar = '<rect class="share %s" x="%s" y="%d" width="%s" height="3"/>'
        parts.append(bar % (kind, _short(x), _HEIGHT - 6, _short(max(width, 1.0))))
        x += width
    return "".join(parts)


def _cut(text: str, cells: int) -> str:
    text = safe_line(text[: 4 * cells])
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, cells - 1).rstrip() + "…"


def _short(number: float) -> str:
    return ("%.1f" % number).rstrip("0").rstrip(".")
