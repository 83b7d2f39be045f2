"""What `plan --against` foretells is what then comes, whatever was edited."""

from __future__ import annotations

import pytest

from tests.cli.commandline import CommandLine
from tests.cli.edits import Author, Seen


@pytest.mark.parametrize("seed", range(8))
def test_a_run_after_edits_runs_what_was_foretold(cli: CommandLine, seed: int) -> None:
    author = Author(cli, seed)
    cli.run("run", "flow.yaml", "--output", "quiet")
    author.edit()
    seen = Seen(cli, "will")
    assert cli.run("run", "flow.yaml", "--output", "quiet").code == 0
    assert seen.faults() == {}
    author.edit()
    again = Seen(cli, "will")
    assert cli.run("run", "flow.yaml", "--output", "quiet").code == 0
    assert again.faults() == {}


@pytest.mark.parametrize("seed", range(100, 106))
def test_a_run_that_goes_on_after_edits_runs_what_was_foretold(cli: CommandLine, seed: int) -> None:
    author = Author(cli, seed)
    cli.run("run", "flow.yaml", "--output", "quiet")
    author.edit()
    seen = Seen(cli, "on_resume")
    assert cli.run("resume", "--output", "quiet").code == 0
    assert seen.faults() == {}


def test_steps_that_are_not_changed_are_foretold_to_be_kept_or_up_to_date(
    cli: CommandLine,
) -> None:
    cli.file("a.in", "").file("flow.yaml", UNCHANGED)
    cli.run("run", "flow.yaml")
    assert Seen(cli, "will").foretold == {"a": "cached", "b": "run"}
    assert Seen(cli, "on_resume").foretold == {"a": "kept", "b": "kept"}


UNCHANGED = """
version: 1
steps:
  a: {run: cp a.in a.out, cache: {inputs: [a.in], outputs: [a.out]}}
  b: {needs: a, run: cat a.out}
"""
