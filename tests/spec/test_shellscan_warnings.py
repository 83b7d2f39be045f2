"""What a script does with values that is warned of: code for another program, options."""

from __future__ import annotations

from typing import List

import pytest

from orchestra.errors import Problem
from orchestra.spec.shellscan import scan

CODE = [
    "eval echo §",
    'eval "x=§"',
    "trap '§' EXIT",
    ". §",
    "source ./lib/§",
    "sh -c 'echo §'",
    'bash -ec "echo §"',
    "/bin/sh -c §",
    "command bash -c §",
    "sudo -n bash -c §",
    "timeout 5 sh -c §",
    "env A=1 sh -c §",
    "xargs -I{} sh -c 'echo {} §'",
    "find . -exec sh -c 'echo §' {} +",
    "docker exec box sh -c 'echo §'",
    "su -c 'echo §' nobody",
    "ssh host echo §",
    "ssh -p 22 host 'echo §'",
    "python3 -c 'print(§)'",
    "perl -e 'print §'",
    "ruby -e §",
    "node -e §",
    "awk '{ print § }'",
    "awk -v a=1 '{ print § }'",
    "sed 's/a/§/'",
    "sed -e 's/a/b/' -e 's/c/§/'",
    "jq '.a == \"§\"'",
    "psql -c 'select §'",
    "psql --command='select §'",
    "mysql -e §",
    "sqlite3 x.db 'select §'",
    "bash <<E\necho §\nE",
    "ssh host <<E\necho §\nE",
    "python3 <<< §",
    "psql <<< 'select §'",
]

NO_CODE = [
    "echo eval §",
    "sh script.sh §",
    "python3 script.py §",
    "awk -v a=§ '{ print a }'",
    "sed -e 's/a/b/' §",
    "jq '.a' §",
    "grep -- §",
    "cat <<E\n§\nE",
    "ssh § true",
    "# eval §",
]

OPTIONS = [
    "rm §",
    "rm -rf §",
    'rm "§"',
    "rm '§'",
    "sudo rm §",
    "cp § to",
    "git checkout §",
    "tar x §",
    "grep §",
    "find §",
    "rsync § to",
    "ssh § true",
    "curl §",
    "set §",
]

NO_OPTIONS = [
    "rm -- §",
    "rm ./§",
    "rm -rf -- §",
    "git -C § status",
    "tar -xf §",
    "curl -o § url",
    "cp -t § a",
    "echo §",
    "./own.sh §",
    "set -- §",
]


def warned(text: str) -> List[str]:
    result = scan(text.replace("§", "${{ params.v }}"), "bash")
    assert result.problems == ()
    return [warning.code for warning in result.warnings]


@pytest.mark.parametrize("text", CODE)
def test_a_value_that_another_program_runs_is_warned_of(text: str) -> None:
    assert "value-as-code" in warned(text)


@pytest.mark.parametrize("text", NO_CODE)
def test_a_value_that_no_program_runs_is_not_warned_of_as_code(text: str) -> None:
    assert "value-as-code" not in warned(text)


@pytest.mark.parametrize("text", OPTIONS)
def test_a_value_that_may_be_read_as_an_option_is_warned_of(text: str) -> None:
    assert warned(text) == ["value-as-option"]


@pytest.mark.parametrize("text", NO_OPTIONS)
def test_a_value_that_cannot_be_an_option_is_not_warned_of(text: str) -> None:
    assert warned(text) == []


def test_a_warning_says_which_program_and_what_to_write() -> None:
    result = scan("echo\nrm -r ${{ params.dir }}", "sh")

    assert result.warnings == (
        Problem(
            (),
            "value-as-option",
            "a value that begins with - is an option to `rm`",
            "write -- before it, or ./ where it is a path",
            offset=11,
            severity="warning",
        ),
    )


def test_a_value_is_warned_of_once_for_each_reason() -> None:
    assert warned("sh -c 'sh -c §'") == ["value-as-code"]
