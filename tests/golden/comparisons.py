"""A comparison made by hand, with names and values as hostile as a file can make them."""

from __future__ import annotations

from orchestra.model.comparison import (
    Against,
    Cause,
    Change,
    Comparison,
    FieldChange,
    OnResume,
    StepComparison,
)
from orchestra.model.plan import Will
from orchestra.model.run import RunState, StepState

RUN, KEPT, PERHAPS = OnResume.RUN, OnResume.KEPT, OnResume.UNKNOWN
STEPS = (
    StepComparison(
        "fetch", Change.SAME, (), "", Will.CACHED, (), "up to date", StepState.SUCCEEDED, KEPT
    ),
    StepComparison(
        "get",
        Change.ADDED,
        (),
        "load",
        Will.RUN,
        (Cause.ADDED,),
        "it was `load`",
        None,
        RUN,
    ),
    StepComparison(
        "build",
        Change.CHANGED,
        (
            FieldChange("run", "make", "make -j4 | tee \x1b[2J </script>"),
            FieldChange("needs", "load", "get", note="`load` is `get` now"),
            FieldChange("env.MODE", None, ""),
            FieldChange("python", None, None, line=7),
            FieldChange("timeout", "1m00s", "2m00s", counts=False),
        ),
        "",
        Will.RUN,
        (Cause.CHANGED, Cause.ABOVE, Cause.FAILED),
        "changed: run, needs, env.MODE; `get` above it runs again; it failed then",
        StepState.FAILED,
        RUN,
    ),
    StepComparison(
        "plot",
        Change.SAME,
        (),
        "",
        Will.UNKNOWN,
        (Cause.ABOVE,),
        "below `build`, which will run",
        StepState.BLOCKED,
        PERHAPS,
    ),
    StepComparison(
        "tidy", Change.SAME, (), "", Will.RUN, (Cause.ALWAYS,), "it has no `cache`", None, KEPT
    ),
    StepComparison("old", Change.REMOVED, then=StepState.SUCCEEDED),
)


def nightly() -> Comparison:
    """Against a run that failed."""
    return Comparison(
        "nightly @ann <b>",
        Against("20261122-101500-k3fz", run_state=RunState.FAILED),
        (FieldChange("env.MODE", "fast", "slow"),),
        (FieldChange("token", None, None, note="masked"),),
        STEPS,
        ("that run goes on | and\non",),
    )


def unchanged() -> Comparison:
    """Against a revision, and all is as it was."""
    steps = tuple(step._replace(on_resume=None) for step in STEPS[:1])
    return Comparison("nightly", Against("main", "1a2b3c4d5e6f7081"), (), (), steps)
