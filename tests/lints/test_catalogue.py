"""Which lints are looked for, which are ignored, and what that costs."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import List

import pytest

from orchestra.cli import prepare
from orchestra.errors import UsageError
from orchestra.lints.catalogue import LINTS, WARNINGS, choose, lint
from tests.lints.looking import faults, lints

ROOT = Path(__file__).resolve().parents[2]
TWO = "params: {p: 1}\nvars: {v: 1}\nsteps:\n  a: {run: x}\n"


def codes(text: str, **options: object) -> List[str]:
    return [fault.code for fault in faults(text, **options)]


def test_codes_and_names_are_those_of_one_lint() -> None:
    assert len({word for each in LINTS for word in (each.code, each.name)}) == 2 * len(LINTS)
    assert [each.code for each in LINTS] == sorted(each.code for each in LINTS)


def test_some_are_for_ci_only_or_by_their_name() -> None:
    assert codes(TWO) == ["L102", "L104"]
    assert codes(TWO, in_ci=True) == ["L102", "L104", "L401"]
    assert codes(TWO, select=["no-timeout"]) == ["L401"]


def test_options_take_codes_and_names_and_lists_of_them() -> None:
    assert codes(TWO, select=["L104,unused-param"], ignore=["unused-var"]) == ["L102"]
    assert codes(TWO, ignore=["L102, L104"]) == []


def test_a_word_that_is_no_lint_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(UsageError, match="--ignore unused-params is no lint") as fault:
        choose([], ["unused-params"], False)
    assert fault.value.hint == "did you mean `unused-param`?"


@pytest.mark.parametrize("word", ["L102", "unused-param", "L104, L102", "L102 why it stays"])
def test_a_comment_ignores_at_its_line(word: str) -> None:
    comment, _, rest = word.partition(" why")
    text = TWO.replace("1}\nvars", "1} # orchestra: ignore[%s]%s\nvars" % (comment, rest))
    assert codes(text) == ["L104"]


def test_a_comment_alone_ignores_at_the_next_line_and_one_behind_does_not() -> None:
    assert codes("# orchestra: ignore[L102]\n" + TWO) == ["L104"]
    assert codes("version: 1 # orchestra: ignore[L102]\n" + TWO) == ["L102", "L104"]
    assert codes("# orchestra: ignore[L102]\n\n" + TWO) == ["L102", "L104"]


def test_a_comment_in_a_script_ignores_there() -> None:
    text = """\
params: {p: x}
steps:
  a:
    env: {V: "${{ params.p }}"}
    run: |
      ls $V # orchestra: ignore[L301]
      # orchestra: ignore[unquoted-variable]
      ls $V
      ls $V
"""
    assert lints(text) == ["L301:9"]


def test_a_comment_that_names_no_lint_is_told_with_the_nearest_one() -> None:
    [fault] = faults("steps:\n  a: {run: x} # orchestra: ignore[L102, never-run]\n")
    assert (fault.code, fault.line, fault.column) == ("unknown-lint", 2, 41)
    assert (fault.message, fault.suggestion) == (
        "`never-run` is no lint",
        "did you mean `never-runs`?",
    )


@pytest.mark.parametrize("comment", ["# orchestra: ignore", "# orchestra: ignore[ ]"])
def test_a_comment_that_names_nothing_is_told(comment: str) -> None:
    [fault] = faults("steps:\n  a: {run: x} %s\n" % comment)
    assert (fault.code, fault.message) == ("unknown-lint", "this comment ignores nothing")


def test_other_warnings_can_be_ignored_too() -> None:
    text = "steps:\n  a: {needs: b, shell: sh}\n  b: {run: x}\n"
    assert codes(text) == ["no-use"]
    assert codes(text, ignore=["no-use"]) == []
    assert codes(text.replace("sh}", "sh} # orchestra: ignore[no-use]")) == []


def test_every_warning_of_the_language_can_be_ignored() -> None:
    texts = [path.read_text("utf-8") for path in (ROOT / "orchestra" / "spec").glob("*.py")]
    told = {code for text in texts for code in re.findall(r'\.warning\([^"]*"([a-z-]+)",', text)}
    assert told - {"steps", "with", "shell", "enforce", "cache", "preload"} <= set(WARNINGS)
    assert len(told) > 0


@pytest.mark.parametrize(
    "file",
    sorted(
        path.relative_to(ROOT).as_posix()
        for folder in ("examples", "orchestra/cli/templates")
        for path in (ROOT / folder).glob("**/*.yaml")
        if not path.name.endswith(".test.yaml")
    ),
)
def test_no_example_has_a_lint(file: str) -> None:
    found = prepare.read(str(ROOT / file))
    assert lint(found.loaded, found.graph, found.warnings, choose([], [], False)) == ()


def calls(steps: int) -> int:
    """How many functions are called to look through so many steps, with something of each kind."""
    lines = ["params: {p: x, on: {type: bool, default: true}}", "steps:"]
    for number in range(steps):
        lines.append("  s%d:" % number)
        lines.append("    needs: [%s]" % ("s%d" % (number - 1) if number else ""))
        lines.append("    if: params.on and steps.s%d.result == 'success'" % max(number - 1, 0))
        lines.append("    env: {V: '${{ params.p }}'}")
        lines.append("    outputs: {x: int}")
        lines.append("    run: ls $V # orchestra: ignore[L301]")
    text = "\n".join(lines).replace("    if: params.on and steps.s0.result == 'success'\n", "", 1)
    found = prepare.read("/etc/flow.yaml", text.encode())
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        told = lint(found.loaded, found.graph, found.warnings, choose([], [], True))
    finally:
        sys.setprofile(None)
    assert len(told) == 51
    return count


def test_ten_times_the_steps_take_ten_times_the_calls() -> None:
    assert calls(2000) < 11 * calls(200)
