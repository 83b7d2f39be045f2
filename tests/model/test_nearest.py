"""The nearest name to a wrong one."""

from __future__ import annotations

from typing import List, Optional

import pytest

from orchestra.model.nearest import did_you_mean, nearest


@pytest.mark.parametrize(
    ("wrong", "names", "found"),
    [
        ("timout", ["timeout", "retry"], "timeout"),
        ("rnu", ["name", "run"], "run"),
        ("Needs", ["name", "needs"], "needs"),
        ("working-dir", ["working_dir"], "working_dir"),
        ("xyz", ["needs", "run"], None),
        ("a", [], None),
        ("", ["a"], None),
        ("biuld", ["build-all", "build", "builder"], "build"),
        ("x" * 1000, ["x" * 999], None),
    ],
)
def test_the_name_most_like_the_wrong_one_is_found(
    wrong: str, names: List[str], found: Optional[str]
) -> None:
    assert nearest(wrong, names) == found


def test_the_nearest_of_very_many_names_is_found_among_those_that_begin_alike() -> None:
    names = ["other%d" % n for n in range(50_000)] + ["build-linux"]
    assert nearest("biuld-linux", names) == "build-linux"


def test_the_question_is_asked_only_where_there_is_an_answer() -> None:
    assert (did_you_mean("runn", ["run"]), did_you_mean("x", ["run"])) == (
        "did you mean `run`?",
        "",
    )
