"""Scripts become invocations: argv, variables, private files, and what cannot be handed over."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Dict

import pytest

from orchestra.model.expression import ExpressionError, Scope, Value
from orchestra.model.run import Invocation
from orchestra.model.workflow import ShellScript
from orchestra.spec.shellscan import scan
from orchestra.steps.direct import DirectCommands
from orchestra.steps.place import Place
from orchestra.steps.shell import ShellInvocation, Shells, render, render_shell
from tests.steps.attempts import an_attempt
from tests.steps.shells import ALL_BYTES, SHELLS, invocation, run_argv, run_script

BASH = (b"bash", b"--noprofile", b"--norc", b"-e", b"-o", b"pipefail", b"-c", b"--")
LOCALES = ("C", "C.UTF-8")

LARGE = {
    "text": "a b\n" * 50_000,
    "line": "x" * 200_000,
    "bytes": ALL_BYTES * 300 + "\n\n\n",
    "no line end": ALL_BYTES.replace("\n", "") * 300,
    "half a character": "x" * 70_000 + b"\xe2\x82".decode("utf-8", "surrogateescape"),
    "five megabytes": "0123456789abcde\n" * 330_000,
}


def test_bash_stops_at_errors_in_pipelines_too() -> None:
    argv = render(ShellScript(("echo hi",), "bash"), Scope({}), "/nowhere/x").argv

    assert argv == (*BASH, b"echo hi")


def test_sh_stops_at_errors() -> None:
    argv = render(ShellScript(("echo hi",), "sh"), Scope({}), "/nowhere/x").argv

    assert argv == (b"sh", b"-e", b"-c", b"--", b"echo hi")


def test_another_shell_gets_the_text_as_its_last_argument() -> None:
    shell = ShellScript(("print(1)",), ("python3", "-c"))

    assert render(shell, Scope({}), "/nowhere/x") == ShellInvocation(
        (b"python3", b"-c", b"print(1)"), {}
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_may_begin_with_a_minus(shell: str, tmp_path: Path) -> None:
    done = run_script("-x ${{ params.v }} || echo $?", shell, {"v": ""}, tmp_path / "work")

    assert done[:2] == (0, b"127\n")


def test_each_value_is_a_variable_and_equal_values_share_one(tmp_path: Path) -> None:
    text = "a ${{ params.a }} \"${{ params.a }}\" '${{ params.b }}'"

    started = invocation(text, "sh", {"a": "x y", "b": 1.5}, tmp_path / "work")

    assert started == ShellInvocation(
        (
            b"sh",
            b"-e",
            b"-c",
            b"--",
            b'a "${ORCHESTRA_VALUE_1}" "${ORCHESTRA_VALUE_1}" \'\'"${ORCHESTRA_VALUE_2}"\'\'',
        ),
        {b"ORCHESTRA_VALUE_1": b"x y", b"ORCHESTRA_VALUE_2": b"1.5"},
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (3, "3"), (["a", 1], '["a",1]'), ({"a": None}, '{"a":null}')],
)
def test_values_that_are_no_text_are_written_as_in_all_text(
    value: Value, text: str, tmp_path: Path
) -> None:
    done = run_script('printf %s "${{ params.v }}"', "sh", {"v": value}, tmp_path / "work")

    assert done.output == text.encode()


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("kind", LARGE)
def test_a_large_value_arrives_byte_for_byte(
    kind: str, shell: str, locale: str, tmp_path: Path
) -> None:
    text = "printf %s ${{ params.a }} '${{ params.v }}' ${{ params.b }}"
    started = invocation(text, shell, {"a": "<", "v": LARGE[kind], "b": ">"}, tmp_path / "work")

    done = run_argv(started.argv, tmp_path / "work", {**started.env, b"LC_ALL": locale.encode()})

    expected = ("<%s>" % LARGE[kind]).encode("utf-8", "surrogateescape")
    assert done == (0, expected, "", ())


@pytest.mark.parametrize("shell", SHELLS)
def test_a_large_value_is_not_exported_even_where_its_name_is_inherited(
    shell: str, tmp_path: Path
) -> None:
    text = "env | grep -c ^ORCHESTRA_VALUE_1= || printf '%s' \"${{ params.v }}\" | wc -c"
    started = invocation(text, shell, {"v": "x" * 200_000}, tmp_path / "work")

    done = run_argv(started.argv, tmp_path / "work", {b"ORCHESTRA_VALUE_1": b"outer"})

    assert (done.code, done.output.split()) == (0, [b"0", b"200000"])


def test_values_up_to_the_limit_are_in_the_environment(tmp_path: Path) -> None:
    started = invocation("a ${{ params.v }}", "sh", {"v": "x" * 65_536}, tmp_path / "work")

    assert [len(value) for value in started.env.values()] == [65_536]


def test_values_over_the_limit_are_in_a_file(tmp_path: Path) -> None:
    started = invocation("a ${{ params.v }}", "sh", {"v": "x" * 65_537}, tmp_path / "work")

    assert started.env == {}


@pytest.mark.parametrize("shell", SHELLS)
def test_many_values_that_are_too_much_together_are_all_in_a_file(
    shell: str, tmp_path: Path
) -> None:
    names = ["file number %d.txt" % number for number in range(20_000)]
    names[7] = "two\nlines\n"
    started = invocation("printf '<%s>' ${{ params.v }}", shell, {"v": names}, tmp_path / "work")

    done = run_argv(started.argv, tmp_path / "work", started.env)

    expected = "".join("<%s>" % name for name in names).encode()
    assert (started.env, done) == ({}, (0, expected, "", ()))


def test_the_file_of_values_is_private_and_never_overwrites(tmp_path: Path) -> None:
    invocation("a ${{ params.v }}", "sh", {"v": "x" * 65_537}, tmp_path / "work")

    path = tmp_path / "work.private.values"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        invocation("a ${{ params.v }}", "sh", {"v": "x" * 65_537}, tmp_path / "work")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_folder_of_the_file_may_have_any_name(shell: str, tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s $(touch PWNED) "x"'
    folder.mkdir()

    done = run_script(
        "printf %s ${{ params.v }} | wc -c", shell, {"v": "x" * 70_000}, folder / "work"
    )

    assert (done.output.split(), done.files) == ([b"70000"], ())


@pytest.mark.parametrize("shell", SHELLS)
def test_a_long_script_goes_by_a_private_file(shell: str, tmp_path: Path) -> None:
    text = "false || echo ${{ params.v }}\n#%s\nno-such-program\necho never" % ("x" * 200_000)

    done = run_script(text, shell, {"v": "a  b"}, tmp_path / "work")

    script = tmp_path / "work.private.script"
    assert (done.code, done.output) == (127, b"a  b\n")
    assert "%s: 3: no-such-program" % script in done.messages.replace("line ", "")
    assert stat.S_IMODE(script.stat().st_mode) == 0o600


def test_a_long_script_for_another_shell_says_the_limit() -> None:
    script = ShellScript(("x" * 131_072,), ("python3", "-c"))

    with pytest.raises(ValueError, match=r"run: the script is 131072 bytes, .* python3 is 131071"):
        render(script, Scope({}), "/nowhere/x")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("a\0b", r"run: \$\{\{ params.v \}\} has a NUL byte"),
        ("\ud800", r"run: \$\{\{ params.v \}\} has half a character: U\+D800"),
    ],
    ids=ascii,
)
def test_a_value_that_no_process_can_be_given_is_named(
    value: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        invocation("echo ${{ params.v }}", "sh", {"v": value}, tmp_path / "work")


@pytest.mark.parametrize("value", [None, [None]], ids=["null", "null in a list"])
def test_null_is_a_fault_that_names_the_expression(value: Value, tmp_path: Path) -> None:
    with pytest.raises(ExpressionError) as caught:
        invocation("echo ${{ params.v }}", "sh", {"v": value}, tmp_path / "work")

    assert caught.value.message.startswith("run: ${{ params.v }}: ")


def test_a_value_that_cannot_be_evaluated_is_a_fault_of_the_script(tmp_path: Path) -> None:
    with pytest.raises(ExpressionError, match=r"^run: "):
        invocation("echo ${{ params.v + 1 }}", "sh", {"v": "a"}, tmp_path / "work")


def place_in(folder: Path) -> Place:
    env = {b"PATH": os.environb[b"PATH"]}
    return Place(env, str(folder), "/log", str(folder / "private"), str(folder), "python3")


def rendered(script: str, folder: Path, params: Dict[str, Value]) -> Invocation:
    body = ShellScript(scan(script, "bash").pieces, "bash")
    attempt = an_attempt(body, names={"params": params})
    return render_shell(body, attempt, place_in(folder), DirectCommands(), Shells())


def test_a_plain_command_starts_without_a_shell_and_falls_back_to_it(tmp_path: Path) -> None:
    found = rendered(" env --help\n", tmp_path, {})

    assert (os.path.basename(found.executable or b""), found.argv, found.fallback) == (
        b"env",
        (b"env", b"--help"),
        (*BASH, b" env --help\n"),
    )


def test_a_script_starts_its_shell(tmp_path: Path) -> None:
    found = rendered("env; env", tmp_path, {})

    assert (found.executable, found.argv, found.fallback) == (
        os.fsencode(str(shutil.which("bash"))),
        (*BASH, b"env; env"),
        None,
    )


def test_a_shell_is_looked_up_once_for_each_path(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "sh").write_text("#!/bin/sh\n")
        (tmp_path / folder / "sh").chmod(0o755)
    a, b = os.fsencode(str(tmp_path / "a")), os.fsencode(str(tmp_path / "b"))
    shells = Shells()
    first = shells.find(b"sh", {b"PATH": a + b":" + b})
    (tmp_path / "a" / "sh").unlink()

    assert first == a + b"/sh"
    assert shells.find(b"sh", {b"PATH": a + b":" + b}) == first
    assert shells.find(b"sh", {b"PATH": b}) == b + b"/sh"
    assert shells.find(b"sh", {b"PATH": b".:" + b}) is None
    assert shells.find(b"sh", {}) is None


def test_values_are_added_to_the_environment_of_the_step(tmp_path: Path) -> None:
    found = rendered("env ${{ params.v }}", tmp_path, {"v": "a=b"})

    assert (found.fallback, dict(found.env)) == (
        None,
        {b"PATH": os.environb[b"PATH"], b"ORCHESTRA_VALUE_1": b"a=b"},
    )
