"""Step ids out of any texts."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from orchestra.model.step_ids import step_ids

ODD = st.text(alphabet="ab_1-/.é ", max_size=3)


def test_what_is_an_id_is_kept() -> None:
    assert step_ids(["a", "_b-2", "A" * 64]) == ["a", "_b-2", "A" * 64]


def test_what_no_id_may_hold_becomes_an_underscore() -> None:
    assert step_ids(["a/b#3", "7", "-x", "", "test[py=3.9]"]) == [
        "a_b_3",
        "_7",
        "_-x",
        "_",
        "test_py_3_9_",
    ]


def test_the_second_of_two_alike_gets_a_number() -> None:
    assert step_ids(["a", "a", "a"]) == ["a", "a_2", "a_3"]


def test_a_text_that_is_an_id_goes_before_one_that_becomes_it() -> None:
    assert step_ids(["a b", "a_b", "a_b_2"]) == ["a_b_3", "a_b", "a_b_2"]


def test_of_long_texts_the_end_is_kept() -> None:
    assert step_ids(["x" * 70 + "_1", "x" * 70 + "_2"]) == ["x" * 62 + "_1", "x" * 62 + "_2"]
    assert step_ids(["x" * 70, "x" * 80]) == ["x" * 64, "x" * 56 + "_2"]
    assert step_ids(["x" * 5 + "7" * 64]) == ["_" + "7" * 63]


@given(st.lists(ODD | st.just("x" * 63) | st.text(max_size=70)))
def test_ids_are_ids_and_no_two_are_alike(texts: list) -> None:
    ids = step_ids(texts)
    assert len(set(ids)) == len(texts) == len(ids)
    assert [id for id in ids if not re.fullmatch("[A-Za-z_][A-Za-z0-9_-]{0,63}", id)] == []
