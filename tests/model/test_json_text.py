from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra.model.json_text import json_text

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(PLAIN)
def test_data_comes_back_as_it_was_from_text_of_ascii_only(data: object) -> None:
    text = json_text(data)
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text) == data


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_does_not_know_becomes_null(number: float) -> None:
    assert json_text({"a": [number, 1.5], "b": (number,)}) == '{"a":[null,1.5],"b":[null]}'


def test_an_indent_gives_one_value_a_line() -> None:
    assert json_text({"a": [1, 2]}, indent=2) == '{\n  "a": [\n    1,\n    2\n  ]\n}'
