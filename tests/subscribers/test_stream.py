from __future__ import annotations

from typing import List, Tuple

from orchestra.engine.replay import Replay
from orchestra.model.events import RetryScheduled
from orchestra.model.run import AttemptKey
from orchestra.subscribers.grouping import GithubGrouping, Grouping, NoGrouping
from orchestra.subscribers.stream import StreamView
from tests.subscribers.screens import Pages
from tests.subscribers.stories import Story


def begun(steps: List[str], grouping: Grouping) -> Tuple[StreamView, Pages, Story, Replay]:
    pages, replay = Pages(), Replay()
    story = Story().begin(steps)
    view = StreamView(pages, replay, grouping, lambda record: "SUMMARY\n")
    replay.apply(story.envelopes)
    view.handle(story.envelopes)
    pages.texts.clear()
    return view, pages, story, replay


def test_lines_come_with_the_name_in_front_as_they_are_complete() -> None:
    view, pages, _, _ = begun(["build", "a"], NoGrouping())
    view.output(AttemptKey("build", 1), b"one\ntw")
    view.output(AttemptKey("a", 1), b"\x1b[31mred\x1b[0m \x1b[H\n")
    view.output(AttemptKey("build", 1), b"o\n")
    assert pages.texts == ["build | one\n", "a     | red \\e[H\n", "build | two\n"]


def test_a_character_cut_by_two_reads_is_whole() -> None:
    view, pages, _, _ = begun(["a"], NoGrouping())
    view.output(AttemptKey("a", 1), "東".encode()[:2])
    view.output(AttemptKey("a", 1), "東\n".encode()[2:])
    assert pages.text == "a | 東\n"


def test_an_unfinished_last_line_is_shown_when_the_attempt_ends() -> None:
    view, pages, story, replay = begun(["a"], NoGrouping())
    view.output(AttemptKey("a", 1), b"no line end")
    told = len(story.envelopes)
    story.start(0, "a").end(1, "a", "succeeded")
    replay.apply(story.envelopes[told:])
    view.handle(story.envelopes[told:])
    assert pages.text == "a | no line end\n[1/1] a succeeded after 1.0s\n"


def test_a_flood_without_line_ends_is_not_kept() -> None:
    view, pages, _, _ = begun(["a"], NoGrouping())
    view.output(AttemptKey("a", 1), b"x" * 100_000)
    assert pages.text == "a | %s… (96000 more characters)\n" % ("x" * 4000)


def test_a_retry_is_told() -> None:
    view, pages, story, replay = begun(["a"], NoGrouping())
    told = len(story.envelopes)
    story.start(0, "a").end_attempt(1, "a", "exit code 75").tell(1, RetryScheduled("a", 2, 2.0))
    replay.apply(story.envelopes[told:])
    view.handle(story.envelopes[told:])
    assert pages.text == "[-/1] a attempt 1: exit code 75, again in 2.0s\n"


def test_a_long_name_is_shortened() -> None:
    view, pages, _, _ = begun(["x" * 60, "a"], NoGrouping())
    view.output(AttemptKey("a", 1), b"short\n")
    view.output(AttemptKey("x" * 60, 1), b"long\n")
    assert pages.texts == ["a%s | short\n" % (" " * 23), "%s… | long\n" % ("x" * 23)]


def test_commands_are_off_from_the_first_output_to_the_end() -> None:
    view, pages, story, replay = begun(["a"], GithubGrouping("t"))
    told = len(story.envelopes)
    story.start(0, "a").end(1, "a", "failed", "exit code 2").finish(1, "failed", 1)
    replay.apply(story.envelopes[told:])
    view.handle(story.envelopes[told:])
    view.close()
    assert pages.text.splitlines()[-4:] == [
        "",
        "SUMMARY",
        "::t::",
        "::error title=a::exit code 2",
    ]


def test_commands_are_on_again_after_a_run_that_did_not_end() -> None:
    view, pages, _, _ = begun(["a"], GithubGrouping("t"))
    view.close()
    view.close()
    assert pages.texts == ["::t::\n"]
