from __future__ import annotations

from orchestra.engine.replay import Replay
from orchestra.subscribers.jsonlines import JsonLines
from orchestra.subscribers.quiet import QuietView
from tests.subscribers.screens import Pages
from tests.subscribers.stories import Story, turn_of


def test_only_failures_and_the_end_are_told() -> None:
    pages = Pages()
    story = Story().begin(["a", "b"]).start(0, "a").start(0, "b")
    story.end(1, "a", "succeeded").end(1, "b", "failed", "no").finish(1, "failed", 1)
    replay, turn = turn_of(story)
    view = QuietView(
        pages,
        replay,
        lambda step: "%s failed: %s\n" % (step.id, step.reason),
        lambda record: "%s\n" % record.state.value,
    )
    view.handle(turn)
    view.close()
    assert pages.texts == ["b failed: no\nfailed\n"]
    assert pages.kept == [True]


def test_a_run_that_goes_well_is_silent_until_it_ends() -> None:
    pages = Pages()
    replay, turn = turn_of(Story().begin(["a"]).start(0, "a").end(1, "a", "succeeded"))
    view = QuietView(pages, replay, lambda step: "no\n", lambda record: "no\n")
    view.handle(turn)
    assert pages.texts == []


def test_before_the_run_has_begun_there_is_nothing_to_tell() -> None:
    pages = Pages()
    view = QuietView(pages, Replay(), lambda step: "no\n", lambda record: "no\n")
    view.handle(Story().finish(0, "failed", 1).envelopes)
    assert pages.texts == []


def test_the_last_line_of_json_is_never_left_out() -> None:
    pages = Pages()
    view = JsonLines(pages)
    story = Story().begin([]).finish(1, "succeeded", 0)
    view.handle(story.envelopes[:1])
    view.handle(story.envelopes[1:])
    view.close()
    assert pages.kept == [False, True]
    assert pages.texts[1] == (
        '{"format":1,"seq":2,"at":1000001.0,"event":"RunFinished",'
        '"state":"succeeded","exit_code":0,"reason":""}\n'
    )
