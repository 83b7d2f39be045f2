"""What people and programs see of one recorded run and one plan, to the letter."""

from __future__ import annotations

import pytest

from tests.golden.cases import CASES
from tests.golden.recorded import HERE


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_is_shown_is_what_is_expected(name: str) -> None:
    assert CASES[name]() == (HERE / "expected" / name).read_bytes().decode()


def test_every_expected_file_belongs_to_a_case() -> None:
    assert sorted(path.name for path in (HERE / "expected").iterdir()) == sorted(CASES)
