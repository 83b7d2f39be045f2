"""Plain commands need no shell: what is started is what a shell would have started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

import pytest

from orchestra.model.expression import Scope
from orchestra.model.workflow import Shell, ShellScript
from orchestra.steps.direct import Direct, DirectCommands
from orchestra.steps.shell import render

REPORT = """#!%s
import json, os, signal, sys
args = sys.argv[1:]
env = {os.fsdecode(name): os.fsdecode(value) for name, value in os.environb.items()}
print(json.dumps({"argv": sys.argv, "env": env, "cwd": os.getcwd()}))
sys.stdout.flush()
if args[:1] == ["die"]:
    os.kill(os.getpid(), int(args[1]))
sys.exit(int(args[1]) if args[:1] == ["exit"] else 0)
""" % (sys.executable)

SCRIPTS = [
    "report",
    "report a b",
    "  report\ta  b \n",
    "\n\nreport a=b --c=d -e +f g:h i,j k@l %m ./n /o",
    "report exit 3",
    "report exit 126",
    "report exit 255",
    "report die 15",
    "report die 9",
    "report die 6",
    "./report here",
    "sub/report there",
    "sub/../report",
    "9report",
    "shadowed",
]

LEFT_TO_THE_SHELL = [
    "",
    "\n",
    "report; report",
    "report\nreport",
    "report\n\n",
    "report\n \n",
    "report | cat",
    "report &",
    "report > f",
    "report $HOME",
    "report 'a'",
    'report "a"',
    "report \\a",
    "report `x`",
    "report ~",
    "report ~root/x",
    "report a=~",
    "report *",
    "report a?",
    "report [a]",
    "report {a,b}",
    "report # a",
    "report a#b",
    "report !",
    "report ^a",
    "report (a)",
    "A=b report",
    "report\ra",
    "report\x0ba",
    "report\u00a0a",
    "report é",
    "=report",
    "%1",
    "echo a",
    "true",
    "test a",
    "[ a",
    "cd sub",
    "exec report",
    "command report",
    "time report",
    "if report",
    "while",
    "function report",
    "coproc report",
    ": a",
    ". ./report",
    "source report",
    "exit 3",
    "kill 1",
    "pwd",
    "no-such-program",
    "./no-such-program",
    "not-executable",
    "./not-executable",
    "sub",
    "./sub",
    "fifo",
]

MEANT_FOR_SHELLS = [
    b"BASH_ENV",
    b"ENV",
    b"SHELLOPTS",
    b"BASHOPTS",
    b"POSIXLY_CORRECT",
    b"BASH_FUNC_report%%",
    b"BASH_COMPAT",
    b"EXECIGNORE",
    b"IFS",
    b"PS4",
    b"OPTIND",
    b"PPID",
    b"LINENO",
    b"RANDOM",
    b"EPOCHSECONDS",
    b"not-a-name",
    b"1a",
    b"\xc3\xa9",
]

SHELLS_WRITE = ("_", "SHLVL", "PWD", "OLDPWD")


class Machine(NamedTuple):
    """A folder to work in, with programs in it and in the PATH of `env`."""

    folder: Path
    env: Dict[bytes, bytes]


class Seen(NamedTuple):
    """What a program was started with, and how it ended."""

    code: int
    argv: List[str]
    env: Mapping[str, str]
    cwd: str


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine on which `report` says how it was started."""
    first, second, work = (tmp_path / name for name in ("first", "second", "work"))
    for folder in (first, second, work / "sub", first / "sub"):
        folder.mkdir(parents=True)
    for path in (second, work, work / "sub"):
        write_program(path / "report", 0o755)
    write_program(second / "9report", 0o755)
    write_program(first / "not-executable", 0o644)
    write_program(work / "not-executable", 0o644)
    write_program(first / "shadowed", 0o644)
    write_program(second / "shadowed", 0o755)
    os.mkfifo(first / "fifo")
    path = b":".join(os.fsencode(folder) for folder in (first, second))
    return Machine(work, {b"PATH": path, b"X": b"a  b", b"PWD": os.fsencode(work)})


def write_program(path: Path, mode: int) -> None:
    path.write_text(REPORT)
    path.chmod(mode)


def find(
    machine: Machine, text: str, shell: Shell = "bash", env: Optional[Mapping[bytes, bytes]] = None
) -> Optional[Direct]:
    given = machine.env if env is None else env
    return DirectCommands().direct(text, shell, given, str(machine.folder))


def seen(machine: Machine, argv: Tuple[bytes, ...], executable: Optional[bytes] = None) -> Seen:
    full_env = {**machine.env, b"PATH": machine.env[b"PATH"] + b":" + os.environb[b"PATH"]}
    done = subprocess.run(
        argv,
        executable=executable,
        env=full_env,
        cwd=machine.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    report: Dict[str, Any] = json.loads(done.stdout)
    env = {name: value for name, value in report["env"].items() if name not in SHELLS_WRITE}
    return Seen(done.returncode, report["argv"], env, report["cwd"])


@pytest.mark.parametrize("text", SCRIPTS)
def test_a_plain_command_is_started_as_the_shell_would(text: str, machine: Machine) -> None:
    direct = find(machine, text)
    by_shell = render(ShellScript((text,), "bash"), Scope({}), "/nowhere/x").argv

    assert direct is not None
    assert seen(machine, direct.argv, direct.executable) == seen(machine, by_shell)


@pytest.mark.parametrize("text", LEFT_TO_THE_SHELL)
def test_whatever_a_shell_may_see_in_it_is_left_to_the_shell(text: str, machine: Machine) -> None:
    assert find(machine, text) is None


@pytest.mark.parametrize("name", MEANT_FOR_SHELLS)
def test_a_variable_that_means_something_to_shells_needs_one(name: bytes, machine: Machine) -> None:
    assert find(machine, "report", env={**machine.env, name: b"1"}) is None


@pytest.mark.parametrize(
    "path",
    [None, b"", b":%s", b".:%s", b"sub:%s", b"~/bin:%s", b"%s/"],
)
def test_a_path_that_shells_read_in_their_own_way_needs_one(
    path: Optional[bytes], machine: Machine
) -> None:
    second = machine.env[b"PATH"].split(b":")[1]
    env = {b"X": b"1"} if path is None else {b"PATH": path.replace(b"%s", second)}

    assert find(machine, "report", env=env) is None


@pytest.mark.parametrize("shell", ["sh", ("bash", "-c")])
def test_any_shell_but_bash_is_always_started(shell: Shell, machine: Machine) -> None:
    assert find(machine, "report", shell) is None


def test_sh_may_make_an_exit_code_of_a_signal(machine: Machine) -> None:
    script = render(ShellScript(("report die 15",), "sh"), Scope({}), "/nowhere/x")

    assert seen(machine, script.argv).code in (-15, 143)


def test_a_program_is_found_in_path_by_its_full_name(machine: Machine) -> None:
    second = machine.env[b"PATH"].split(b":")[1]

    assert find(machine, "report a") == Direct(second + b"/report", (b"report", b"a"))


def test_a_path_of_ones_own_is_started_from_the_working_directory(machine: Machine) -> None:
    assert find(machine, "sub/report") == Direct(None, (b"sub/report",))


def test_an_absolute_path_is_started_as_it_is(machine: Machine) -> None:
    path = str(machine.folder / "report")

    assert find(machine, path) == Direct(path.encode(), (path.encode(),))


def test_a_program_that_a_step_installs_first_in_path_is_found(machine: Machine) -> None:
    first, second = machine.env[b"PATH"].split(b":")
    commands = DirectCommands()
    before = commands.direct("report", "bash", machine.env, str(machine.folder))
    write_program(Path(os.fsdecode(first)) / "report", 0o755)

    after = commands.direct("report", "bash", machine.env, str(machine.folder))

    assert (before, after) == (
        Direct(second + b"/report", (b"report",)),
        Direct(first + b"/report", (b"report",)),
    )


def test_a_variable_is_asked_about_in_each_environment(machine: Machine) -> None:
    commands = DirectCommands()
    folder = str(machine.folder)

    found = [
        commands.direct("report", "bash", {**machine.env, **more}, folder) is not None
        for more in ({}, {b"ENV": b"x"}, {b"Y": b"x"}, {b"ENV": b"x"})
    ]

    assert found == [True, False, True, False]


def test_every_builtin_and_reserved_word_of_bash_is_left_to_the_shell(
    machine: Machine, tmp_path: Path
) -> None:
    listed = subprocess.run(
        ["bash", "-c", "compgen -b; compgen -k"], check=True, capture_output=True, text=True
    )
    names = [name for name in listed.stdout.split() if name != "."]
    for name in names:
        write_program(tmp_path / "first" / name, 0o755)

    assert [name for name in names if find(machine, name)] == []
