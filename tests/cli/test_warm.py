"""Commands that are started warm, as most are here, do what they do when people start them."""

from __future__ import annotations

import os
import subprocess
from typing import List

import pytest

from tests.cli.commandline import CommandLine, Result, without_hint
from tests.warm.starter import STARTER, Command

FLOW = "version: 1\nsteps:\n  a: {run: 'echo told; exit 3'}\n  b: {needs: a, run: 'true'}\n"
BAD = "version: 1\nsteps:\n  a: {runn: 'true'}\n"


def warm(cli: CommandLine, *arguments: str) -> Result:
    ended = STARTER.run(Command(arguments, cli.folder, cli.environ, 60))
    assert ended is not None
    return Result(ended.code, ended.out, without_hint(ended.err))


def cold(cli: CommandLine, *arguments: str) -> Result:
    process = cli.start(*arguments)
    out, err = process.communicate(timeout=60)
    return Result(process.returncode, out, without_hint(err))


def said(result: Result) -> List[str]:
    """What it printed, with what changes from run to run named instead."""
    return result._replace(out="%s\n-- %s" % (result.out, result.err)).lines


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--version"], 0),
        (["--help"], 0),
        (["nothing"], 2),
        (["validate", "bad.yaml"], 2),
        (["plan", "flow.yaml"], 0),
        (["run", "flow.yaml", "--output", "quiet"], 1),
        (["show"], 0),
        (["logs", "a"], 0),
        (["why", "b", "--format", "json"], 0),
    ],
)
def test_a_command_says_the_same(cli, arguments, code):
    cli.file("flow.yaml", FLOW).file("bad.yaml", BAD).run("run", "flow.yaml")

    here, there = warm(cli, *arguments), cold(cli, *arguments)

    assert (here.code, said(here)) == (code, said(there))


def test_a_command_has_nothing_open_that_another_has_not(cli):
    cli.file("flow.yaml", "version: 1\nsteps:\n  a: {run: 'ls /proc/$PPID/fd | wc -l'}\n")

    here, there = warm(cli, "run", "flow.yaml"), cold(cli, "run", "flow.yaml")

    assert (here.code, there.code) == (0, 0)
    logs = sorted(cli.folder.glob(".orchestra/runs/*/logs/*"))
    assert len({path.read_text() for path in logs}) == 1


def test_a_command_that_does_not_end_is_killed_at_its_time(cli):
    cli.file("flow.yaml", "version: 1\nsteps:\n  a: {run: 'sleep 60', timeout: 3s}\n")

    with pytest.raises(subprocess.TimeoutExpired):
        STARTER.run(Command(["run", "flow.yaml"], cli.folder, cli.environ, 0.5))


def test_what_is_read_at_the_start_of_python_is_never_another(cli):
    others = [{"LC_ALL": "C"}, {"TZ": "UTC"}, {"PYTHONPATH": "/"}, {"PYTHONWARNINGS": "error"}]

    commands = [Command(["runs"], cli.folder, {**cli.environ, **other}, 60) for other in others]

    assert [STARTER.run(command) for command in commands] == [None] * 4


def test_what_a_command_is_given_is_what_it_finds(cli):
    cli.environ["ORCHESTRA_STATE_DIR"] = os.fspath(cli.folder / "elsewhere")
    cli.file("flow.yaml", "version: 1\nsteps:\n  a: {run: 'echo $HOME'}\n")

    result = warm(cli, "run", "flow.yaml", "--output", "stream")

    assert (result.code, str(cli.folder) in result.out) == (0, True)
    assert (cli.folder / "elsewhere/runs.db").exists()
