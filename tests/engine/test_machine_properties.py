"""Random workflows in a hostile world: what must hold whatever happens (see `world.World`)."""

from __future__ import annotations

import random
from typing import Dict, List, Tuple

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra.engine.stimuli import StopAsked
from orchestra.model.expression import STATUS_FUNCTIONS
from orchestra.model.run import RESULT_BY_STATE, StepState
from orchestra.model.workflow import NeedResult, Retry, RetryWhen, Step, Stop
from tests.engine.plans import BODY, make_plan, step
from tests.engine.world import Behaviour, World

WHENS = ["", "", "", ":failure", ":skipped", ":success,skipped", ":done", ":stopped"]
CONDITIONS = [
    "",
    "",
    "",
    "true",
    "false",
    "always()",
    "failure()",
    "success()",
    "cancelled()",
    "failure() or cancelled()",
    "not success()",
]
BEHAVIOURS = st.builds(
    Behaviour,
    lasts=st.sampled_from([0.0, 0.5, 1.0, 3.0, 50.0]),
    exit_code=st.sampled_from([0, 0, 0, 1, 3, 100]),
    signal=st.sampled_from([None, None, None, "SIGSEGV", "SIGKILL"]),
    refusal=st.sampled_from(["", "", "", "", "no such program"]),
    unrenderable=st.sampled_from(["", "", "", "", "x is null"]),
    problems=st.sampled_from([(), (), (), ("output",)]),
    outputs=st.just({}),
    stubborn=st.booleans(),
)


@st.composite
def steps(draw) -> List[Step]:
    count = draw(st.integers(0, 8))
    made: List[Step] = []
    for n in range(count):
        above = draw(st.lists(st.integers(0, n - 1), unique=True, max_size=4)) if n else []
        condition = draw(st.sampled_from(CONDITIONS))
        has_status = any(name in condition for name in STATUS_FUNCTIONS)
        whens = [""] if has_status else WHENS
        needs = ["s%d%s" % (a, draw(st.sampled_from(whens))) for a in above]
        made.append(
            step(
                "s%d" % n,
                *needs,
                if_=condition,
                body=draw(st.sampled_from([BODY, BODY, BODY, None])),
                resources=draw(
                    st.sampled_from(
                        [{}, {"cpu": 0}, {"cpu": 2000}, {"memory": 2**32}, {"gpu": 1}, {"gpu": 2}]
                    )
                ),
                mutex=draw(st.sampled_from([(), (), ("m",)])),
                priority=draw(st.integers(-1, 1)),
                timeout=draw(st.sampled_from([None, None, 1.0, 20.0])),
                stop=Stop("SIGTERM", draw(st.sampled_from([0.0, 5.0]))),
                retry=Retry(
                    max=draw(st.integers(0, 2)),
                    delay_s=draw(st.sampled_from([0.0, 2.0])),
                    jitter=draw(st.sampled_from([0.0, 1.0])),
                    when=draw(st.sampled_from([None, RetryWhen((1,), ("SIGKILL",), True)])),
                ),
                allow_failure=draw(st.sampled_from([False, False, True, (3,)])),
                success_codes=draw(st.sampled_from([(0,), (0, 3)])),
                skip_codes=draw(st.sampled_from([(), (100,)])),
            )
        )
    return made


@settings(max_examples=400, deadline=None)
@given(
    steps(),
    st.lists(BEHAVIOURS, min_size=24, max_size=24),
    st.dictionaries(
        st.sampled_from([0.0, 0.5, 1.0, 4.0, 30.0]),
        st.sampled_from([StopAsked("SIGINT", 130), StopAsked("SIGTERM", 143, True)]),
        max_size=2,
    ),
    st.booleans(),
    st.sampled_from([None, 1, 2]),
    st.sampled_from([None, None, 10.0]),
    st.integers(0, 2**32),
)
def test_no_hostile_world_breaks_a_promise(
    made, behaviours, stops, fail_fast, max_parallel, timeout_s, seed
):
    plan, scopes = make_plan(
        *made,
        cpu=3,
        devices=(0, 1),
        fail_fast=fail_fast,
        max_parallel=max_parallel,
        timeout_s=timeout_s,
    )
    place = {planned.step.id: n for n, planned in enumerate(plan.steps)}
    World(
        plan,
        scopes,
        lambda key: behaviours[place[key.step] * 3 + key.number - 1],
        stops,
        random.Random(seed),
    ).run()


def model(made: List[Step], ends: Dict[str, StepState]) -> Dict[str, StepState]:
    """The skip algebra, written down once more: what each step comes to when nothing is stopped."""
    states: Dict[str, StepState] = {}
    for one in made:
        results = [(RESULT_BY_STATE[states[n.step]], n.when) for n in one.needs]
        condition = one.condition.source if one.condition else "true"
        status = {
            "always()": True,
            "cancelled()": False,
            "success()": all(r is NeedResult.SUCCESS for r, _ in results),
            "failure()": any(states[a] is StepState.FAILED for a in above(made, one)),
        }
        if not any(call in condition for call in status):
            unmet = [r for r, when in results if r not in when]
            if unmet:
                bad = {NeedResult.FAILURE, NeedResult.STOPPED} & set(unmet)
                states[one.id] = StepState.BLOCKED if bad else StepState.SKIPPED
                continue
        for call, value in status.items():
            condition = condition.replace(call, str(value))
        if not eval(condition, {"true": True, "false": False}):
            states[one.id] = StepState.SKIPPED
        elif one.body is None:
            states[one.id] = StepState.SUCCEEDED
        else:
            states[one.id] = ends[one.id]
    return states


def above(made: List[Step], one: Step) -> List[str]:
    by_id = {s.id: s for s in made}
    found: List[str] = []
    queue: List[Tuple[str, ...]] = [tuple(n.step for n in one.needs)]
    while queue:
        for id in queue.pop():
            found.append(id)
            queue.append(tuple(n.step for n in by_id[id].needs))
    return found


@settings(max_examples=400, deadline=None)
@given(steps(), st.lists(st.sampled_from([0, 0, 1]), min_size=8, max_size=8), st.integers(0, 2**32))
def test_states_are_what_the_skip_algebra_says(made, codes, seed):
    made = [s._replace(timeout=None, retry=Retry(), allow_failure=False) for s in made]
    plan, scopes = make_plan(*made, cpu=3, devices=(0, 1))
    ends = {s.id: StepState.FAILED if code else StepState.SUCCEEDED for s, code in zip(made, codes)}
    code_by_id = {s.id: code for s, code in zip(made, codes)}
    world = World(
        plan,
        scopes,
        lambda key: Behaviour(exit_code=code_by_id[key.step]),
        rng=random.Random(seed),
    ).run()
    assert world.states == {id: state.value for id, state in model(made, ends).items()}
