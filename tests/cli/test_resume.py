"""`orchestra resume` as a person meets it."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.cli.commandline import CommandLine
from tests.cli.going import engine_of, ledger, running, until

LONG = """
version: 1
steps:
  pay:
    run: |
      trap '' TERM
      echo begun >> ledger
      while [ ! -e go ]; do sleep 0.02; done
      echo paid >> ledger
    rerun: never
"""

ONCE = """
version: 1
steps:
  pay:
    shell: sh
    rerun: never
    run: |
      echo begun >> ledger
      test ! -e paid || exit 0
      touch paid
      read -r _ _ _ keeper _ < /proc/$PPID/stat
      kill -9 $keeper $PPID $$
"""
"""Its step dies with all who could see it end."""

NESTED = """
version: 1
steps:
  pack:
    matrix: {n: [1, 2]}
    steps:
      build: {run: "echo build >> ledger"}
  last: {needs: pack, run: "echo last >> ledger"}
"""

FANS = """
version: 1
steps:
  written: {foreach: [x, y], run: 'echo ${{ item }} >> ledger'}
  made:
    foreach: ${{ glob('*.in') }}
    run: 'echo ${{ item }} >> ledger; test ${{ item }} = a.in || test -e go'
"""


def test_a_step_that_is_added_to_finished_ones_runs_with_what_is_below_them(
    cli: CommandLine,
) -> None:
    cli.file("flow.yaml", NESTED).run("run", "flow.yaml")
    done = ledger(cli)
    lint = '      lint: {run: "echo lint >> ledger"}\n'
    cli.file("flow.yaml", NESTED.replace("  last", lint + "  last"))
    resumed = cli.run("resume")
    assert (resumed.code, ledger(cli)[len(done) :]) == (0, ["lint", "lint", "last"])
    assert resumed.err.splitlines() == [
        "changed: `pack/lint` (it is new)",
        "runs again, since something above it does: `last`",
    ]


def test_what_is_named_as_changed_is_not_named_twice(cli: CommandLine) -> None:
    cli.file("flow.yaml", NESTED).run("run", "flow.yaml")
    cli.file("flow.yaml", NESTED.replace("echo build", "echo built"))
    assert cli.run("resume").err.splitlines() == [
        "changed: `pack/build` (what it runs)",
        "runs again, since something above it does: `last`",
    ]


def test_of_a_written_list_that_has_grown_all_instances_run_again_of_a_made_one_the_new_ones(
    cli: CommandLine,
) -> None:
    cli.file("flow.yaml", FANS).file("a.in", "").file("b.in", "").run("run", "flow.yaml", "-j1")
    done = ledger(cli)
    cli.file("flow.yaml", FANS.replace("[x, y]", "[x, y, z]")).file("c.in", "").file("go", "")
    assert cli.run("resume").code == 0
    assert sorted(ledger(cli)[len(done) :]) == ["b.in", "c.in", "x", "y", "z"]


def test_the_report_of_a_run_with_nothing_left_to_do_is_written(cli: CommandLine) -> None:
    cli.file("flow.yaml", NESTED).run("run", "flow.yaml", "--report", "json=first.json")
    resumed = cli.run("resume", "--report", "json=second.json")
    assert (resumed.code, resumed.out) == (0, "")
    assert json.loads(cli.read("second.json")) == json.loads(cli.read("first.json"))


@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="nothing is taken over")
@pytest.mark.parametrize("first", [signal.SIGKILL, signal.SIGTERM])
def test_a_step_that_must_not_run_twice_does_not_whoever_was_killed_first(
    cli: CommandLine, first: signal.Signals
) -> None:
    process = running(cli, LONG)
    engine = engine_of(process)
    os.kill(process.pid, first)
    database = cli.folder / ".orchestra" / "runs.db-wal"
    told = b"nothing more is started" if first is signal.SIGKILL else b"StopRequested"
    until(lambda: told in database.read_bytes())
    process.send_signal(signal.SIGSTOP)
    os.kill(engine, signal.SIGKILL)
    process.kill()
    process.communicate()
    with (cli.folder / "out").open("w") as out:
        resumed = cli.start("resume", stdout=out, stderr=out)
    until(lambda: "taken over" in cli.run("show").out)
    cli.file("go", "")
    assert resumed.wait(60) == 0
    assert ledger(cli) == ["begun", "paid"]


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="nobody tells the keeper")
def test_a_step_that_must_not_run_twice_fails_at_each_resume_until_the_file_lets_it(
    cli: CommandLine,
) -> None:
    assert cli.file("flow.yaml", ONCE).run("run", "flow.yaml").code == -signal.SIGKILL
    once = [cli.run("resume") for _ in range(2)]
    assert [each.code for each in once] == [1, 1]
    assert all("nobody saw it end, and may not run again" in each.out for each in once)
    assert ledger(cli) == ["begun"]
    cli.file("flow.yaml", ONCE.replace("    rerun: never\n", ""))
    assert cli.run("resume").code == 0
    assert ledger(cli) == ["begun", "begun"]


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="nobody tells the keeper")
def test_a_step_that_must_not_run_twice_does_not_because_it_was_changed(cli: CommandLine) -> None:
    cli.file("flow.yaml", ONCE).run("run", "flow.yaml")
    cli.file("flow.yaml", ONCE.replace("begun", "changed"))
    assert [cli.run("resume").code for _ in range(2)] == [1, 1]
    assert ledger(cli) == ["begun"]
