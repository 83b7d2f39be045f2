"""The trace of a run: events as the viewers of Chrome and Perfetto read them."""

from __future__ import annotations

import json
from typing import Any, Dict, List

from orchestra.reports.trace_report import render_trace
from tests.golden import recorded
from tests.subscribers.stories import Story


def events(text: str) -> List[Dict[str, Any]]:
    """The events of a trace."""
    found: List[Dict[str, Any]] = json.loads(text)["traceEvents"]
    return found


def spans(text: str) -> List[Dict[str, Any]]:
    """Those that last, but for the run's own."""
    return [event for event in events(text) if event["ph"] == "X" and event["tid"]]


def test_every_event_has_what_the_format_asks_of_its_kind() -> None:
    wanted = {
        "M": {"name", "ph", "pid", "tid", "args"},
        "X": {"name", "cat", "ph", "ts", "dur", "pid", "tid", "args"},
        "C": {"name", "ph", "ts", "pid", "tid", "args"},
    }
    found = events(render_trace(recorded.record()))
    assert {event["ph"] for event in found} == set(wanted)
    for event in found:
        assert set(event) == wanted[event["ph"]]
        assert all(isinstance(event[key], int) for key in ("ts", "dur") if key in event)
        assert event.get("ts", 0) >= 0 <= event.get("dur", 0)


def test_no_two_attempts_are_in_one_lane_at_once() -> None:
    story = Story().begin(["s%d" % n for n in range(40)])
    for n in range(40):
        story.start(n % 7, "s%d" % n)
    for n in range(40):
        story.end(7 + n % 5, "s%d" % n, "succeeded")
    found = spans(render_trace(story.finish(20, "succeeded", 0).record()))
    assert len(found) == 40
    assert {span["tid"] for span in found} == set(range(1, 41))
    last: Dict[int, int] = {}
    for span in sorted(found, key=lambda span: int(span["ts"])):
        assert span["ts"] >= last.get(span["tid"], 0)
        last[span["tid"]] = span["ts"] + span["dur"]


def test_a_lane_that_is_free_is_taken_again() -> None:
    story = Story().begin(["a", "b", "c"])
    story.start(0, "a").start(0, "b").end(1, "a", "succeeded").start(1, "c")
    story.end(2, "b", "succeeded").end(3, "c", "failed", "exit code 2")
    found = spans(render_trace(story.finish(3, "failed", 1).record()))
    shown = {span["name"]: (span["tid"], span["ts"], span["dur"]) for span in found}
    assert shown == {"a": (1, 0, 10**6), "b": (2, 0, 2 * 10**6), "c": (1, 10**6, 2 * 10**6)}
    facts = {span["name"]: span["args"] for span in found}["c"]
    assert (facts["outcome"], facts["reason"], facts["exit_code"]) == ("failed", "exit code 2", 2)


def test_counters_tell_what_is_held_at_each_change() -> None:
    story = Story().begin(["a", "b"])
    story.start(0, "a").start(1, "b").end(2, "a", "succeeded").end(3, "b", "succeeded")
    found = events(render_trace(story.finish(3, "succeeded", 0).record()))
    held = [(event["ts"], event["args"]["held"]) for event in found if event["ph"] == "C"]
    assert held == [(0, 1.0), (10**6, 2.0), (2 * 10**6, 1.0), (3 * 10**6, 0.0)]


def test_what_goes_on_lasts_until_what_is_known_last() -> None:
    story = Story().begin(["a", "b"]).start(0, "a").start(1, "b").end(5, "b", "succeeded")
    found = {span["name"]: span["dur"] for span in spans(render_trace(story.record()))}
    assert found == {"a": 5 * 10**6, "b": 4 * 10**6}
