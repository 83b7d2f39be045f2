"""Fan-out at the command line: what a person sees of instances before, during and after a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commandline import CommandLine

FLOW = """version: 1
name: fan
params: {count: 3}
steps:
  each:
    foreach: ${{ range(params.count) }}
    name: part ${{ item }}
    run: echo part ${{ item }}; test ${{ item }} -ne 1
    allow_failure: true
  odd:
    matrix: {name: ["a b", "$(touch planted)", "../x", "é\\n", "-n"]}
    run: printf '%s\\n' ${{ matrix.name }}
  last:
    needs: [each, odd]
    run: echo ${{ len(steps.each.items) }}
"""


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    line = CommandLine(tmp_path)
    line.file("flow.yaml", FLOW)
    return line


def entries(text: str) -> Any:
    return {entry["id"]: entry for entry in json.loads(text)["steps"]}


def test_the_plan_counts_what_is_known(cli: CommandLine) -> None:
    table = cli.run("plan", "flow.yaml").out
    assert "each x3" in table
    found = entries(cli.run("plan", "flow.yaml", "--format", "json").out)
    assert found["each"]["instances"] == 3
    assert found["each[2]"]["of"] == "each"
    assert "odd x5" in cli.run("plan", "flow.yaml", "--format", "dot").out


def test_too_many_instances_are_refused_before_the_run(cli: CommandLine) -> None:
    result = cli.run("run", "flow.yaml", "-p", "count=100001")
    assert result.code == 2
    assert "flow.yaml:6:14: error: foreach: the range has more than 100000 entries" in result.err


def test_a_run_shows_its_instances_under_their_step(cli: CommandLine) -> None:
    result = cli.run("run", "flow.yaml", "--report", "json=report.json")
    assert result.code == 0
    table = result.out[result.out.index("  step") :].splitlines()
    assert [line.split("  succeeded")[0].split("  allowed")[0].rstrip() for line in table[1:6]] == [
        "! each",
        "✓   each[0] (part 0)",
        "!   each[1] (part 1)",
        "✓   each[2] (part 2)",
        "✓ odd",
    ]
    report = entries((cli.folder / "report.json").read_text("utf-8"))
    assert report["each[1]"]["owner"] == "each"
    assert report["each[1]"]["role"] == "instance"
    assert (
        report["each"]["reason"] == "1 of 3 allowed failure, first `each[1]`: allowed: exit code 1"
    )
    assert not (cli.folder / "planted").exists()


def test_ten_thousand_instances_are_one_line_of_plan_and_few_of_summary(cli: CommandLine) -> None:
    cli.file(
        "wide.yaml",
        "version: 1\nsteps:\n  w: {foreach: '${{ range(300) }}', command: ['true']}\n",
    )
    result = cli.run("run", "wide.yaml", "--output", "quiet")
    assert result.code == 0
    shown = cli.run("show", "wide.yaml").out
    assert "300 succeeded" in shown
    assert shown.count("w[") == 0


def test_what_a_chain_has_for_its_end_runs_for_each_instance(cli: CommandLine) -> None:
    text = """version: 1
steps:
  chain:
    foreach: [good, bad]
    steps:
      one: {run: "echo one; test ${{ item }} = good"}
    fallback: {run: "echo saved ${{ item }} after ${{ failure.step }}"}
    finally: {run: "echo end of ${{ item }}"}
"""
    cli.file("chain.yaml", text)
    assert cli.run("run", "chain.yaml", "--report", "json=report.json").code == 0
    report = entries((cli.folder / "report.json").read_text("utf-8"))
    assert {id: entry["state"] for id, entry in report.items()} == {
        "chain": "recovered",
        "chain[0]": "succeeded",
        "chain[0]/one": "succeeded",
        "chain[0]:finally": "succeeded",
        "chain[1]": "recovered",
        "chain[1]/one": "failed",
        "chain[1]:fallback": "succeeded",
        "chain[1]:finally": "succeeded",
    }
    assert cli.run("logs", "chain[1]:fallback").out == "saved bad after chain[1]/one\n"
    assert cli.run("logs", "chain[0]:finally").out == "end of good\n"


def test_the_handlers_of_an_instance_see_that_instance(cli: CommandLine) -> None:
    text = """version: 1
steps:
  a:
    foreach: [5, 6]
    run: echo "rows=${{ item }}" >> "$ORCHESTRA_OUTPUT"; echo main ${{ item }}
    outputs: {rows: int}
    on_success: {run: "echo ${{ steps.a.outputs.rows }} ${{ steps.a.state }}"}
    finally: {python: "print(steps['a']['outputs']['rows'], item)"}
"""
    cli.file("own.yaml", text)
    assert cli.run("run", "own.yaml").code == 0
    assert cli.run("logs", "a[1]:on_success").out == "6 succeeded\n"
    assert cli.run("logs", "a[1]:finally").out == "6 6\n"
    assert cli.run("logs", "a[1]").out == "main 6\n"
