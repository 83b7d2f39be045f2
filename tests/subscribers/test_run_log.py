"""The log of a run: a line for each event, whatever it holds."""

from __future__ import annotations

import json
from typing import Any, Dict, List

import pytest

from orchestra.engine.replay import Replay
from orchestra.model import events
from orchestra.model.events import (
    AlertSent,
    AttemptEnded,
    Noted,
    RetryScheduled,
    StepEnded,
    StopRequested,
)
from orchestra.subscribers.run_log import _HOW, RunLog
from tests.subscribers.screens import Pages
from tests.subscribers.stories import Story


def lines(story: Story) -> List[Dict[str, Any]]:
    """What the log tells of the story."""
    pages, replay = Pages(), Replay()
    log = RunLog(pages, replay)
    replay.apply(story.envelopes)
    log.handle(story.envelopes)
    log.close()
    assert pages.text.isascii()
    return [json.loads(line) for line in pages.text.splitlines()]


def test_every_kind_of_event_has_its_words() -> None:
    assert set(_HOW) == set(events.Event.__args__)  # type: ignore[attr-defined]  # a Union has them


def test_a_line_has_a_place_for_each_fact() -> None:
    story = Story().begin(["a"], workflow="nightly").start(1, "a").end(2.5, "a", "failed", "code 2")
    found = {line["event"]: line for line in lines(story)}
    assert found["AttemptEnded"] == {
        "format": 1,
        "time": "1970-01-12T13:46:42.500Z",
        "level": "warning",
        "event": "AttemptEnded",
        "run": "r1",
        "workflow": "nightly",
        "step": "a",
        "attempt": 1,
        "message": "attempt 1 ends: failed, code 2",
        "fields": {
            "outcome": "failed",
            "exit_code": 2,
            "signal": None,
            "reason": "code 2",
            "cpu_s": 0.1,
            "max_rss_bytes": 1024,
            "log": None,
            "log_bytes": 9,
            "ended_at": None,
        },
    }
    assert (found["RunStarted"]["step"], found["RunStarted"]["attempt"]) == (None, None)
    assert found["RunStarted"]["message"] == "nightly: 1 step, budget cpu 4 (run r1)"


@pytest.mark.parametrize(
    ("event", "level", "message"),
    [
        (StepEnded("a", "succeeded", "", {}), "info", "succeeded"),
        (StepEnded("a", "failed", "exit code 2", {}), "error", "failed, exit code 2"),
        (StepEnded("a", "blocked", "b failed", {}), "warning", "blocked, b failed"),
        (RetryScheduled("a", 2, 5.0), "warning", "attempt 2 comes in 5.0s"),
        (events.StepTimedOut("a", "timed out after 5.0s"), "warning", "timed out after 5.0s"),
        (Noted("", "look"), "warning", "look"),
        (StopRequested("SIGINT", False), "warning", "the run is being stopped: SIGINT"),
        (AlertSent("me", "failure", "x", True, ""), "info", "alert to x: sent"),
        (AlertSent("me", "failure", "x", False, "gone"), "warning", "alert to x: gone"),
        (events.OutputsTaken("a", {"x": 1}), "debug", "takes 1 output"),
        (events.OutputsTaken("a", {"x": 1, "y": 2}), "debug", "takes 2 outputs"),
        (events.ArtifactsKept("a", 1, ()), "info", "keeps 0 files"),
        (
            events.ResultsDropped(("a",)),
            "info",
            "what 1 step came to before counts no more",
        ),
        (events.RunFinished("succeeded", 0, ""), "info", "the run ends: succeeded"),
        (events.RunFinished("failed", 1, "a"), "error", "the run ends: failed, a"),
        (events.RunFinished("cancelled", 130, ""), "warning", "the run ends: cancelled"),
    ],
)
def test_the_level_says_how_bad_it_is(event: Any, level: str, message: str) -> None:
    line = lines(Story().begin(["a"]).start(1, "a").tell(2, event))[-1]
    assert (line["level"], line["message"]) == (level, message)


HOSTILE = 'x\n{"level":"error"}\r\x1b[2J\x00\x9b\u202e\u2028"\\\ud800%s%(number)d'


def test_hostile_text_stays_in_its_place() -> None:
    ended = AttemptEnded(HOSTILE, 1, "failed", 1, None, HOSTILE, None, None, HOSTILE, 0)
    story = Story().begin([HOSTILE], workflow=HOSTILE).start(1, HOSTILE).tell(2, ended)
    story.tell(3, Noted(HOSTILE, HOSTILE))
    found = lines(story)
    assert len(found) == len(story.envelopes)
    assert {line["step"] for line in found} == {None, HOSTILE}
    assert {line["workflow"] for line in found} == {HOSTILE}
    assert found[-1]["message"] == HOSTILE
    assert found[-2]["fields"]["reason"] == HOSTILE


def test_long_texts_are_cut() -> None:
    (*_, line) = lines(Story().begin(["a"]).tell(1, Noted("", "n" * 200_000)))
    assert line["message"] == line["fields"]["message"] == "n" * 3999 + "…"


def test_the_start_of_a_run_of_10_000_steps_is_a_short_line() -> None:
    (line,) = lines(Story().begin(["s%d" % number for number in range(10_000)]))
    assert len(json.dumps(line)) < 1000
    assert line["message"] == "wf: 10000 steps, budget cpu 4 (run r1)"


def test_what_is_left_out_is_told_in_a_line() -> None:
    replay = Replay()
    replay.apply(Story().begin(["a"]).envelopes)
    line = json.loads(RunLog(Pages(), replay).lost(3))
    assert (line["event"], line["level"], line["fields"]) == ("LinesLost", "warning", {"turns": 3})
    words = "leaves out the lines of 3 turns: the file took them too slowly"
    assert line["message"] == words
    assert line["run"] == "r1"


def test_the_last_lines_are_kept_however_slow_the_file_is() -> None:
    pages, replay = Pages(), Replay()
    log = RunLog(pages, replay)
    for story in [Story().begin(["a"]), Story().begin(["a"]).finish(1, "succeeded", 0)]:
        replay.apply(story.envelopes)
        log.handle(story.envelopes)
    assert pages.kept == [False, True]
