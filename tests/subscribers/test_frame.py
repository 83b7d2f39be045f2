from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment

from orchestra.model.look import Look
from orchestra.model.run import StepState
from orchestra.model.screen_text import safe_line
from orchestra.subscribers.frame import Row, View, clock, frame_lines
from tests.subscribers.stories import Story

GIB = 1024**3
PLAIN = Look()


def view(
    rows: List[Row],
    workflow: str = "wf",
    used: Optional[Mapping[str, int]] = None,
    budget: Optional[Mapping[str, int]] = None,
    left_s: Optional[float] = None,
    hidden: int = 0,
    stopping: str = "",
    others: Sequence[Row] = (),
) -> View:
    story = Story().begin(["a", "b", "c"], workflow, budget=budget)
    story.start(0, "a").end(5, "a", "succeeded").start(5, "b")
    record = story.record()
    record.stopping = stopping
    taken = {"cpu": 1000} if used is None else used
    return View(record, 65.0, left_s, taken, rows, others, hidden, 6)


def texts(shown: View, columns: int = 60, height: int = 24, look: Look = PLAIN) -> List[str]:
    lines = frame_lines(shown, columns, height, look)
    return ["".join(segment.text for segment in line) for line in lines]


def rows(count: int) -> List[Row]:
    return [Row(StepState.RUNNING, "step%d" % i, 3.0, "words %d" % i) for i in range(count)]


def test_a_frame_shows_progress_budget_and_what_runs() -> None:
    assert texts(view(rows(2), left_s=42.0)) == [
        "wf ━━━━━━━━━──────────────────── 1/3  1m05s  about 42s left",
        "1 succeeded · 1 running · 1 waiting",
        "cpu ━━────── 1/4",
        "● step0     3s  words 0",
        "● step1     3s  words 1",
    ]


def test_without_unicode_every_sign_is_ascii() -> None:
    shown = texts(view(rows(1), hidden=3, left_s=42.0), look=Look(unicode=False))
    assert shown == [
        "wf #########-------------------- 1/3  1m05s  about 42s left",
        "1 succeeded | 1 running | 1 waiting",
        "cpu ##------ 1/4",
        "> step0     3s  words 0",
        "~ and 3 more",
    ]


@pytest.mark.parametrize(
    ("height", "last"),
    [
        (24, "● step9     3s  words 9"),
        (14, "● step9     3s  words 9"),
        (13, "… and 2 more"),
        (8, "… and 7 more"),
        (7, "… and 8 more"),
        (6, "… and 9 more"),
        (5, "… and 10 more"),
        (4, "cpu ━━────── 1/4"),
        (3, "1 succeeded · 1 running · 1 waiting"),
        (1, "wf ━━━━━━━━━━━━━─────────────────────────── 1/3  1m05s"),
        (0, "wf ━━━━━━━━━━━━━─────────────────────────── 1/3  1m05s"),
    ],
)
def test_more_rows_than_lines_are_counted(height: int, last: str) -> None:
    shown = texts(view(rows(10)), height=height)
    assert shown[-1] == last
    assert len(shown) <= max(height - 1, 1)


def test_rows_that_were_not_even_made_are_counted_too() -> None:
    assert texts(view(rows(10), hidden=90), height=10)[-1] == "… and 95 more"


OTHERS = (
    Row(StepState.WAITING_RETRY, "flaky", 4.0, "until attempt 2"),
    Row(StepState.RUNNING, "many", 9.0, "12 of 90 done"),
)


def test_what_counts_and_waits_keeps_a_third_of_the_room() -> None:
    assert texts(view(rows(10), hidden=68, others=OTHERS), height=11)[3:] == [
        "● step0     3s  words 0",
        "● step1     3s  words 1",
        "● step2     3s  words 2",
        "● step3     3s  words 3",
        "↻ flaky     4s  until attempt 2",
        "● many      9s  12 of 90 done",
        "… and 74 more",
    ]


def test_what_counts_and_waits_takes_the_room_that_nothing_else_needs() -> None:
    assert texts(view(rows(1), others=OTHERS * 3), height=10)[3:] == [
        "● step0     3s  words 0",
        "↻ flaky     4s  until attempt 2",
        "● many      9s  12 of 90 done",
        "↻ flaky     4s  until attempt 2",
        "● many      9s  12 of 90 done",
        "… and 2 more",
    ]


def test_a_stop_is_told() -> None:
    assert texts(view([], stopping="SIGINT"))[-1] == "stopping (SIGINT): waiting for what runs"


@pytest.mark.parametrize(
    ("used", "budget", "line"),
    [
        ({"cpu": 2500}, {"cpu": 4000}, "cpu ━━━━━─── 2.5/4"),
        ({"memory": 2 * GIB}, {"memory": 8 * GIB}, "memory ━━────── 2/8 GiB"),
        ({"memory": GIB // 2}, {"memory": 8 * GIB}, "memory ━─────── 512 MiB/8 GiB"),
        ({"memory": 0}, {"memory": 8 * GIB}, "memory ──────── 0/8 GiB"),
        (
            {"cpu": 0, "db": 1},
            {"cpu": 1000, "gpu": 2, "db": 4},
            "cpu ──────── 0/1 · db ━━────── 1/4",
        ),
        ({"gpu": 1}, {"gpu": 2}, "gpu ━━━━──── 1/2"),
        ({"gpu": 3}, {"gpu": 2}, "gpu ━━━━━━━━ 3/2"),
        ({"gpu": 0}, {"gpu": 0}, "gpu ──────── 0/0"),
    ],
)
def test_the_budget_shows_what_steps_ask_for(
    used: Dict[str, int], budget: Dict[str, int], line: str
) -> None:
    assert texts(view([], used=used, budget=budget))[2:] == [line]


def test_a_line_that_is_too_short_for_all_bars_has_none() -> None:
    names = {"res%d" % number: 1 for number in range(5)}
    wide = view([], used=names, budget=dict.fromkeys(names, 2))
    assert texts(wide, columns=100)[2].count("━━━━────") == 5
    assert texts(wide, columns=90)[2] == " · ".join("%s 1/2" % name for name in names)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1.0, "0s"),
        (0.4, "0s"),
        (59.99, "59s"),
        (60.0, "1m00s"),
        (3599.9, "59m59s"),
        (7200, "2h00m"),
    ],
)
def test_clocks_count_whole_seconds(seconds: float, text: str) -> None:
    assert clock(seconds) == text


ODD = st.text("a東🎻\u0301\x1b\r\n\t\x9b\u202e", max_size=30)


@given(
    st.lists(st.tuples(ODD, ODD), max_size=5),
    ODD,
    st.integers(0, 130),
    st.integers(0, 30),
    st.booleans(),
)
def test_no_frame_is_wider_or_taller_than_the_terminal(
    steps: List[tuple[str, str]], workflow: str, columns: int, height: int, unicode: bool
) -> None:
    made = [Row(StepState.RUNNING, safe_line(a), 3.0, safe_line(b)) for a, b in steps]
    lines = frame_lines(view(made, workflow, left_s=9.0), columns, height, Look(False, unicode))
    assert 1 <= len(lines) <= max(height - 1, 1)
    widest = max(Segment.get_line_length(list(line)) for line in lines)
    assert widest <= max(columns - 1, 1)
