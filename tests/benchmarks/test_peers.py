"""The race of orchestra and its peers. Nothing is installed: that is left to the command itself."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.contenders import Contender, contender_of
from tests.benchmarks.descriptions import DESCRIPTIONS
from tests.benchmarks.graphs import Step
from tests.benchmarks.measuring import Cost
from tests.benchmarks.peers import has_time, parser_of_options, race
from tests.benchmarks.tables import Result
from tests.benchmarks.trial import ORDERED, RIGHT, is_right, story_of, tell
from tests.cli.commandline import ROOT


@pytest.mark.parametrize("shape", ORDERED)
@pytest.mark.parametrize("shell", [True, False], ids=["shell", "program"])
def test_orchestra_runs_each_step_once_after_what_it_needs(tmp_path, shell, shape):
    assert tell("orchestra", None, tmp_path / "trial", ORDERED[shape], shell) == RIGHT


@pytest.mark.parametrize("name", ["ninja", "make"])
def test_a_peer_runs_each_step_once_after_what_it_needs(tmp_path, name):
    # pip puts ninja beside the interpreter
    program = shutil.which(name, path="%s:%s" % (Path(sys.executable).parent, os.environ["PATH"]))
    assert program is not None
    assert is_right(name, Path(program), tmp_path)


def test_who_runs_nothing_is_not_right(tmp_path):
    assert not is_right("make", Path("/bin/true"), tmp_path)


def test_the_ledger_shows_a_step_that_did_not_wait():
    ledger = ["begin 1", "begin 0", "end 1", "end 0", "begin 2", "end 2"]
    assert story_of(ledger, [(), (0,), (1,)]).too_early == [(1, 0)]


def test_all_that_a_run_left_is_gone_before_the_next(tmp_path):
    steps = [Step("exit 0", ())]
    contender = contender_of("make", tmp_path, steps, 1, Path("/bin/true"))
    (tmp_path / "done").mkdir()
    (tmp_path / "done/0").touch()
    contender.prepare()
    assert [path.name for path in tmp_path.iterdir()] == ["Makefile"]


def test_who_fails_is_named_and_out_of_the_race():
    bad = Contender("bad", ["sh", "-c", "echo what was wrong >&2; exit 3"], int)
    results = race([bad, Contender("good", ["true"], int)], 2, 600.0)
    assert {name: (len(found.costs), found.fault) for name, found in results.items()} == {
        "bad": (0, "failed: what was wrong"),
        "good": (2, ""),
    }


def test_who_takes_too_long_is_named():
    assert race([Contender("slow", ["sleep", "600"], int)], 2, 0.5) == {
        "slow": Result([], "> 0.5 s")
    }


def test_there_is_a_round_more_while_all_together_are_within_the_limit():
    two = Result([Cost(1.0, 30.0, 1), Cost(1.0, 30.0, 1)])
    assert [has_time(found, 90.0) for found in (Result([]), two)] == [True, True]
    assert not has_time(two, 89.0)
    assert not has_time(Result([], "failed"), 90.0)


def test_the_command_says_who_is_missing_and_writes_tables_and_json(tmp_path):
    report = tmp_path / "peers.json"
    options = ["--steps", "2,3", "--shapes", "chain", "--kinds", "program", "--rounds", "1"]
    places = ["--peers", "orchestra", "--json", str(report), "--cache", str(tmp_path / "cache")]
    command = [sys.executable, "-m", "tests.benchmarks.peers", *options, *places]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    written = json.loads(report.read_text())
    assert [(found["contender"], found["steps"]) for found in written["results"]] == [
        ("orchestra", 2),
        ("orchestra", 3),
    ]
    assert "| program, chain, 3 steps |" in done.stdout
    assert not (tmp_path / "cache").exists()


def test_the_commands_that_the_guide_names_are_understood():
    guide = Path(ROOT, "docs/performance.md").read_text(encoding="utf-8")
    commands = re.findall(r"`python -m tests\.benchmarks\.peers (.*?)`", guide)
    assert [parser_of_options().parse_args(command.split()).peers for command in commands] == [
        list(DESCRIPTIONS),
        ["orchestra", "ninja", "make"],
    ]
