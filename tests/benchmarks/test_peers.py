"""Each peer that is here runs what it is told: every step once, after all that it needs.

Nothing is installed: `python -m tests.benchmarks.peers` does that.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import List, NamedTuple, Sequence, Tuple

import pytest

from tests.benchmarks.contenders import Contender, contender_of
from tests.benchmarks.descriptions import DESCRIPTIONS
from tests.benchmarks.graphs import Needs, Step, backwards, chain, layered, wide
from tests.benchmarks.measuring import Cost, measure
from tests.benchmarks.peers import has_time, parser_of_options, race
from tests.benchmarks.programs import PROGRAMS, default_cache, find
from tests.benchmarks.tables import Result
from tests.cli.commandline import ROOT

COUNT = 20
ORDERED = [name for name in ("orchestra", *PROGRAMS) if name != "parallel"]
# from the end to the start: who left a need out would begin with the first in the file
GRAPHS = {"chain": backwards(chain(COUNT)), "layered": backwards(layered(COUNT, width=5))}


class Story(NamedTuple):
    """What a ledger tells: the steps by number, and (step, need) where one began too early."""

    begun: List[int]
    ended: List[int]
    too_early: List[Tuple[int, int]]


def story_of(lines: Sequence[str], graph: Sequence[Needs]) -> Story:
    begun = [int(line.split()[1]) for line in lines if line.startswith("begin")]
    ended = [int(line.split()[1]) for line in lines if line.startswith("end")]
    too_early = [
        (step, need)
        for step, needs in enumerate(graph)
        for need in needs
        if lines.index("begin %d" % step) < lines.index("end %d" % need)
    ]
    return Story(sorted(begun), sorted(ended), too_early)


def run(name: str, folder: Path, graph: Sequence[Needs], shell: bool) -> Story:
    """What a real run of these steps has told; skips the test where the peer is not installed."""
    program = None
    if name != "orchestra":
        found = find(name, default_cache())
        if found is None:
            pytest.skip("%s is not installed" % name)
        program = found.path
    ledger = folder / "the ledger"
    scripts = [
        "echo begin %d >> '%s'; echo end %d >> '%s'" % (n, ledger, n, ledger) for n in range(COUNT)
    ]
    steps = [
        Step(script if shell else ["/bin/sh", "-c", script], needs)
        for script, needs in zip(scripts, graph)
    ]
    measure(contender_of(name, folder / "peer", steps, 2, program))
    return story_of(ledger.read_text().splitlines(), graph)


ONCE = list(range(COUNT))


@pytest.mark.parametrize("shape", GRAPHS)
@pytest.mark.parametrize("shell", [True, False], ids=["shell", "program"])
@pytest.mark.parametrize("name", ORDERED)
def test_each_step_runs_once_after_what_it_needs(tmp_path, name, shell, shape):
    assert run(name, tmp_path, GRAPHS[shape], shell) == Story(ONCE, ONCE, [])


@pytest.mark.parametrize("shell", [True, False], ids=["shell", "program"])
def test_parallel_runs_each_step_once(tmp_path, shell):
    assert run("parallel", tmp_path, wide(COUNT), shell) == Story(ONCE, ONCE, [])


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
