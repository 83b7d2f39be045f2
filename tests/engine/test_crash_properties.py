"""Random workflows whose orchestrator dies, again and again: no promise is broken."""

from __future__ import annotations

from typing import List, Tuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.vocabulary import Story, stories

CRASHES = st.lists(st.tuples(st.integers(1, 14), st.booleans()), min_size=1, max_size=4)


@settings(max_examples=400, deadline=None)
@given(stories(), CRASHES)
def test_no_death_of_the_orchestrator_breaks_a_promise(
    story: Story, crashes: List[Tuple[int, bool]]
) -> None:
    story.tell_with_crashes(crashes)
