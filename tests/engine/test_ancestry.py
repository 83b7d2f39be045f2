"""Which steps come before which."""

from __future__ import annotations

from typing import List, Tuple

from hypothesis import given
from hypothesis import strategies as st

from orchestra.engine.ancestry import ordered_pairs


@st.composite
def graphs(draw: st.DrawFn) -> List[Tuple[int, ...]]:
    count = draw(st.integers(1, 12))
    return [
        tuple(sorted(draw(st.sets(st.integers(0, number - 1), max_size=3)))) if number else ()
        for number in range(count)
    ]


def walk(needs: List[Tuple[int, ...]], below: int) -> List[int]:
    return [one for need in needs[below] for one in [need, *walk(needs, need)]]


@given(graphs())
def test_a_pair_is_in_order_where_a_walk_up_finds_it(needs):
    pairs = [(above, below) for above in range(len(needs)) for below in range(len(needs))]

    found = ordered_pairs(needs, pairs)

    assert found == {(above, below) for below in range(len(needs)) for above in walk(needs, below)}


def test_far_steps_are_told_of_in_several_walks():
    chain = [(), *[(number,) for number in range(9000)]]
    pairs = [(number, 9000) for number in range(8000)]

    assert ordered_pairs(chain, [*pairs, (9000, 0), (5, 5)]) == set(pairs)
