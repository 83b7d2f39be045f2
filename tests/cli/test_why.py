"""`orchestra why`: one line, or a few, from the record of any run."""

from __future__ import annotations

import json

FLOW = """
version: 1
params: {n: 2}
steps:
  build: {run: 'exit 2'}
  test: {needs: build, run: echo}
  late: {if: params.n > 3, run: echo}
"""


def test_why_tells_of_the_latest_run_and_of_any_other(cli):
    cli.file("p.yaml", FLOW).run("run", "p.yaml")
    cli.run("run", "p.yaml", "--skip", "build")
    first = cli.run("runs", "--format", "json").out
    ids = [row["run_id"] for row in json.loads(first)["runs"]]
    assert cli.run("why", "build").out == "`build` skipped: left out by --skip build\n"
    assert cli.run("why", ids[1], "test").out == (
        "`test` blocked: `build` failed\n  `build` failed: exit code 2\n"
    )
    assert cli.run("why", "p.yaml", "late").out == (
        "`late` skipped: its `if` is false: params.n > 3 (params.n is 2)\n"
    )


def test_why_for_programs(cli):
    cli.file("p.yaml", FLOW).run("run", "p.yaml")
    data = json.loads(cli.run("why", "test", "--format", "json").out)
    chain = [{"step": "build", "state": "failed", "reason": "exit code 2"}]
    assert (data["state"], data["chain"]) == ("blocked", chain)


def test_a_step_that_is_not_there_gets_the_nearest_name(cli):
    cli.file("p.yaml", FLOW).run("run", "p.yaml")
    found = cli.run("why", "p.yaml", "biuld")
    assert (found.code, found.err.splitlines()[1]) == (2, "  help: did you mean `build`?")
    assert cli.run("why", "zzz").err.splitlines()[1] == "  help: one of build, test, late"


def test_why_without_runs_says_so(cli):
    assert cli.run("why", "build").code == 2


def test_why_without_a_step_asks_for_one(cli):
    assert cli.run("why") == (
        2,
        "",
        "error: name a step\n  help: `orchestra show` tells the reasons of all steps in short\n",
    )
