"""Variables that a shell takes apart; never a word that is safe, or split on purpose."""

from __future__ import annotations

import pytest

from tests.lints.looking import faults, lints

FLOW = """\
params: {p: {%s}}
steps:
  a:
    env: {V: "%s", W: "a b"}
    run: |
%s
"""


def found(script: str, param: str = "default: x", value: str = "${{ params.p }}") -> list:
    lines = "".join("      %s\n" % line for line in script.splitlines())
    return lints(FLOW % (param, value, lines), "L301")


@pytest.mark.parametrize(
    "script",
    ["ls $V", "ls -- ${V}", "x=$(ls $V)", "if test -n $V; then ls; fi", "ls a $V | cat", "! ls $V",
     "a() { ls $V; }", "ls $V > out", 'echo "$V" $V', "echo '$V' $V"],
)  # fmt: skip
def test_a_bare_argument_is_told(script: str) -> None:
    assert found(script) == ["L301:6"]


@pytest.mark.parametrize(
    "script",
    [
        'ls "$V"',
        "ls '$V'",
        "ls \\$V",
        "ls $$V",
        "x=$V",
        "export x=$V",
        "[[ -n $V ]]",
        "case $V in x) ls ;; esac",
        "ls > $V",
        "cat <<EOF\n$V\nEOF",
        "cat <<< $V",
        "for x in $V; do ls; done",
        "set -- $V",
        "words=($V)",
        "$V --help",
        "ls a$V",
        "ls $W",
        "ls $VV ${V:-x} ${#V}",
        "# ls $V",
        "V=fixed; ls $V",
        "read V; ls $V",
        "IFS=; ls $V",
        "set -f; ls $V",
        "ls ${{ params.p }}",
        'ls "${{ params.p }}" "$V"',
        "echo $((V + 1))",
    ],
)
def test_a_word_that_is_safe_or_split_on_purpose_is_not(script: str) -> None:
    assert found(script) == []


@pytest.mark.parametrize(
    "param",
    ["type: int, default: 1", "type: bool, default: true", "type: date, default: today",
     "enum: [a, b], default: a", "pattern: '[a-z]+', default: x"],
)  # fmt: skip
def test_a_value_that_has_nothing_to_split_is_not(param: str) -> None:
    assert found("ls $V", param) == []


@pytest.mark.parametrize(
    "param", ["type: path, default: x", "enum: [a, b c], default: a", "enum: ['*', b], default: b"]
)
def test_a_value_that_may_be_split_is(param: str) -> None:
    assert found("ls $V", param) == ["L301:6"]


@pytest.mark.parametrize("value", ["fixed", "${{ len(params.p) }}", "${{ run.id }}"])
def test_a_variable_that_holds_no_parameter_is_not(value: str) -> None:
    assert found("ls $V", value=value) == []


def test_the_place_is_that_of_the_variable_in_the_file() -> None:
    script = "      echo ${{ params.p }} ä\n      ls $V\n"
    [fault] = faults(FLOW % ("default: x", "in/${{ params.p }}", script), ["L301"])
    assert (fault.line, fault.column) == (7, 10)
    assert fault.message == "the shell takes `$V` apart at blanks, and `*` in it for files"


def test_variables_of_all_layers_and_scripts_of_handlers_are_looked_at() -> None:
    text = """\
params: {p: x}
env: {V: "${{ params.p }}"}
defaults: {env: {D: "${{ params.p }}"}}
steps:
  a:
    run: ls $V $D
    on_failure: {run: ls $V}
    finally: {env: {V: fixed}, run: ls $V}
  b: {env: {V: fixed}, run: ls $V}
  c: {shell: [zsh, -c], run: ls $V}
  d: {steps: {e: {run: ls $V}}}
finally: {run: ls $V}
"""
    assert lints(text, "L301") == ["L301:6", "L301:6", "L301:7", "L301:11", "L301:12"]
