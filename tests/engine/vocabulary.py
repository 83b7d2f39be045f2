"""Random workflows over every key that the machine knows, and how their attempts go.

A new key of a step is a line in STEP_KEYS, one of the root a line in ROOT_KEYS, a new way for an
attempt to go a line in BEHAVIOURS.
"""

from __future__ import annotations

import random
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Sequence, Tuple
from zlib import crc32

from hypothesis import strategies as st

from orchestra.engine.caching import Finding, KeptSuccess, Seal
from orchestra.engine.choice import Choice
from orchestra.engine.scope import Scopes
from orchestra.engine.stimuli import StopAsked
from orchestra.model.errand import LOCAL
from orchestra.model.expression import STATUS_FUNCTIONS
from orchestra.model.plan import Plan
from orchestra.model.run import AttemptKey, Outcome
from orchestra.model.workflow import (
    Artifacts,
    ArtifactsWhen,
    Cache,
    Foreach,
    InnerSteps,
    Retry,
    RetryWhen,
    Step,
    Stop,
)
from tests.engine.crashes import CrashingWorld
from tests.engine.elsewhere import Queue
from tests.engine.plans import BODY, make_plan, step
from tests.engine.world import Behaviour, World

MOST_STEPS = 9
EVERY = "fallback on_success on_failure on_cancel finally"


def seldom(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """Half of the time the usual value, else one of the others."""
    return st.sampled_from([usual] * len(others) + list(others))


WHENS = seldom("", ":failure", ":skipped", ":success,skipped", ":done", ":failure,skipped")
CONDITIONS = seldom(
    "",
    "true",
    "false",
    "always()",
    "failure()",
    "success()",
    "cancelled()",
    "failure() or cancelled()",
    "not success()",
    "always() and {above}.result == 'success'",
    "success() or {above}.exit_code == 3",
    "{above}.result != 'failure'",
    "{above}.state in ['skipped', 'allowed_failure']",
    "glob('none') == []",
)
"""`{above}` is a step above; without one there is no condition."""

STEP_KEYS: Mapping[str, st.SearchStrategy[Any]] = {
    "body": st.sampled_from([BODY, BODY, BODY, None]),
    "require": seldom((), (("true", "fine"),), (("true", "fine"), ("false", "not so"))),
    "resources": seldom(
        {}, {"cpu": 0}, {"cpu": 2000}, {"memory": 2**32}, {"gpu": 1}, {"gpu": 2}, {"db": 1}
    ),
    "mutex": seldom((), ("m",), ("m", "n")),
    "jobserver": seldom(False, True),
    "priority": st.integers(-1, 1),
    "duration_s": seldom(None, 0.0, 60.0),
    "timeout": seldom(None, 1.0, 20.0),
    "stop": st.builds(Stop, st.just("SIGTERM"), st.sampled_from([0.0, 5.0])),
    "retry": st.builds(
        Retry,
        max=st.integers(0, 2),
        delay_s=st.sampled_from([0.0, 2.0]),
        backoff=st.sampled_from([1.0, 3.0]),
        max_delay_s=seldom(None, 4.0),
        jitter=st.sampled_from([0.0, 1.0]),
        max_time_s=seldom(None, 3.0),
        when=seldom(
            None, RetryWhen((1,), ("SIGKILL",), True), RetryWhen((3,)), RetryWhen(output="x")
        ),
        resources=seldom({}, {"cpu": 1.5}, {"cpu": 4.0}),
    ),
    "allow_failure": seldom(False, True, (3,)),
    "success_codes": seldom((0,), (0, 3)),
    "skip_codes": seldom((), (100,)),
    "artifacts": seldom(None, *(Artifacts(("x",), when) for when in ArtifactsWhen)),
    "handlers": seldom(
        "",
        "fallback",
        "on_failure finally",
        "on_success on_cancel",
        "fallback* on_failure* finally",
        "on_success* on_cancel* finally*",
        EVERY,
    ),
    "fan_out": seldom(None, Foreach([]), Foreach([1]), Foreach([1, 2, 3])),
    "max_parallel": seldom(None, 1, 2),
    "fail_fast": seldom(None, True, False),
    "cache": seldom(None, Cache(("x",))),
    "executor": seldom(LOCAL, "slurm", "dask"),
    "may_rerun": seldom(True, True, False),
}

KEYS_BESIDE_STEPS = ("require", "timeout", "handlers", "fan_out", "max_parallel", "fail_fast")
"""What a step may have that holds others."""

ROOT_KEYS: Mapping[str, st.SearchStrategy[Any]] = {
    "fail_fast": st.booleans(),
    "max_parallel": seldom(None, 1, 2),
    "timeout_s": seldom(None, 10.0),
    "handlers": seldom(
        "", "on_failure finally", "on_success on_cancel finally", "on_failure* on_cancel* finally*"
    ),
}

BEHAVIOURS = st.builds(
    Behaviour,
    lasts=st.sampled_from([0.0, 0.5, 1.0, 3.0, 50.0]),
    exit_code=seldom(0, 1, 3, 100),
    signal=st.sampled_from([None, None, None, "SIGSEGV", "SIGKILL"]),
    refusal=st.sampled_from(["", "", "", "", "no such program"]),
    unrenderable=st.sampled_from(["", "", "", "", "x is null"]),
    problems=st.sampled_from([(), (), (), ("output",)]),
    matched=st.booleans(),
    outputs=st.just({}),
    stubborn=st.booleans(),
    queue=st.builds(
        Queue,
        waits=st.sampled_from([0.0, 0.7, 4.0, 30.0]),
        reasons=st.sampled_from([("",), ("Priority", "Priority", "Resources", "Priority"), ()]),
        lost=st.sampled_from(["", "node n1 failed"]),
        ends=st.sampled_from([None, None, None, Outcome.TIMED_OUT, Outcome.FAILED]),
    ),
)

STOPS = st.dictionaries(
    st.sampled_from([0.0, 0.5, 1.0, 1.3, 2.0, 4.0, 6.0, 30.0, 60.0]),
    st.sampled_from(
        [
            StopAsked("SIGINT", 130),
            StopAsked("SIGTERM", 143),
            StopAsked("SIGTERM", 143, True),
        ]
    ),
    max_size=3,
)


FINDINGS = st.sampled_from(
    [
        Finding("f", {"key": "1"}, reason="it has to"),
        Finding("", reason="it cannot be told"),
        Finding("f", {}, KeptSuccess("run-0", {}, {}, {"n": 1}), "up to date"),
        Finding(fault="cache.key is null"),
    ]
)
SEALS = st.sampled_from([Seal({"x": "1"}), Seal(None), Seal(None, ("x is missing",))])


class Story(NamedTuple):
    """A workflow, how each attempt goes, and when somebody asks for a stop.

    `findings` and `seals` are what the cache says of each step, `skip` how many of every second
    step are left out.
    """

    steps: List[Step]
    root: Dict[str, Any]
    behaviours: List[Behaviour]
    stops: Mapping[float, StopAsked]
    findings: List[Finding]
    seals: List[Seal]
    skip: int
    seed: int

    def tell(self) -> World:
        """Run it in a hostile world; every promise is checked on the way."""
        plan, scopes = self._plan()
        world = World(
            plan,
            scopes,
            self._behave(),
            self.stops,
            random.Random(self.seed),
            **self._about_files(),
        )
        return world.run()

    def tell_with_crashes(self, crashes: Sequence[Tuple[int, bool]]) -> CrashingWorld:
        """Run it in a world in which the orchestrator dies after these turns."""
        rng = random.Random(self.seed)
        behave, about = self._behave(), self._about_files()
        return CrashingWorld(self._plan, behave, rng, crashes, self.stops, **about).run()

    def _plan(self) -> Tuple[Plan, Scopes]:
        ids = [one.id for one in self.steps]
        return make_plan(
            *self.steps,
            cpu=3,
            budget={"db": 2},
            devices=(0, 1),
            files={"glob": lambda pattern: []},
            chosen=Choice(skip=tuple(ids[::2][: self.skip])) if len(ids) > 1 else None,
            **self.root,
        )

    def _about_files(self) -> Dict[str, Any]:
        ids = [one.id for one in self.steps]
        return {
            "knows_conditions": True,
            "findings": dict(zip(ids, self.findings)),
            "seals": dict(zip(ids, self.seals)),
            "seal_s": 1.0,
        }

    def _behave(self) -> Callable[[AttemptKey], Behaviour]:
        place_by_id = {one.id: place for place, one in enumerate(self.steps)}
        return lambda key: self.behaviours[
            (place_by_id.get(key.step, crc32(key.step.encode())) * 3 + key.number)
            % len(self.behaviours)
        ]


@st.composite
def _steps(draw: st.DrawFn, id: str, needs: Sequence[str], condition: str, depth: int = 0) -> Step:
    """Any step; now and then one that holds others, in a line or side by side."""
    keys = {name: draw(values) for name, values in STEP_KEYS.items()}
    keys["jobserver"] = keys["jobserver"] and keys["executor"] == LOCAL
    if depth < 2 and draw(st.integers(0, 4)) == 0:
        keys = {name: keys[name] for name in KEYS_BESIDE_STEPS}
        keys["allow_failure"] = draw(st.booleans())
        in_line = draw(st.booleans())
        inner: Dict[str, Step] = {}
        for number in range(draw(st.integers(1, 3))):
            above = ["i%d" % (number - 1)] if in_line and number else []
            inner["i%d" % number] = draw(_steps("i%d" % number, above, "", depth + 1))
        keys["body"] = InnerSteps(
            {name: one._replace(place=place) for place, (name, one) in enumerate(inner.items())}
        )
    return step(id, *needs, if_=condition, **keys)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Any story; steps need steps that were drawn before them."""
    count = draw(st.integers(0, MOST_STEPS))
    most_needs = draw(st.sampled_from([0, 1, 4]))  # steps beside, in lines, in a mesh
    made: List[Step] = []
    for n in range(count):
        above = draw(st.lists(st.integers(0, n - 1), unique=True, max_size=most_needs)) if n else []
        condition = draw(CONDITIONS)
        if "{above}" in condition:
            condition = condition.replace("{above}", "steps.s%d" % above[0]) if above else ""
        takes_whens = not any(name in condition for name in STATUS_FUNCTIONS)
        whens = WHENS if takes_whens else st.just("")
        needs = ["s%d%s" % (number, draw(whens)) for number in above]
        made.append(draw(_steps("s%d" % n, needs, condition)))
    return Story(
        made,
        {name: draw(values) for name, values in ROOT_KEYS.items()},
        draw(st.lists(BEHAVIOURS, min_size=12, max_size=12)),
        draw(STOPS),
        draw(st.lists(FINDINGS, min_size=MOST_STEPS, max_size=MOST_STEPS)),
        draw(st.lists(SEALS, min_size=MOST_STEPS, max_size=MOST_STEPS)),
        draw(seldom(0, 1, 2)),
        draw(st.integers(0, 2**32)),
    )
