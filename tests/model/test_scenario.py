"""Which results are whose, by ids, instances and patterns."""

from __future__ import annotations

import pytest

from orchestra.model.scenario import Result, Results, Spellings, fits

ONE, TWO, THREE, FOUR = (Result(exit_code=code) for code in (1, 2, 3, 4))


def test_an_instance_goes_before_its_step_and_that_before_a_pattern() -> None:
    given = [("*", (FOUR,)), ("test", (THREE,)), ("test[1]", (TWO,)), ("test[py=3.9]", (ONE,))]
    results = Results(given)
    assert results.of(("test[py=3.9]", "test[0]")) == (ONE,)
    assert results.of(("test[py=3.13]", "test[1]")) == (TWO,)
    assert results.of(("test[py=3.14]", "test[2]")) == (THREE,)
    assert results.of(("other",)) == (FOUR,)
    assert Results(given[1:]).of(("other",)) == ()


def test_the_first_of_two_that_are_alike_counts() -> None:
    assert Results([("a", (ONE,)), ("a", (TWO,))]).of(("a",)) == (ONE,)
    assert Results([("a*", (ONE,)), ("*", (TWO,))]).of(("ab",)) == (ONE,)


def test_all_that_is_part_of_an_instance_goes_by_its_number_too() -> None:
    spellings = Spellings()
    spellings.add("pack", "", False)
    spellings.add("pack[os=a]", "pack", True)
    spellings.add("pack[os=b]", "pack", True)
    spellings.add("pack[os=b]/lint", "pack[os=b]", False)
    spellings.add("pack[os=b]/lint[x]", "pack[os=b]/lint", True)
    spellings.add("pack[os=b]/lint[x]:finally", "pack[os=b]/lint[x]", False)
    assert spellings.of("pack") == ("pack",)
    assert spellings.of("pack[os=b]/lint") == ("pack[os=b]/lint", "pack[1]/lint")
    assert spellings.of("pack[os=b]/lint[x]:finally")[1] == "pack[1]/lint[0]:finally"


@pytest.mark.parametrize(
    ("pattern", "text", "is_fit"),
    [
        ("*", "", True),
        ("a*", "abc", True),
        ("*c", "abc", True),
        ("a*b*c", "a1b2b3c", True),
        ("a*a", "a", False),
        ("*ab*ab", "ab", False),
        ("test[*]", "test[py=3.9]", True),
        ("test[*]", "test", False),
        ("te.t*", "test", False),
        ("*a" * 50 + "*", "a" * 49, False),
    ],
)
def test_a_star_stands_for_any_text(pattern: str, text: str, is_fit: bool) -> None:
    assert fits(pattern, (text,)) is is_fit
