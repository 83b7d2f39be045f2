from __future__ import annotations

import pytest
from rich.cells import cell_len

from orchestra.model.look import (
    Look,
    Tone,
    amounts_text,
    count_words,
    state_tone,
    step_label,
)
from orchestra.model.run import ENDED_STATES, RESULT_BY_STATE, StepState


@pytest.mark.parametrize("state", list(StepState))
def test_each_state_has_a_mark_of_one_cell_with_and_without_unicode(state: StepState) -> None:
    assert cell_len(Look().mark(state)) == 1
    assert len(Look(unicode=False).mark(state)) == 1
    assert Look(unicode=False).mark(state).isascii()
    assert isinstance(state_tone(state), Tone)


def test_every_final_state_is_counted_once() -> None:
    assert sorted(ENDED_STATES) == sorted(RESULT_BY_STATE)


@pytest.mark.parametrize(
    ("look", "tone", "painted"),
    [
        (Look(color=True), Tone.BAD, "\x1b[31mx\x1b[0m"),
        (Look(color=True), Tone.PLAIN, "x"),
        (Look(color=False), Tone.BAD, "x"),
    ],
)
def test_a_tone_is_painted_only_where_there_is_colour(look: Look, tone: Tone, painted: str) -> None:
    assert look.paint("x", tone) == painted


@pytest.mark.parametrize(
    ("name", "label"),
    [("", "build"), ("build", "build"), ("Build it\x1b", "build (Build it\\e)")],
)
def test_a_label_is_the_id_and_another_name_behind_it(name: str, label: str) -> None:
    assert step_label("build", name) == label


def test_only_states_that_a_step_is_in_are_counted() -> None:
    counts = {StepState.FAILED: 1, StepState.SUCCEEDED: 12, StepState.SKIPPED: 0}
    assert count_words(counts, *ENDED_STATES) == ("12 succeeded", "1 failed")


def test_amounts_are_shown_in_their_units() -> None:
    assert amounts_text({"cpu": 2500, "memory": 2**31, "db": 4}) == "cpu 2.5, memory 2 GiB, db 4"
