"""Why places are refused: what real shells do with a variable there. All would run or lose a value.

Each script is refused by the scanner; with a plain variable in place of the expression, a real
shell runs what the value says, or makes something else of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestra.spec.shellscan import scan
from tests.steps.shells import run_argv

SUBSCRIPT = "a[$(touch PWNED)]"

# § is the expression, or the reference that stands beside it
RUN_BY_BASH = [
    ("echo $((§))", "${V}", SUBSCRIPT),
    ("echo $[§]", "${V}", SUBSCRIPT),
    ("((§))", "${V}", SUBSCRIPT),
    ("let §", '"${V}"', SUBSCRIPT),
    ("for ((i = §; 0;)); do :; done", "${V}", SUBSCRIPT),
    ("x[§]=1", "${V}", SUBSCRIPT),
    ("echo ${x[§]}", "${V}", SUBSCRIPT),
    ("x=abc; echo ${x:§}", "${V}", SUBSCRIPT),
    ("x=abc; echo ${x:0:§}", "${V}", SUBSCRIPT),
    ("echo ${!§}", "V", SUBSCRIPT),
    ("[[ § -eq 1 ]]", '"${V}"', SUBSCRIPT),
    ("[[ -v § ]]", '"${V}"', SUBSCRIPT),
    ("test -v §", '"${V}"', SUBSCRIPT),
    ("[ -v § ]", '"${V}"', SUBSCRIPT),
    ("printf -v § x", '"${V}"', SUBSCRIPT),
    ("printf § x", '"${V}"', "-v" + SUBSCRIPT),
    ("{printf,§,x}", '"${V}"', "-v" + SUBSCRIPT),
    ("read §", '"${V}"', SUBSCRIPT),
    ("a=(1); unset §", '"${V}"', SUBSCRIPT),
    ("declare §", '"${V}"', "x[$(touch PWNED)]=1"),
    ("declare -i n=§", '"${V}"', SUBSCRIPT),
    ("declare -i n; n=§", '"${V}"', SUBSCRIPT),
    ("declare -i n; for n in §; do :; done", '"${V}"', SUBSCRIPT),
    ("declare -i n; : ${n:=§}", '"${V}"', SUBSCRIPT),
    ("declare -i n; n=(§)", '"${V}"', SUBSCRIPT),
    ("declare -n r; r=§; echo $r", '"${V}"', SUBSCRIPT),
    ("declare -a a=§", '"${V}"', "($(touch PWNED))"),
    ("a=(1); declare a=§", '"${V}"', "($(touch PWNED))"),
    ("RANDOM=§", '"${V}"', SUBSCRIPT),
    ("OPTIND=§", '"${V}"', SUBSCRIPT),
    ("PS4=§; set -x; :", '"${V}"', "$(touch PWNED)"),
    ("export BASH_ENV=§; bash -c :", '"${V}"', "$(touch PWNED)"),
    ("echo a >&§", '"${V}"', "$(touch PWNED)"),
    ("compgen -W §", '"${V}"', "$(touch PWNED)"),
]

RUN_BY_SH = [
    ("alias e=§\ne", '"${V}"', "touch PWNED"),
]

LOST = [
    ("cat <<'E'\n§\nE", "${V}", b"${V}\n"),
    ("printf %s \\§", '"${V}"', b""),
    ('printf %s "\\§"', "${V}", b"${V}"),
    ("printf %s $'§'", "${V}", b"${V}"),
    ('x=aab; printf %s "${x#§}"', "${V}", b"aab"),
]


@pytest.mark.parametrize(("text", "reference", "value"), RUN_BY_BASH)
def test_a_refused_place_would_run_the_value_in_bash(
    text: str, reference: str, value: str, tmp_path: Path
) -> None:
    refused = scan(text.replace("§", "${{ params.v }}"), "bash").problems

    script = text.replace("§", reference) + "\n:"
    done = run_argv(["bash", "-c", script], tmp_path / "work", {b"V": value.encode()})

    assert (len(refused), done.files) == (1, ("PWNED",))


@pytest.mark.parametrize(("text", "reference", "value"), RUN_BY_SH)
def test_a_refused_place_would_run_the_value_in_sh(
    text: str, reference: str, value: str, tmp_path: Path
) -> None:
    refused = scan(text.replace("§", "${{ params.v }}"), "sh").problems

    script = text.replace("§", reference)
    done = run_argv(["sh", "-c", script], tmp_path / "work", {b"V": value.encode()})

    assert (len(refused), done.files) == (1, ("PWNED",))


@pytest.mark.parametrize(("text", "reference", "output"), LOST)
def test_a_refused_place_would_lose_the_value(
    text: str, reference: str, output: bytes, tmp_path: Path
) -> None:
    refused = scan(text.replace("§", "${{ params.v }}"), "bash").problems

    script = text.replace("§", reference)
    done = run_argv(["bash", "-c", script], tmp_path / "work", {b"V": b"value"})

    assert (len(refused), done.output) == (1, output)
