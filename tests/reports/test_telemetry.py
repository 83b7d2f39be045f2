"""Spans and measurements as plain data: whole, nested, and safe whatever steps are called."""

from __future__ import annotations

from typing import Any, Dict

from orchestra.model.events import AttemptEnded, PlannedEntry, RunResumed, StepEnded, StepsAdded
from orchestra.model.json_text import json_text
from orchestra.model.trace_context import trace_context
from orchestra.reports.telemetry import telemetry_data
from tests.golden import recorded
from tests.subscribers.stories import T0, Story

TRACE = trace_context("r1", "")


def spans(story: Story) -> Dict[str, Dict[str, Any]]:
    """The spans of the story by name."""
    return {span["name"]: span for span in telemetry_data(story.record(), TRACE)["spans"]}


def test_every_step_that_ended_has_a_span_and_every_attempt_too() -> None:
    record = recorded.record()
    found = telemetry_data(record, TRACE)["spans"]
    steps = list(record.step_by_id.values())
    ended = [step for step in steps if step.ended_at is not None]
    assert len(found) == 1 + len(ended) + sum(len(step.attempts) for step in steps)
    ids = {span["span_id"] for span in found}
    assert len(ids) == len(found)
    assert [span["name"] for span in found if span["parent_id"] not in ids] == [record.workflow]


def test_a_part_of_a_step_lies_in_the_span_of_its_step() -> None:
    story = Story().begin(["a"]).start(1, "a").end_attempt(2, "a", "exit code 2")
    found = spans(story.part(3, "a", "on_failure", "succeeded"))
    assert found["a:on_failure"]["parent_id"] == found["a"]["span_id"]
    assert found["a:on_failure attempt 1"]["parent_id"] == found["a:on_failure"]["span_id"]


def test_what_goes_on_ends_with_what_is_known_last() -> None:
    found = spans(Story().begin(["a", "b"]).start(1, "a").start(1, "b").end(4, "b", "succeeded"))
    assert found["a attempt 1"]["end_ns"] == found["wf"]["end_ns"] == (T0 + 4) * 10**9
    assert found["a attempt 1"]["error"] is None


def test_no_span_ends_before_it_begins() -> None:
    ended = AttemptEnded("a", 1, "failed", 1, None, "gone", None, None, None, 0, T0 - 5)
    story = Story().begin(["a"]).start(1, "a").tell(2, ended, StepEnded("a", "failed", "gone", {}))
    found = spans(story.finish(3, "failed", 1))
    assert all(span["end_ns"] >= span["start_ns"] for span in found.values())
    assert found["a"]["error"] == "gone"


def test_a_run_that_went_on_tells_of_what_came_after() -> None:
    story = Story().begin(["a", "b"]).start(1, "a").end(2, "a", "succeeded").start(3, "b")
    story.end(4, "b", "failed", "exit code 2").finish(4, "failed", 1)
    first = spans(story)
    entries = tuple(PlannedEntry(step, step, (), {"cpu": 1000}) for step in ("a", "b"))
    resumed = RunResumed("wf", "/w.yaml", {"cpu": 4000}, None, None, "h", 1, "0", entries, ())
    again = AttemptEnded("b", 2, "succeeded", 0, None, "", None, None, None, 0)
    story.tell(100, resumed).start(101, "b", 2).tell(102, again)
    story.tell(102, StepEnded("b", "succeeded", "", {})).finish(103, "succeeded", 0)
    second = spans(story)
    assert set(second) == {"wf", "b", "b attempt 2"}
    assert second["wf"]["start_ns"] == (T0 + 100) * 10**9
    assert second["b"]["start_ns"] == (T0 + 101) * 10**9
    assert not {each["span_id"] for each in first.values()} & {
        each["span_id"] for each in second.values()
    }


HOSTILE = '\ud800\x1b[2J\n</script>"' + "l" * 200_000


def test_hostile_names_are_spelled_out_and_cut() -> None:
    story = Story().begin([HOSTILE], workflow=HOSTILE).start(1, HOSTILE)
    data = telemetry_data(story.end(2, HOSTILE, "failed", HOSTILE).record(), TRACE)
    assert len(json_text(data)) < 50_000
    (run, step, attempt) = data["spans"]
    for text in (run["name"], step["name"], step["error"], attempt["name"]):
        text.encode("utf-8")
        assert text.isprintable()


def test_10_000_instances_are_as_many_spans_in_that_of_their_step() -> None:
    ids = ["a[%d]" % number for number in range(10_000)]
    entries = tuple(PlannedEntry(each, each, (), {}, "a", "instance") for each in ids)
    story = Story().begin(["a"]).tell(1, StepsAdded(entries))
    for each in ids:
        story.start(1, each).end(2, each, "succeeded")
    found = spans(story.tell(2, StepEnded("a", "succeeded", "", {})).finish(2, "succeeded", 0))
    assert len(found) == 2 + 2 * len(ids)
    assert {found[each]["parent_id"] for each in ids} == {found["a"]["span_id"]}
