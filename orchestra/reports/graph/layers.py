"""Where the nodes of a graph go: in layers, each below all that it needs, few lines crossing. Pure.

Source: K. Sugiyama, S. Tagawa, M. Toda, "Methods for Visual Understanding of Hierarchical System
Structures", IEEE Trans. SMC 11 (1981): layers, then the order in them by barycentres, then places.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import Dict, List, NamedTuple, Sequence, Tuple

Edge = Tuple[int, int]
"""A node and one that needs it, as indexes."""

_SWEEPS = 8
_MOST_BENDS = 3000
_BEND_WIDTH = 0.2


class Layout(NamedTuple):
    """The place of each node, and what each edge passes on its way.

    `x` is in widths of a node with the gap beside it, from 0 for the leftmost; `layer` counts
    from 0. `bends` of an edge are an `x` for each layer between its ends, none where there is no
    room for that many. `columns` is the largest `x`, `layers` how many layers there are.
    """

    x: Tuple[float, ...]
    layer: Tuple[int, ...]
    bends: Dict[Edge, Tuple[float, ...]]
    columns: float
    layers: int


def layers_of(count: int, edges: Sequence[Edge]) -> List[int]:
    """For each node the length of the longest way to it. What is on a circle stays in layer 0."""
    below: List[List[int]] = [[] for _ in range(count)]
    unmet = [0] * count
    for upper, lower in edges:
        below[upper].append(lower)
        unmet[lower] += 1
    layer = [0] * count
    ready = [node for node in range(count) if not unmet[node]]
    for node in ready:  # it grows
        for lower in below[node]:
            layer[lower] = max(layer[lower], layer[node] + 1)
            unmet[lower] -= 1
            if not unmet[lower]:
                ready.append(lower)
    return [0 if unmet[node] else layer[node] for node in range(count)]


def lay_out(count: int, edges: Sequence[Edge]) -> Layout:
    """The places of `count` nodes; edges that are on a circle get none."""
    if not count:
        return Layout((), (), {}, 0.0, 0)
    layer = layers_of(count, edges)
    edges = [edge for edge in edges if layer[edge[0]] < layer[edge[1]]]
    chains = _with_bends(count, edges, layer)
    rows = _rows(layer)
    links = [pair for chain in chains.values() for pair in zip(chain, chain[1:])]
    uppers: List[List[int]] = [[] for _ in layer]
    lowers: List[List[int]] = [[] for _ in layer]
    for upper, lower in links:
        uppers[lower].append(upper)
        lowers[upper].append(lower)
    rows = _ordered(rows, uppers, lowers)
    x = _places(rows, uppers, lowers, count)
    least = min(x[:count])
    x = [each - least for each in x]
    bends = {edge: tuple(x[node] for node in chain[1:-1]) for edge, chain in chains.items()}
    return Layout(tuple(x[:count]), tuple(layer[:count]), bends, max(x), len(rows))


def _with_bends(count: int, edges: Sequence[Edge], layer: List[int]) -> Dict[Edge, List[int]]:
    """Each edge as a way of one layer at a time; `layer` gets the bends that are made for that."""
    chains: Dict[Edge, List[int]] = {}
    for upper, lower in sorted(set(edges), key=lambda edge: layer[edge[1]] - layer[edge[0]]):
        between = range(layer[upper] + 1, layer[lower])
        if len(layer) - count + len(between) > _MOST_BENDS:
            between = range(0)
        first = len(layer)
        layer.extend(between)
        chains[upper, lower] = [upper, *range(first, len(layer)), lower]
    return chains


def _rows(layer: Sequence[int]) -> List[List[int]]:
    rows: List[List[int]] = [[] for _ in range(max(layer) + 1)]
    for node, number in enumerate(layer):
        rows[number].append(node)
    return rows


def _ordered(
    rows: List[List[int]], uppers: Sequence[List[int]], lowers: Sequence[List[int]]
) -> List[List[int]]:
    """The rows in the order with the fewest crossings that was found."""
    best, fewest = rows, _crossings(rows, lowers)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        rows = _swept(rows, uppers if down else lowers, down)
        crossings = _crossings(rows, lowers)
        if crossings < fewest:
            best, fewest = rows, crossings
    return best


def _swept(rows: List[List[int]], near: Sequence[List[int]], down: bool) -> List[List[int]]:
    """The rows, each ordered by the mean place of its neighbours in the row before."""
    place: Dict[int, float] = {}
    swept: List[List[int]] = []
    for row in rows if down else reversed(rows):
        key = {
            node: sum(place[other] for other in near[node]) / len(near[node])
            if near[node]
            else float(number)
            for number, node in enumerate(row)
        }
        ordered = sorted(row, key=key.__getitem__)
        place.update((node, float(number)) for number, node in enumerate(ordered))
        swept.append(ordered)
    return swept if down else swept[::-1]


def _crossings(rows: List[List[int]], lowers: Sequence[List[int]]) -> int:
    """How many pairs of links between neighbouring rows cross."""
    place = {node: number for row in rows for number, node in enumerate(row)}
    crossings = 0
    for row in rows:
        seen: List[int] = []
        for node in row:
            ends = [place[lower] for lower in lowers[node]]
            crossings += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return crossings


def _places(
    rows: List[List[int]], uppers: Sequence[List[int]], lowers: Sequence[List[int]], count: int
) -> List[float]:
    """An `x` for each node, near the middle of its neighbours, in the order of its row."""
    x = [0.0] * len(uppers)
    for row in rows:
        _place_row(row, dict.fromkeys(row, 0.0), x, count)
    for sweep in range(2 * _SWEEPS):
        down = sweep % 2 == 0
        near = uppers if down else lowers
        for row in rows if down else reversed(rows):
            wish = {node: _middle([x[other] for other in near[node]], x[node]) for node in row}
            _place_row(row, wish, x, count)
    return x


def _middle(places: List[float], otherwise: float) -> float:
    places.sort()
    half = len(places) // 2
    if not places:
        return otherwise
    return places[half] if len(places) % 2 else (places[half - 1] + places[half]) / 2


def _place_row(row: Sequence[int], wish: Dict[int, float], x: List[float], count: int) -> None:
    """Put a row as near to what is wished as its order and its widths allow, by least squares.

    That is isotonic regression once the widths are taken off: neighbours that would overlap are
    pooled at their mean.
    """
    offsets: List[float] = []
    pools: List[List[float]] = []  # the sum of wishes, how many
    edge = 0.0
    for node in row:
        half = 0.5 if node < count else _BEND_WIDTH / 2
        offsets.append(edge + half)
        edge += 2 * half
        pools.append([wish[node] - offsets[-1], 1.0])
        while len(pools) > 1 and pools[-2][0] * pools[-1][1] > pools[-1][0] * pools[-2][1]:
            total, members = pools.pop()
            pools[-1][0] += total
            pools[-1][1] += members
    means = [total / members for total, members in pools for _ in range(int(members))]
    for node, offset, mean in zip(row, offsets, means):
        x[node] = mean + offset
