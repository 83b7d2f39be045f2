"""Random workflows whose orchestrator dies, again and again: no promise is broken."""

from __future__ import annotations

from typing import List, Tuple

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra.model.workflow import Foreach
from tests.effort import examples
from tests.engine.plans import step
from tests.engine.vocabulary import Story, stories
from tests.engine.world import Behaviour

CRASHES = st.lists(st.tuples(st.integers(1, 14), st.booleans()), min_size=1, max_size=4)


@settings(max_examples=examples(400), deadline=None)
@given(stories(), CRASHES)
def test_no_death_of_the_orchestrator_breaks_a_promise(
    story: Story, crashes: List[Tuple[int, bool]]
) -> None:
    story.tell_with_crashes(crashes)


def test_a_share_that_was_given_back_for_a_handler_is_not_held_after_a_crash() -> None:
    well = Behaviour(lasts=0.0)
    instances = step(
        "s0",
        resources={"gpu": 2},
        handlers="fallback* on_failure* finally",
        fan_out=Foreach([1, 2, 3]),
    )
    behaviours = [well] * 12
    behaviours[1] = Behaviour(lasts=0.5)
    behaviours[4] = Behaviour(lasts=0.0, exit_code=1)
    behaviours[7] = Behaviour(lasts=0.0, signal="SIGSEGV")
    behaviours[10] = Behaviour(lasts=0.0, unrenderable="x is null")
    story = Story([instances], {}, behaviours, {}, [], [], 0, 0)
    for turn in range(1, 25):
        story.tell_with_crashes([(turn, False)])
