"""Steps and what they need, in the shapes that are measured. Pure."""

from __future__ import annotations

from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple, Union

Command = Union[str, List[str]]
"""A script for `sh`, or the words of an external program."""

Needs = Tuple[int, ...]

LAYER_WIDTH = 50


class Step(NamedTuple):
    """A step, known by its place in the list; `needs` are places in the same list."""

    command: Command
    needs: Needs


def wide(count: int) -> List[Needs]:
    """All independent."""
    return [()] * count


def chain(count: int) -> List[Needs]:
    """Each after the one before."""
    return [(number - 1,) if number else () for number in range(count)]


def layered(count: int, width: int = LAYER_WIDTH) -> List[Needs]:
    """Layers of `width`, at least 2; each step after the one above it and that one's neighbour."""
    return [_two_above(number, width) if number >= width else () for number in range(count)]


def _two_above(number: int, width: int) -> Needs:
    first_above = (number // width - 1) * width
    return first_above + number % width, first_above + (number + 1) % width


SHAPES: Dict[str, Callable[[int], List[Needs]]] = {"wide": wide, "chain": chain, "layered": layered}


def backwards(graph: Sequence[Needs]) -> List[Needs]:
    """The same graph numbered from its end, so that file order is never the order to run in."""
    last = len(graph) - 1
    return [tuple(last - need for need in needs) for needs in reversed(graph)]


def steps_of(graph: Sequence[Needs], command: Command) -> List[Step]:
    """Steps that all run the same."""
    return [Step(command, needs) for needs in graph]
