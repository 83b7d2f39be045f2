"""Tests that were tried: some pass, some fail, one is hostile."""

from __future__ import annotations

from orchestra.model.events import (
    AttemptEnded,
    AttemptStarted,
    Envelope,
    RetryScheduled,
    RunFinished,
    StepEnded,
)
from orchestra.model.verdict import Mismatch, Tried, Verdict

_STORY = (
    AttemptStarted("fetch", 1, 0.0, ()),
    AttemptEnded("fetch", 1, "failed", 75, None, "exit code 75", None, None, None, 0),
    RetryScheduled("fetch", 2, 10.0),
    AttemptStarted("fetch", 2, 5.0, ()),
    AttemptEnded("fetch", 2, "timed_out", None, "SIGTERM", "timed out", None, None, None, 0),
    StepEnded("fetch", "failed", "timed out after 1h00m", {}),
    RunFinished("failed", 1, ""),
)
_ODD = ']]> & <b> \x1b[31mred\n\x00 \u202e \ud800 `x` | "q"'

NIGHTLY = Tried(
    "nightly.test.yaml",
    (
        Verdict("all goes well", 9, 3, 3725.5),
        Verdict(
            "the source is down",
            14,
            3,
            3630.0,
            (
                Mismatch(18, 16, "state", "succeeded", "failed", "", ("fetch",)),
                Mismatch(20, 24, "`fetch` attempts", "3", "2", "", ("fetch",)),
            ),
            tuple(Envelope(n, 1000.0 + 600 * n, event) for n, event in enumerate(_STORY)),
            1000.0,
        ),
        Verdict(
            "nobody ends it",
            22,
            3,
            None,
            (Mismatch(23, 5, "`load` never ends: nothing asks it to", hint="give it a `timeout`"),),
        ),
    ),
)
HOSTILE = Tried(
    "odd %s.test.yaml" % _ODD,
    (
        Verdict(_ODD * 3, 2, 3, 0.0),
        Verdict(_ODD, 3, 3, 0.0, (Mismatch(4, 5, _ODD, _ODD, "x" * 1000),)),
        Verdict("many", 5, 3, 1.0, (Mismatch(6, 5, "state", "a", "b"),) * 21),
    ),
)
TRIED = (NIGHTLY, HOSTILE)
