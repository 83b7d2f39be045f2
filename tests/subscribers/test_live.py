from __future__ import annotations

from typing import List, Tuple

import pytest

from orchestra.engine.replay import Replay
from orchestra.model.events import (
    AttemptLaunched,
    AttemptQueued,
    AttemptStarted,
    Envelope,
    PlannedEntry,
    RetryScheduled,
    StepsAdded,
    StopRequested,
)
from orchestra.model.look import Look
from orchestra.model.run import AttemptKey
from orchestra.subscribers.live import LiveView
from tests.golden.recorded import LiveRun
from tests.subscribers.screens import Pages, Terminal
from tests.subscribers.stories import T0, Story

_SHOW_CURSOR = "\x1b[?25h"


class Stage:
    """A live view of 60 by 12 without colours, and what it wrote."""

    def __init__(self) -> None:
        self.pages = Pages()
        self.replay = Replay()
        self.size = (60, 12)
        self.is_ours = True
        self._played = 0
        self.view = LiveView(
            self.pages,
            self.replay,
            lambda step: "%s failed: %s\n" % (step.id, step.reason),
            lambda record: "SUMMARY %s\n" % record.state.value,
            Look(),
            lambda: self.size,
            is_ours=lambda: self.is_ours,
        )

    def play(self, story: Story) -> None:
        turn: List[Envelope] = story.envelopes[self._played :]
        self._played = len(story.envelopes)
        self.replay.apply(turn)
        self.view.handle(turn)

    def seen(self) -> List[str]:
        terminal = Terminal(*self.size)
        terminal.feed(self.pages.text)
        return terminal.seen()


def test_nothing_is_written_before_the_run_begins() -> None:
    stage = Stage()
    stage.view.handle([])
    stage.view.tick(T0)
    assert stage.pages.texts == []


def test_running_steps_show_their_last_line_of_output() -> None:
    stage = Stage()
    stage.play(Story().begin(["a", "b"]).start(0, "a").start(1, "b"))
    stage.view.output(AttemptKey("a", 1), b"first\nsec")
    stage.view.output(AttemptKey("a", 1), b"ond\n\n")
    stage.view.output(AttemptKey("b", 1), "x\r東".encode()[:4])
    stage.view.tick(T0 + 5)
    assert stage.seen() == [
        "wf ──────────────────────────────────────── 0/2  5s",
        "2 running",
        "cpu ━━━━──── 2/4",
        "● a    5s  second",
        "● b    4s  \\xe6\\x9d",
    ]


def test_nothing_is_drawn_while_a_shell_has_the_terminal() -> None:
    stage = Stage()
    stage.play(Story().begin(["a"]).start(0, "a"))
    stage.view.tick(T0 + 1)
    stage.is_ours = False
    stage.view.tick(T0 + 2)
    stage.view.tick(T0 + 3)
    assert stage.pages.texts[1:] == [_SHOW_CURSOR]
    stage.is_ours = True
    stage.pages.write("\n$ fg\n")
    stage.view.tick(T0 + 4)
    assert stage.seen()[2:] == ["cpu ━━────── 1/4", "● a    1s", "$ fg", *stage.seen()[-4:]]


def test_the_end_is_told_below_what_a_shell_wrote() -> None:
    stage = Stage()
    story = Story().begin(["a"]).start(0, "a")
    stage.play(story)
    stage.view.tick(T0 + 1)
    before = stage.seen()
    stage.pages.write("\n$ ls\n")
    stage.is_ours = False
    stage.play(story.end(2, "a", "succeeded").finish(2, "succeeded", 0))
    assert stage.seen() == [*before, "$ ls", "SUMMARY succeeded", ""]


def test_only_the_end_of_a_flood_is_kept() -> None:
    stage = Stage()
    stage.play(Story().begin(["a"]).start(0, "a"))
    stage.view.output(AttemptKey("a", 1), b"x" * 1_000_000 + b"the end")
    stage.view.output(AttemptKey("a", 1), "東".encode() * 500)
    stage.view.tick(T0)
    assert stage.seen()[-1] == "● a    0s  " + "東" * 21 + " …"


def test_a_failure_is_printed_once_above_the_frame() -> None:
    stage = Stage()
    story = Story().begin(["a", "b"]).start(0, "a").start(0, "b")
    stage.play(story)
    stage.view.tick(T0)
    stage.play(story.end(1, "a", "failed", "exit code 2"))
    stage.view.tick(T0 + 1)
    stage.view.tick(T0 + 2)
    assert stage.seen() == [
        "a failed: exit code 2",
        "",
        "wf ━━━━━━━━━━━━━━━━━━━━──────────────────── 1/2  2s",
        "1 failed · 1 running",
        "cpu ━━────── 1/4",
        "● b    2s",
    ]


def test_no_frame_is_made_while_the_last_one_is_not_taken() -> None:
    stage = Stage()
    stage.play(Story().begin(["a"]).start(0, "a"))
    stage.pages.ready = False
    stage.view.tick(T0 + 1)
    assert stage.pages.texts == []
    stage.pages.ready = True
    stage.view.tick(T0 + 2)
    assert len(stage.pages.texts) == 1


def test_many_failures_at_once_are_counted_after_the_first_twenty() -> None:
    stage = Stage()
    ids = ["s%d" % i for i in range(30)]
    story = Story().begin(ids)
    for step in ids:
        story.start(0, step).end(1, step, "failed", "no")
    stage.play(story)
    stage.view.tick(T0 + 1)
    assert stage.seen()[-5] == "10 more steps failed"


def test_a_step_that_waits_for_its_retry_says_so() -> None:
    stage = Stage()
    story = Story().begin(["a"]).start(0, "a").end_attempt(2, "a", "exit code 75")
    stage.play(story.tell(2, RetryScheduled("a", 2, 10.0)))
    stage.view.tick(T0 + 4)
    assert stage.seen()[2:] == [
        "cpu ──────── 0/4",
        "↻ a    8s  until attempt 2, after: exit code 75",
    ]


def test_a_second_attempt_says_so() -> None:
    stage = Stage()
    story = Story().begin(["a"]).start(0, "a").end_attempt(2, "a", "exit code 75")
    stage.play(story.tell(2, RetryScheduled("a", 2, 0.0)).start(2, "a", 2))
    stage.view.output(AttemptKey("a", 2), b"again\n")
    stage.view.tick(T0 + 3)
    assert stage.seen()[2:] == ["cpu ━━────── 1/4", "● a    1s  attempt 2  again"]


def test_a_new_attempt_does_not_show_the_words_of_the_last() -> None:
    stage = Stage()
    story = Story().begin(["a"]).start(0, "a")
    stage.play(story)
    stage.view.output(AttemptKey("a", 1), b"old words\n")
    story.end_attempt(2, "a", "exit code 75").tell(2, RetryScheduled("a", 2, 0.0))
    stage.play(story.start(2, "a", 2))
    stage.view.tick(T0 + 3)
    assert stage.seen()[3] == "● a    1s  attempt 2"


def test_an_end_is_expected_until_the_run_is_being_stopped() -> None:
    run = LiveRun(80, 24, Look())
    assert " 5/10  1m10s  about 14s left" in run.go_to(70.0)
    run.stop("SIGINT")
    after = run.go_to(73.0)
    assert " 5/10  1m13s" in after
    assert "left" not in after


def test_a_stop_is_told() -> None:
    stage = Stage()
    stage.play(Story().begin(["a"]).start(0, "a").tell(1, StopRequested("SIGTERM", False)))
    stage.view.tick(T0 + 1)
    assert stage.seen()[3] == "stopping (SIGTERM): waiting for what runs"


def test_the_end_leaves_failures_and_summary_and_gives_the_cursor_back() -> None:
    stage = Stage()
    story = Story().begin(["a"]).start(0, "a")
    stage.play(story)
    stage.view.tick(T0)
    stage.play(story.end(1, "a", "failed", "no").finish(1, "failed", 1))
    stage.view.tick(T0 + 2)
    stage.view.close()
    assert stage.seen() == ["a failed: no", "", "SUMMARY failed", ""]
    assert stage.pages.text.endswith("SUMMARY failed\n")
    assert stage.pages.text.count(_SHOW_CURSOR) == 1
    assert stage.pages.kept == [True, True]


def test_a_view_that_is_dropped_takes_its_frame_away() -> None:
    stage = Stage()
    stage.play(Story().begin(["a"]).start(0, "a"))
    stage.view.tick(T0)
    stage.view.close()
    stage.view.tick(T0 + 1)
    assert stage.seen() == [""]
    assert stage.pages.text.count(_SHOW_CURSOR) == 1


def test_an_echo_of_two_interrupts_leaves_nothing_behind() -> None:
    stage, terminal = Stage(), Terminal(60, 12)
    stage.play(Story().begin(["a"]).start(0, "a"))
    stage.view.output(AttemptKey("a", 1), b"word " * 60)
    stage.view.tick(T0)
    terminal.feed(stage.pages.text + "^C^C")
    assert terminal.seen()[-1].endswith("…^C^C")
    stage.view.close()
    terminal.feed(stage.pages.texts[-1])
    assert terminal.seen() == [""]


@pytest.mark.parametrize("size", [(1, 1), (0, 0), (500, 200), (2, 50), (50, 2)])
def test_any_size_of_terminal_shows_a_frame_that_fits(size: Tuple[int, int]) -> None:
    run, terminal = LiveRun(*size, Look()), Terminal(max(size[0], 1), max(size[1], 1))
    terminal.feed(run.go_to(70.0))
    assert len(terminal.seen()) <= max(size[1] - 1, 1)


def test_a_terminal_may_change_its_size_at_every_frame() -> None:
    run, terminal = LiveRun(80, 24, Look(color=True)), Terminal(80, 24)
    terminal.feed(run.go_to(1.0))
    run.size = (100, 40)
    terminal.resize(*run.size)
    terminal.feed(run.go_to(1.5))
    run.size = (40, 40)
    terminal.resize(*run.size)
    terminal.feed(run.go_to(2.0))
    run.size = (120, 10)
    terminal.resize(*run.size)
    terminal.feed(run.go_to(10.0))
    assert len(terminal.seen()) == 4


def test_a_terminal_of_one_cell_does_no_harm_to_what_follows() -> None:
    run, terminal = LiveRun(80, 24, Look(color=True)), Terminal(80, 24)
    terminal.feed(run.go_to(1.0))
    run.size = (1, 1)
    terminal.resize(*run.size)
    terminal.feed(run.go_to(2.0))
    run.size = (80, 24)
    terminal.resize(*run.size)
    terminal.feed(run.go_to(10.0))
    assert terminal.seen()[-4].startswith("nightly ━")
    assert terminal.seen()[-1].startswith("● convert (Convert the read…    5s")


def test_a_handler_is_shown_while_it_runs_and_counted_nowhere() -> None:
    stage = Stage()
    story = Story().begin(["a", "b"]).start(0, "a").end_attempt(1, "a", "exit code 2")
    entry = PlannedEntry("a:on_failure", "a:on_failure", (), {"cpu": 1000}, "a", "on_failure")
    story.tell(2, StepsAdded((entry,)), AttemptStarted("a:on_failure", 1, 0.0, ()))
    stage.play(story)
    stage.view.tick(T0 + 5)
    assert stage.seen() == [
        "wf ──────────────────────────────────────── 0/2  5s",
        "1 running · 1 waiting",
        "cpu ━━────── 1/4",
        "● a:on_failure    3s",
    ]


def test_what_runs_when_a_run_goes_on_counts_once() -> None:
    stage = Stage()
    story = Story().begin(["a", "b"]).start(0, "a")
    stage.play(story)
    stage.play(story.go_on(3, ["a", "b"]))
    stage.view.tick(T0 + 4)
    assert stage.seen()[2:] == ["cpu ━━────── 1/4", "● a    4s"]
    stage.play(story.end(5, "a", "succeeded").start(5, "b"))
    stage.view.tick(T0 + 6)
    assert stage.seen()[2:] == ["cpu ━━────── 1/4", "● b    1s"]


def test_a_run_that_had_ended_and_goes_on_is_drawn_again() -> None:
    stage = Stage()
    story = Story().begin(["a", "b"]).start(0, "a").end(1, "a", "succeeded").start(1, "b")
    stage.play(story.end(2, "b", "failed", "exit code 2").finish(2, "failed", 1))
    stage.play(story.go_on(3, ["a", "b"]).start(4, "b", 2))
    stage.view.tick(T0 + 5)
    assert stage.seen()[-3:] == [
        "1 succeeded · 1 running",
        "cpu ━━────── 1/4",
        "● b    1s  attempt 2",
    ]


def elsewhere(*steps: str) -> Story:
    """Steps that run after 1 s, then are told to wait in a queue."""
    story = Story().begin(steps)
    for id in steps:
        story.tell(1, AttemptStarted(id, 1, 0.0, ()))
        story.tell(2, AttemptQueued(id, 1, "slurm", "job-" + id, "Resources"))
    return story


def rows_of(stage: Stage, at: float) -> List[str]:
    stage.view.tick(T0 + at)
    return [line.rstrip() for line in stage.seen() if line[:1] in ("●", "◌")]


def test_what_waits_in_a_queue_stands_behind_what_runs_and_its_time_runs_from_its_launch() -> None:
    stage = Stage()
    story = elsewhere("a", "b").tell(31, AttemptLaunched("b", 1, 0, 0.0, "n1"))
    stage.play(story)
    assert rows_of(stage, 41) == [
        "● b   10s  on n1",
        "◌ a queued 40s · Resources · job job-a",
    ]
    stage.play(story.end(45, "a", "failed", "cancelled"))
    assert rows_of(stage, 46) == ["● b   15s  on n1"]


def test_what_waits_in_a_queue_is_known_when_the_run_goes_on() -> None:
    stage = Stage()
    stage.play(elsewhere("a").go_on(5, ["a"]))
    assert rows_of(stage, 9) == ["◌ a queued 8s · Resources · job job-a"]
