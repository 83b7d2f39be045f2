"""`orchestra resume` as a person meets it."""

from __future__ import annotations

from tests.cli.commandline import CommandLine
from tests.cli.going import ledger

NESTED = """
version: 1
steps:
  pack:
    matrix: {n: [1, 2]}
    steps:
      build: {run: "echo build >> ledger"}
  last: {needs: pack, run: "echo last >> ledger"}
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
