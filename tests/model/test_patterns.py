from __future__ import annotations

import pytest

from orchestra.model.patterns import Patterns, pattern_problem


def matches(pattern: str, path: str) -> bool:
    patterns = Patterns([pattern])
    states = patterns.start
    for name in path.split("/"):
        states = patterns.step(states, name)
    return patterns.matches(states)


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        ("a.txt", "a.txt", True),
        ("./a.txt", "a.txt", True),
        ("a.txt", "d/a.txt", False),
        ("*.txt", "a.txt", True),
        ("*.txt", "d/a.txt", False),
        ("*.txt", ".a.txt", False),
        (".*.txt", ".a.txt", True),
        ("?.txt", "a.txt", True),
        ("[ab].txt", "b.txt", True),
        ("[!ab].txt", "b.txt", False),
        ("d", "d/e/a.txt", True),
        ("d/", "d/a.txt", True),
        ("d", "d/.hidden/a.txt", False),
        ("d/.hidden", "d/.hidden/a.txt", True),
        ("**/*.log", "a.log", True),
        ("**/*.log", "d/e/a.log", True),
        ("**/*.log", ".d/a.log", False),
        ("d/**/a", "d/a", True),
        ("d/**/a", "d/e/f/a", True),
        ("d/**", "d/e/f", True),
        ("**", "d/e/f", True),
        ("**/**/x", "x", True),
        ("*/x/*", "d/x/y", True),
        ("a\\b", "a\\b", True),
        ("é*", "été", True),
        ("é*", "ete", False),
    ],
)
def test_what_a_pattern_matches(pattern: str, path: str, found: bool) -> None:
    assert matches(pattern, path) is found


def test_several_patterns_match_what_any_of_them_does() -> None:
    patterns = Patterns(["a/*", "b"])
    assert [
        patterns.matches(patterns.step(patterns.step(patterns.start, folder), "x"))
        for folder in ("a", "b", "c")
    ] == [True, True, False]


def test_many_stars_cost_little() -> None:
    assert not matches("/".join(["**", "*a*"] * 30)[1:], "/".join(["aaab"] * 25))


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("a/b", ""),
        ("a..b/*", ""),
        ("/etc/passwd", "`/etc/passwd` is not below the step's `working_dir`"),
        ("~/x", "`~/x` is not below the step's `working_dir`"),
        ("../x", "`../x` leads out of the step's `working_dir`"),
        ("a/../../x", "`a/../../x` leads out of the step's `working_dir`"),
    ],
)
def test_patterns_stay_below_the_folder(pattern: str, problem: str) -> None:
    assert pattern_problem(pattern) == problem
