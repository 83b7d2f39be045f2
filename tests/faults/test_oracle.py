"""The oracle sees what it is there to see: each promise broken by hand, in a ledger or a report."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Dict, FrozenSet, List

import pytest

from tests.faults import oracle
from tests.faults.ledger import Ledger, Line, append, parse
from tests.faults.oracle import Known, Rules
from tests.faults.trial import wait_until

MARK = b"ORCHESTRA_RUN_ID=of-this-test"

RULES = Rules(
    needs={"b": [frozenset({"a"})], "c": [frozenset({"b", "b:fallback"})]},
    demands={"a": {"cpu": 1}, "b": {"cpu": 2, "db": 1}, "c": {"cpu": 1, "db": 1}, "f": {"cpu": 2}},
    budget={"cpu": 3, "db": 1},
)


def ledger(text: str) -> List[Line]:
    """Lines as `begin a 1`, `end a 1 0`; an attempt's pid is its number."""
    return [line_of(words) for words in (part.split() for part in text.split(",")) if words]


def line_of(words: List[str]) -> Line:
    if words[0] == "quiet":
        return Line("quiet")
    status = words[3] if len(words) > 3 else "-"
    return parse("%s %s %s %s 1.0 %s" % (words[0], words[1], words[2], words[2], status))


def report(state: str = "succeeded", exit_code: int = 0, **states: str) -> Dict[str, Any]:
    steps = [{"id": id, "state": each, "attempts": []} for id, each in states.items()]
    return {"state": state, "exit_code": exit_code, "steps": steps}


def attempts(id: str, *outcomes: str) -> Dict[str, Any]:
    entry = {"id": id, "state": "running", "attempts": [{"outcome": each} for each in outcomes]}
    return {"state": "running", "exit_code": None, "steps": [entry]}


GOOD = ledger(
    "begin a 1, end a 1 0, begin b 1, end b 1 75, begin b 2, end b 2 0, begin c 1, end c 1 0"
)


def test_a_run_in_order_breaks_nothing() -> None:
    assert oracle.overlapping(GOOD) == []
    assert oracle.out_of_order(GOOD, RULES) == []
    assert oracle.over_budget(GOOD, RULES) == []
    assert oracle.begun_again(GOOD, [Known(2, frozenset({"a"}))]) == []


def test_an_attempt_after_one_that_was_killed_is_no_overlap() -> None:
    assert oracle.overlapping(ledger("begin a 1, begin a 2, end a 2 0")) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("begin a 1, begin a 2, end a 1 0, end a 2 0", "I3: a has attempts 1 and 2 at once"),
        ("begin a 1, begin a 2, end a 2 0, end a 1 0", "I3: a has attempts 1 and 2 at once"),
        ("begin a 1, end a 1 0, begin a 1, end a 1 0", "I3: a began attempt 1 twice"),
    ],
)
def test_attempts_that_overlap_are_seen(text: str, said: str) -> None:
    assert oracle.overlapping(ledger(text)) == [said]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("begin b 1", "I4: b began before a had ended well"),
        ("begin a 1, begin b 1, end a 1 0", "I4: b began before a had ended well"),
        ("begin a 1, end a 1 1, begin b 1", "I4: b began before a had ended well"),
        ("begin c 1", "I4: c began before b or b:fallback had ended well"),
        (
            "begin a 1, end a 1 0, begin b 1, begin a 2",
            "I3: a began when b, which needs it, had begun",
        ),
    ],
)
def test_what_begins_too_early_is_seen(text: str, said: str) -> None:
    assert oracle.out_of_order(ledger(text), RULES) == [said]


def test_a_fallback_that_ended_well_meets_a_need() -> None:
    before = "begin a 1, end a 1 0, begin b 1, end b 1 1, "
    text = before + "begin b:fallback 1, end b:fallback 1 0, begin c 1"
    assert oracle.out_of_order(ledger(text), RULES) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("begin b 1, begin c 1", "I4: 2 of 1 db in use by b, c"),
        ("begin f[0] 1, begin f[1] 1", "I4: 4 of 3 cpu in use by f[0], f[1]"),
        ("begin f[0] 1, begin b:fallback 1", "I4: 4 of 3 cpu in use by b:fallback, f[0]"),
    ],
)
def test_more_than_the_budget_is_seen(text: str, said: str) -> None:
    assert oracle.over_budget(ledger(text), RULES) == [said]


def test_what_cannot_be_alive_any_more_takes_nothing() -> None:
    assert oracle.over_budget(ledger("begin f[0] 1, quiet, begin f[1] 1"), RULES) == []


def test_a_success_that_was_reported_may_not_begin_again() -> None:
    lines = ledger("begin a 1, end a 1 0, begin a 2")
    known = [Known(2, frozenset({"a"}))]
    assert oracle.begun_again(lines, known) == [
        "I2: a began again (attempt 2) after its success was reported"
    ]


def test_a_success_that_is_none_later_is_seen() -> None:
    before, after = report(a="succeeded", b="failed"), report(a="running", b="failed")
    assert oracle.lost(oracle.successes(before), oracle.successes(after)) == [
        "I1: a was a success and is none now"
    ]


@pytest.mark.parametrize(
    ("told", "done"),
    [
        (report(a="succeeded"), {"a"}),
        (report(a="cached", b="recovered", c="allowed_failure"), {"a", "b", "c"}),
        (report(a="failed", b="running", c="cancelled", d="blocked", e="skipped"), set()),
        (attempts("a", "failed", "succeeded"), {"a"}),
        (attempts("a", "failed"), set()),
        (attempts(":finally", "succeeded"), set()),
    ],
)
def test_what_counts_as_a_reported_success(told: Dict[str, Any], done: FrozenSet[str]) -> None:
    assert oracle.successes(told) == done


def test_what_ran_has_to_be_reported_and_what_is_reported_has_to_have_run() -> None:
    assert oracle.unaccounted(ledger("begin x 1"), attempts("a", "succeeded")) == [
        "I6: x ran, and the report does not have it",
        "I6: a succeeded, says the report; it never did",
    ]
    assert oracle.unaccounted(ledger("begin a 1, end a 1 0"), attempts("a", "succeeded")) == []


def test_every_disagreement_is_told() -> None:
    good = report()
    assert oracle.disagreeing(0, good, good, good) == []
    assert oracle.disagreeing(1, good, report(a="failed"), report("failed", 1)) == [
        "I6: the report is not what `show` shows",
        "I6: exit code 0, says the report; it was 1",
        "I6: succeeded, says the report; failed, says `runs`",
        "I6: exit code 1 of a run that succeeded",
    ]


def test_a_process_with_the_mark_is_left_over() -> None:
    sleeper = subprocess.Popen(["sleep", "1000"], env={"ORCHESTRA_RUN_ID": "of-this-test"})
    try:
        wait_until(lambda: oracle.leftovers(MARK) != [], "it did not begin")
        assert oracle.leftovers(MARK) == ["I5: process %d is left: sleep 1000" % sleeper.pid]
    finally:
        sleeper.kill()
        sleeper.wait()
    assert oracle.leftovers(MARK) == []


def test_a_ledger_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    assert Ledger(path).lines() == []
    append(path, "begin a[x=1] 2 77 12.5 -")
    append(path, "end a[x=1] 2 77 13.5 75")
    Ledger(path).mark_quiet()
    assert Ledger(path).lines() == [
        Line("begin", "a[x=1]", 2, 77, 12.5),
        Line("end", "a[x=1]", 2, 77, 13.5, 75),
        Line("quiet"),
    ]


@pytest.mark.parametrize(
    "text", ["begin a 1", "begin a 1 2 3.0 0", "end a 1 2 3.0 -", "x a 1 2 3 -"]
)
def test_a_torn_line_is_no_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"line|values to unpack"):
        parse(text)
