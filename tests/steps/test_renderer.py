from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestra.engine.ports import Launching, Written
from orchestra.model.expression import ExpressionError, Scope, parse, parse_text
from orchestra.model.masking import Masker, Needles
from orchestra.model.run import AttemptKey, Limits
from orchestra.model.secrets import Secrets
from orchestra.model.workflow import (
    Body,
    Command,
    OutputType,
    PythonCall,
    PythonCode,
    PythonFile,
    PythonModule,
    ShellScript,
    Slot,
    Splice,
)
from orchestra.steps.environment import name_job_server
from orchestra.steps.renderer import StepRenderer
from tests.steps.attempts import HOSTILE, Ran, an_attempt, ascii_start, run

SAY = "import os; os.write(1, os.getcwd().encode())"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flow").mkdir()
    (tmp_path / "flow" / "say.py").write_text("print('said')\ndef f(): print('called')\n")
    return tmp_path / "flow"


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    for name in ("logs", "outputs", "private"):
        (tmp_path / "run" / name).mkdir(parents=True)
    return tmp_path / "run"


@pytest.fixture
def renderer(run_dir: Path, folder: Path) -> StepRenderer:
    environ = {"PATH": os.defpath, "HOME": "/home"}
    return StepRenderer(str(run_dir), "r1", str(folder), environ)


@pytest.mark.parametrize(
    ("body", "out"),
    [
        (ShellScript(("echo a; echo $0",)), "a\nbash\n"),
        (ShellScript(("echo a; echo $0",), "sh"), "a\nsh\n"),
        (ShellScript(("print('a')",), (sys.executable, "-c")), "a\n"),
        (ShellScript(("expr 1 + 1",)), "2\n"),
        (Command((sys.executable, "-c", "print('a')")), "a\n"),
        (PythonCode("print('a')"), "a\n"),
        (PythonFile("say.py"), "said\n"),
        (PythonModule("say"), "said\n"),
        (PythonCall("say:f"), "said\ncalled\n"),
    ],
)
def test_every_kind_of_body_runs(renderer: StepRenderer, body: Body, out: str) -> None:
    attempt = an_attempt(body, inherit_env=("PATH",))
    assert run(renderer.render(attempt)) == Ran(0, out, "")


def test_an_attempt_has_its_own_files_and_environment(
    renderer: StepRenderer, run_dir: Path, folder: Path
) -> None:
    invocation = renderer.render(an_attempt(Command(("p",)), number=3, inherit_env=("HOME",)))
    assert (invocation.log_path, invocation.working_dir, invocation.env) == (
        str(run_dir / "logs" / "build.3.log"),
        str(folder),
        {
            b"HOME": b"/home",
            b"ORCHESTRA_RUN_ID": b"r1",
            b"ORCHESTRA_STEP": b"build",
            b"ORCHESTRA_ATTEMPT": b"3",
            b"ORCHESTRA_OUTPUT": os.fsencode(run_dir / "outputs" / "build.3"),
            b"ORCHESTRA_SUMMARY": os.fsencode(run_dir / "outputs" / "build.3.md"),
            b"ORCHESTRA_CPUS": b"1",
            b"PWD": os.fsencode(folder),
        },
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("sub", "{}/sub"),
        ("/abs", "/abs"),
        ("${{ params.d }}/x", "{}/a b/x"),
        ("${{ params.none }}", "{}"),
        ("", "{}"),
    ],
)
def test_a_working_dir_starts_at_the_workflows_folder(
    renderer: StepRenderer, folder: Path, given: str, expected: str
) -> None:
    attempt = an_attempt(
        Command(("p",)), working_dir=parse_text(given), names={"params": {"d": "a b", "none": ""}}
    )
    invocation = renderer.render(attempt)
    path = expected.format(folder)
    assert (invocation.working_dir, invocation.env[b"PWD"]) == (path, os.fsencode(path))


def test_a_step_runs_in_its_working_dir(renderer: StepRenderer, folder: Path) -> None:
    (folder / "sub dir").mkdir()
    body = Command((sys.executable, "-c", SAY))
    ran = run(renderer.render(an_attempt(body, working_dir="sub dir")))
    assert ran.out == os.path.realpath(folder / "sub dir")


@pytest.mark.parametrize(
    ("value", "fault", "message"),
    [
        (None, ExpressionError, "working_dir: null has no text (use default(x, ''))"),
        ("a\0b", ValueError, "working_dir has a NUL byte, which no process can be given"),
    ],
)
def test_a_working_dir_that_cannot_be_is_named(
    renderer: StepRenderer, value: Any, fault: type, message: str
) -> None:
    attempt = an_attempt(
        Command(("p",)), working_dir=parse_text("${{ params.d }}"), names={"params": {"d": value}}
    )
    with pytest.raises(fault) as caught:
        renderer.render(attempt)
    assert str(caught.value) == message


@pytest.mark.parametrize("value", HOSTILE, ids=ascii_start)
def test_a_hostile_value_arrives_in_the_environment_byte_for_byte(
    renderer: StepRenderer, folder: Path, value: str
) -> None:
    show = "import os; os.write(1, os.environb[b'X'])"
    attempt = an_attempt(Command((sys.executable, "-c", show)), env={"X": value})
    assert run(renderer.render(attempt)) == Ran(0, value, "")
    assert sorted(os.listdir(folder)) == ["say.py"]


def test_a_script_of_one_plain_command_is_started_without_its_shell(
    renderer: StepRenderer,
) -> None:
    invocation = renderer.render(an_attempt(ShellScript(("expr 1 + 1",)), inherit_env=("PATH",)))
    assert invocation.argv == (b"expr", b"1", b"+", b"1")


def test_what_a_step_wrote_is_read_by_its_attempt(renderer: StepRenderer) -> None:
    attempt = an_attempt(
        PythonCode("outputs.update(n=1, extra='x')"), outputs={"n": OutputType.INT}, number=2
    )
    run(renderer.render(attempt))
    assert renderer.outputs(attempt.step, attempt.key) == Written(
        {"n": 1, "extra": "x"},
        (),
        ("outputs that the step does not declare are kept as text: extra",),
    )


def test_a_new_attempt_starts_without_the_outputs_of_the_last(renderer: StepRenderer) -> None:
    attempt = an_attempt(PythonCode("outputs['n'] = 1"), outputs={"n": OutputType.INT})
    run(renderer.render(attempt))
    assert renderer.outputs(attempt.step, AttemptKey("build", 2)) == Written(
        {}, ("output `n` was declared and not written",)
    )


def test_a_private_folder_that_is_gone_is_an_error_of_the_system(
    renderer: StepRenderer, run_dir: Path
) -> None:
    (run_dir / "private").rmdir()
    with pytest.raises(FileNotFoundError):
        renderer.render(an_attempt(PythonCode("")))


@pytest.mark.parametrize(
    ("enforce", "resources", "limits"),
    [
        (False, {"memory": 5, "cpu": 500}, None),
        (True, {"memory": 5, "cpu": 500}, Limits(5, 500)),
        (True, {"memory": 5}, Limits(5, None)),
        (True, {"cpu": 500}, Limits(None, 500)),
        (True, {}, Limits()),
    ],
)
def test_what_a_step_gives_is_its_limit_where_it_is_enforced(
    renderer: StepRenderer, enforce: bool, resources: Any, limits: Any
) -> None:
    demand = {"cpu": 1000, **resources}
    attempt = an_attempt(Command(("p",)), demand=demand, resources=resources, enforce=enforce)
    assert renderer.render(attempt).limits == limits


def test_a_step_with_a_job_server_finds_it_by_its_path_and_by_descriptors(
    renderer: StepRenderer, run_dir: Path
) -> None:
    attempt = an_attempt(Command(("make",)), jobserver=True)
    invocation = renderer.render(attempt._replace(jobs=8, env={"MAKEFLAGS": "k"}))
    path = "%s/private/build.1.jobs" % run_dir
    flags = "k -j8 --jobserver-auth=fifo:%s --jobserver-aut=3,4" % path
    assert (invocation.job_server, invocation.env[b"MAKEFLAGS"]) == (path, flags.encode())


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        ("s -- A=1 B=2", b"s -j2 --jobserver-auth=3,4 -- A=1 B=2"),
        (" -- A=1", b" -j2 --jobserver-auth=3,4 -- A=1"),
    ],
)
def test_the_job_server_is_named_before_the_variables_of_make(given: str, flags: bytes) -> None:
    env = {b"MAKEFLAGS": given.encode()}
    name_job_server(env, 2, "/a path that the flags cannot hold")
    assert env == {b"MAKEFLAGS": flags}


def secretive(size: int) -> Launching:
    """A script that prints a secret of that many times eight bytes."""
    names = {"secrets": Secrets({"TOKEN": "hunter22" * size})}
    script = ShellScript(("printf %s ", Slot(parse("secrets.TOKEN"), Splice.WORD)))
    return an_attempt(script, inherit_env=("PATH",))._replace(script_scope=Scope(names))


@pytest.mark.parametrize("size", [1, 12_000])
def test_a_secret_of_a_script_is_in_its_environment_and_never_in_argv_or_a_file(
    renderer: StepRenderer, run_dir: Path, size: int
) -> None:
    invocation = renderer.render(secretive(size))

    assert [word for word in invocation.argv if b"hunter" in word] == []
    assert run(invocation) == Ran(0, "hunter22" * size, "")
    assert list((run_dir / "private").iterdir()) == []


def test_a_secret_that_only_a_file_could_hold_is_refused(renderer: StepRenderer) -> None:
    with pytest.raises(ValueError, match="a value with a secret in it is too long to hand over"):
        renderer.render(secretive(17_000))


def test_a_fault_in_a_script_quotes_no_secret(renderer: StepRenderer) -> None:
    names = {"secrets": Secrets({"TOKEN": "hunter22"})}
    script = ShellScript((Slot(parse("'text'[secrets.TOKEN]"), Splice.WORD),))
    with pytest.raises(ExpressionError) as caught:
        renderer.render(an_attempt(script)._replace(script_scope=Scope(names)))
    assert str(caught.value) == (
        "run: it cannot be evaluated; why is not shown, for it may use a secret"
    )


def test_an_output_that_holds_a_secret_is_refused(run_dir: Path, folder: Path) -> None:
    masker = Masker([Needles(b"hunter22", (b"hunter22",))])
    renderer = StepRenderer(str(run_dir), "r1", str(folder), {}, masker=masker)
    attempt = an_attempt(Command(("true",)))
    (run_dir / "outputs" / "build.1").write_text("x=hunter22")

    assert renderer.outputs(attempt.step, attempt.key) == Written(
        {}, ("output `x` holds a secret, no output of the step is kept",)
    )
