from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from orchestra.model.events import RetryScheduled, StepEnded
from orchestra.model.look import Look
from orchestra.model.record import RunRecord
from orchestra.reports.failure import failure_text
from orchestra.reports.summary import render_summary, totals_line
from tests.golden.recorded import record, summary
from tests.subscribers.stories import MadeLogs, Story

PLAIN = Look()


def many(succeeded: int, failed: int, waiting: int = 0) -> RunRecord:
    ids = ["s%d" % i for i in range(succeeded + failed + waiting)]
    story = Story().begin(ids)
    for place, step in enumerate(ids[: succeeded + failed]):
        state = "succeeded" if place < succeeded else "failed"
        story.start(0, step).end(
            1, step, state, "it needs nothing" if state == "succeeded" else "no"
        )
    return story.finish(2, "failed", 1).record()


@pytest.mark.parametrize("width", range(40, 201))
def test_no_line_but_paths_and_notes_is_wider_than_the_screen(width: int) -> None:
    lines = [line for line in summary(width, PLAIN).splitlines() if "log:" not in line]
    lines = [line for line in lines if not line.startswith(("note:", "alert:"))]
    assert max(cell_len(line) for line in lines) <= width


@pytest.mark.parametrize("look", [Look(color=True), Look(color=True, unicode=False)])
def test_colour_changes_no_text(look: Look) -> None:
    bare = re.sub("\x1b\\[[0-9]*m", "", summary(80, look))
    assert bare == summary(80, look._replace(color=False))


def test_sixty_steps_all_have_a_row() -> None:
    text = render_summary(many(60, 0), 80, PLAIN)
    assert text.count("\n✓ ") == 60
    assert "… and" not in text


def test_of_more_steps_only_what_is_no_plain_success_has_a_row() -> None:
    text = render_summary(many(98, 2), 80, PLAIN)
    assert text.splitlines()[:4] == [
        "  step  state   time  attempts  why",
        "✗ s98   failed  1.0s         1  no",
        "✗ s99   failed  1.0s         1  no",
        "… and 98 succeeded",
    ]
    assert text.splitlines()[-1] == "wf failed: 98 succeeded, 2 failed in 2.0s"


def test_a_success_that_took_two_attempts_has_a_row() -> None:
    run = many(70, 0)
    run.step_by_id["s33"].attempts *= 2
    lines = render_summary(run, 80, PLAIN).splitlines()
    assert lines[1:3] == [
        "✓ s33   succeeded  1.0s         2  it needs nothing",
        "… and 69 succeeded",
    ]


def test_what_failed_has_a_row_before_what_was_only_blocked() -> None:
    ids = ["s%d" % i for i in range(70)]
    story = Story().begin(ids).start(0, "s69").end(1, "s69", "failed", "no")
    story.tell(1, *(StepEnded(step, "blocked", "needs s69", {}) for step in ids[:69]))
    lines = render_summary(story.finish(1, "failed", 1).record(), 80, PLAIN).splitlines()
    assert lines[60].split() == ["✗", "s69", "failed", "1.0s", "1", "no"]
    assert lines[61] == "… and 10 blocked"


def test_of_very_many_failures_the_first_are_shown_and_all_are_counted() -> None:
    text = render_summary(many(0, 100), 80, PLAIN)
    assert text.count("\n✗ s") == 60 + 10
    assert "\n… and 40 failed\n" in text
    assert "\n… and 90 more failed\n" in text


def test_ten_thousand_steps_are_summed_up_in_few_lines() -> None:
    assert len(render_summary(many(9_990, 10), 80, PLAIN).splitlines()) == 11 + 1 + 20 + 2


def test_a_run_that_goes_on_counts_what_still_waits() -> None:
    running = Story().begin(["a", "b"]).start(0, "a").record()
    assert totals_line(running, PLAIN) == "wf running: 1 running, 1 pending"
    assert render_summary(running, 80, PLAIN).splitlines()[1:3] == [
        "● a     running         1",
        "· b     pending",
    ]


def test_a_run_without_steps_says_so() -> None:
    text = render_summary(Story().begin([]).finish(0, "succeeded", 0).record(), 80, PLAIN)
    assert text.splitlines()[-1] == "wf succeeded: no steps in 0.00s"


def test_the_reason_of_a_run_is_told() -> None:
    run = Story().begin([]).finish(1, "cancelled", 130, "SIGINT").record()
    assert totals_line(run, PLAIN) == "wf cancelled (SIGINT): no steps in 1.0s"


def test_many_notes_are_counted() -> None:
    run = record()
    run.notes = ["note %d" % i for i in range(25)]
    lines = render_summary(run, 80, PLAIN).splitlines()
    assert lines.index("note: note 19") + 1 == lines.index("… and 5 more notes")


def test_notes_of_the_run_are_left_out_where_they_were_said_before() -> None:
    run = many(1, 0)
    run.notes = ["slurm answers again", "s0: wrote nothing"]
    lines = render_summary(run, 80, PLAIN, notes_of_run=False).splitlines()
    assert [line for line in lines if line.startswith("note:")] == ["note: s0: wrote nothing"]


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"one\ntwo\n", ["  │ one", "  │ two", "  log: /run/a.log"]),
        (b"1\n2\n3\n", ["  │ … 1 line before this", "  │ 2", "  │ 3", "  log: /run/a.log"]),
        (b"", ["  log: /run/a.log"]),
        (b"x" * 50, ["  │ " + "x" * 35 + "…", "  log: /run/a.log"]),
    ],
)
def test_a_failure_shows_the_end_of_its_log(data: bytes, lines: list[str]) -> None:
    story = Story().begin(["a"]).start(0, "a").end(1.5, "a", "failed", "exit code 2", "a.log")
    step = story.record().step_by_id["a"]
    text = failure_text(step, MadeLogs({"a.log": data}), 40, PLAIN, 2)
    assert text.splitlines() == ["✗ a failed after 1.5s: exit code 2", *lines]


def test_a_long_log_says_how_much_is_not_shown() -> None:
    story = Story().begin(["a"]).start(0, "a").end(1.5, "a", "failed", "exit code 2", "a.log")
    logs = MadeLogs({"a.log": b"0123456789abcde\n" * 100_000})
    text = failure_text(story.record().step_by_id["a"], logs, 40, PLAIN, 2)
    assert text.splitlines()[1] == "  │ … 1.5 MiB and 1021 lines before this"


def test_a_log_that_cannot_be_read_is_told() -> None:
    story = Story().begin(["a"]).start(0, "a").end(1.5, "a", "failed", "exit code 2", "a.log")
    text = failure_text(story.record().step_by_id["a"], MadeLogs({}), 40, PLAIN)
    assert text.splitlines()[1:] == [
        "  log: /run/a.log (cannot be read: No such file or directory)"
    ]


def test_a_failure_counts_its_attempts() -> None:
    story = Story().begin(["a"]).start(0, "a").end_attempt(2, "a", "no")
    story.tell(2, RetryScheduled("a", 2, 0.0)).start(2, "a", 2).end_attempt(4, "a", "no", 2)
    story.tell(4, StepEnded("a", "failed", "exit code 2", {}))
    text = failure_text(story.record().step_by_id["a"], MadeLogs({}), 80, PLAIN)
    assert text == "✗ a failed after 4.0s and 2 attempts: exit code 2\n"


def test_a_failure_that_never_started_is_one_line() -> None:
    story = Story().begin(["a"])
    step = story.record().step_by_id["a"]
    step.reason = "cpu is not above 0"
    assert failure_text(step, MadeLogs({}), 80, PLAIN) == "· a pending: cpu is not above 0\n"


def with_handlers(steps: int) -> RunRecord:
    story = Story().begin(["s%d" % number for number in range(steps)])
    for number in range(steps):
        step = "s%d" % number
        story.start(1, step).part(2, step, "finally", "failed" if number == 1 else "succeeded")
        story.tell(3, StepEnded(step, "succeeded", "", {}))
    return story.part(4, "", "on_success", "succeeded").finish(5, "succeeded", 0).record()


def test_handlers_stand_below_their_step_and_are_not_counted() -> None:
    lines = render_summary(with_handlers(2), 80, PLAIN).splitlines()
    assert [line[:15].rstrip() for line in lines[1:6]] == [
        "✓ s0",
        "✓   s0:finally",
        "✓ s1",
        "✗   s1:finally",
        "✓ :on_success",
    ]
    assert lines[-1] == "wf succeeded: 2 succeeded in 5.0s"


def test_of_many_rows_the_steps_left_out_are_counted_and_their_handlers_are_not() -> None:
    lines = render_summary(with_handlers(70), 80, PLAIN).splitlines()
    assert lines[1].startswith("✗   s1:finally  failed")
    assert lines[2] == "… and 70 succeeded"
