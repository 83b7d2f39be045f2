from __future__ import annotations

import pytest

from orchestra.model.events import RetryScheduled, StepEnded, StopRequested
from orchestra.model.record import RunRecord
from orchestra.subscribers.grouping import GithubGrouping, Grouping, NoGrouping
from orchestra.subscribers.plain import PlainView
from tests.subscribers.screens import Pages
from tests.subscribers.stories import MadeLogs, Story, turn_of

NONE = NoGrouping()


def summarize(record: RunRecord) -> str:
    return "SUMMARY %s\n" % record.state.value


def told(
    story: Story, data_by_log: dict[str, bytes] | None = None, grouping: Grouping = NONE
) -> Pages:
    pages = Pages()
    replay, turn = turn_of(story)
    view = PlainView(pages, replay, MadeLogs(data_by_log or {}), grouping, summarize)
    view.handle(turn)
    view.close()
    return pages


def test_a_silent_step_is_one_line() -> None:
    story = Story().begin(["a", "b"]).start(0, "a").end(2.5, "a", "succeeded", "exit code 0")
    assert told(story).text == (
        "wf: 2 steps, budget cpu 4 (run r1)\n[1/2] a succeeded after 2.5s\n"
    )


def test_the_output_of_a_step_is_one_block_below_its_line() -> None:
    story = Story().begin(["a"]).start(0, "a").end(1, "a", "failed", "exit code 2", "a.log")
    text = told(story, {"a.log": b"one\n\x1b[2Jtwo\rthree"}).text
    assert text.splitlines()[1:] == [
        "[1/1] a failed after 1.0s: exit code 2",
        "  one",
        "  \\e[2Jtwo",
        "  three",
    ]


def test_a_big_log_is_cut_in_the_middle_and_its_path_is_told() -> None:
    story = Story().begin(["a"]).start(0, "a").end(1, "a", "succeeded", "", "a.log")
    lines = told(story, {"a.log": b"0123456789abcde\n" * 100_000}).text.splitlines()
    assert lines[2 + 65536 // 16] == "... 1.3 MiB not shown, all of it: /run/a.log"
    assert len(lines) == 3 + 65536 // 16 + 196608 // 16 - 1


def test_a_log_that_is_gone_is_told() -> None:
    story = Story().begin(["a"]).start(0, "a").end(1, "a", "succeeded", "", "gone.log")
    assert told(story).text.splitlines()[2] == (
        "... the log cannot be read: /run/gone.log: No such file or directory"
    )


def test_each_attempt_has_its_own_block() -> None:
    story = Story().begin(["a"]).start(0, "a").end_attempt(2, "a", "exit code 75", 1, "a.1")
    story.tell(2, RetryScheduled("a", 2, 3.0)).start(5, "a", 2)
    story.end_attempt(6, "a", "exit code 75", 2, "a.2").tell(6, RetryScheduled("a", 3, 0.0))
    text = told(story, {"a.1": b"first\n", "a.2": b"second\n"}).text
    assert text.splitlines()[1:] == [
        "[-/1] a attempt 1: exit code 75, again in 3.0s",
        "  first",
        "[-/1] a attempt 2: exit code 75, again at once",
        "  second",
    ]


def test_a_retry_that_is_given_up_shows_no_block_twice() -> None:
    story = Story().begin(["a"]).start(0, "a").end_attempt(2, "a", "exit code 75", 1, "a.1")
    story.tell(2, RetryScheduled("a", 2, 3.0), StepEnded("a", "cancelled", "given up", {}))
    assert told(story, {"a.1": b"first\n"}).text.splitlines()[1:] == [
        "[-/1] a attempt 1: exit code 75, again in 3.0s",
        "  first",
        "[1/1] a cancelled after 2.0s: given up",
    ]


def test_a_stop_and_the_end_are_told() -> None:
    story = Story().begin(["a"]).start(0, "a").tell(1, StopRequested("SIGINT", False))
    story.end(2, "a", "cancelled", "stopped by SIGINT").finish(2, "cancelled", 130)
    assert told(story).text.splitlines()[1:] == [
        "stopping: SIGINT",
        "[1/1] a cancelled after 2.0s: stopped by SIGINT",
        "",
        "SUMMARY cancelled",
    ]


def test_nothing_of_what_names_and_reasons_say_is_an_order_to_github() -> None:
    story = Story().begin(["a"], "::error::wf", {"a": "##[add-mask]x"}).start(0, "a")
    story.end(1, "a", "failed", "%0A::set-env name=A::b")
    assert told(story, grouping=GithubGrouping("t")).text.splitlines() == [
        "- ::error::wf: 1 step, budget cpu 4 (run r1)",
        "[1/1] a (## [add-mask]x) failed after 1.0s: %0A::set-env name=A::b",
        "::error title=a::%250A::set-env name=A::b",
    ]


@pytest.mark.parametrize("state", ["failed", "succeeded"])
def test_the_end_of_a_run_is_never_left_out(state: str) -> None:
    assert told(Story().begin([]).finish(1, state, 0)).kept == [True]


def test_a_turn_with_nothing_to_tell_writes_nothing() -> None:
    pages = Pages()
    replay, turn = turn_of(Story().begin(["a"]).start(0, "a"))
    view = PlainView(pages, replay, MadeLogs({}), NONE, summarize)
    view.handle(turn[1:])
    view.handle([])
    assert pages.texts == []


def test_what_failed_comes_before_its_handlers_which_have_no_number() -> None:
    story = Story().begin(["a", "b"]).start(0, "a").end_attempt(1, "a", "exit code 2", log="a.log")
    story.part(2, "a", "on_failure", "failed", "h.log")
    story.tell(3, StepEnded("a", "failed", "exit code 2", {}))
    text = told(story, {"a.log": b"broken", "h.log": b"helping"}).text
    assert text.splitlines()[1:] == [
        "[-/2] a attempt 1: exit code 2, now its on_failure",
        "  broken",
        "[-/2] a:on_failure failed after 0.00s: no",
        "  helping",
        "[1/2] a failed after 1.0s: exit code 2",
    ]


def test_a_silent_step_says_nothing_before_its_handlers() -> None:
    story = Story().begin(["a"]).start(0, "a").end_attempt(1, "a", "exit code 2")
    story.part(2, "a", "finally", "succeeded")
    assert told(story).text.splitlines()[1:] == ["[-/1] a:finally succeeded after 0.00s"]
