"""Random workflows in a hostile world: what must hold whatever happens.

Which promises are held is told by `audit.Audit` and `world.World`, which check them after every
turn: order, one attempt at a time, budget, devices, retries, one end with a reason for each step,
what a stop and `fail_fast` keep from starting, the skip algebra, the end of the run.
"""

from __future__ import annotations

from hypothesis import given, settings

from tests.effort import examples
from tests.engine.vocabulary import Story, stories


@settings(max_examples=examples(600), deadline=None)
@given(stories())
def test_no_hostile_world_breaks_a_promise(story: Story) -> None:
    story.tell()
