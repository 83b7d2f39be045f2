"""The ids of instances lead back to their step."""

from __future__ import annotations

import pytest

from orchestra.model.run import plain_id


@pytest.mark.parametrize(
    ("step", "plain"),
    [
        ("build", "build"),
        ("deploy/upload", "deploy/upload"),
        ("convert[0]", "convert"),
        ("test[py=3.9,os=a]", "test"),
        ("test[py=[x]", "test"),
        (r"test[a=x\]y#2]", "test"),
        (r"test[a=x\\]/lint", "test/lint"),
        ("test[a=b/c]/lint", "test/lint"),
        ("package[0]/lint[1]", "package/lint"),
    ],
)
def test_a_plain_id_names_no_instance(step: str, plain: str) -> None:
    assert plain_id(step) == plain
