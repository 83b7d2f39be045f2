"""Choosing steps on the command line: what runs, what earlier runs give, what is refused."""

from __future__ import annotations

import json
import os

import pytest

FLOW = """
version: 1
name: flow
params: {fast: false}
steps:
  fetch:
    run: echo "rows=${{ 3 if params.fast else 7 }}" >> "$ORCHESTRA_OUTPUT"
    outputs: {rows: int}
  load: {needs: fetch, run: 'echo loading ${{ steps.fetch.outputs.rows }}'}
  count:
    needs: fetch
    python: print(sorted(steps["fetch"]["outputs"].items()))
  report: {needs: [load, count], run: echo done}
"""


def report(cli, *options):
    """States and reasons of a run with these options; run ids by their place in time."""
    result = cli.run("run", "flow.yaml", "--report", "json=r.json", *options)
    assert result.code == 0, result.err
    text = cli.read("r.json")
    for place, run_id in enumerate(sorted(os.listdir(cli.folder / ".orchestra/runs")), 1):
        text = text.replace(run_id, "RUN-%d" % place)
    return {s["id"]: (s["state"], s["reason"]) for s in json.loads(text)["steps"]}


def test_the_outputs_of_a_step_left_out_are_those_of_the_latest_run_that_has_them(cli):
    cli.file("flow.yaml", FLOW)
    cli.run("run", "flow.yaml", "-p", "fast=true")
    cli.run("run", "flow.yaml")
    assert report(cli, "--only", "load", "--only", "count") == {
        "fetch": ("skipped", "left out by --only load, count, outputs of run RUN-2"),
        "load": ("succeeded", "its needs were met"),
        "count": ("succeeded", "its needs were met"),
        "report": ("skipped", "left out by --only load, count"),
    }
    assert cli.run("logs", "load").out == "loading 7\n"
    assert cli.run("logs", "count").out == "[('rows', 7)]\n"


def test_a_run_that_left_a_step_out_names_where_its_outputs_came_from(cli):
    cli.file("flow.yaml", FLOW)
    cli.run("run", "flow.yaml")
    cli.run("run", "flow.yaml", "--only", "load")
    assert report(cli, "--from", "load")["fetch"] == (
        "skipped",
        "left out by --from load, outputs of run RUN-1",
    )
    steps = json.loads(cli.read("r.json"))["steps"]
    assert [s["reused_from"] is None for s in steps] == [False, True, True, True]


def test_a_step_whose_outputs_nobody_wants_needs_no_earlier_run(cli):
    cli.file("flow.yaml", FLOW)
    assert report(cli, "--only", "report")["fetch"] == ("skipped", "left out by --only report")
    assert report(cli, "--until", "fetch")["report"] == ("skipped", "left out by --until fetch")


@pytest.mark.parametrize("command", [["run"], ["plan"], ["run", "--dry-run"]])
def test_outputs_that_no_run_has_are_told_before_the_start(cli, command):
    cli.file("flow.yaml", FLOW)
    result = cli.run(*command, "flow.yaml", "--skip", "fetch")
    assert (result.code, result.out, result.err) == (
        2,
        "",
        "error: `load` uses outputs of `fetch`, and no earlier run has them\n"
        "  help: run `fetch` as well, or the whole workflow first\n",
    )
    assert os.listdir(cli.folder) == ["flow.yaml"]


def test_a_run_that_failed_in_the_step_has_no_outputs_of_it(cli):
    cli.file("flow.yaml", FLOW.replace('_OUTPUT"\n', '_OUTPUT"; exit 1\n'))
    assert cli.run("run", "flow.yaml").code == 1
    assert cli.file("flow.yaml", FLOW).run("run", "flow.yaml", "--skip", "fetch").code == 2


def test_runs_of_another_workflow_are_not_asked(cli):
    cli.file("flow.yaml", FLOW).file("other.yaml", FLOW)
    cli.run("run", "other.yaml")
    assert cli.run("run", "flow.yaml", "--skip", "fetch").code == 2


def test_the_state_directory_that_is_named_is_asked(cli):
    cli.file("flow.yaml", FLOW)
    cli.run("run", "flow.yaml", "--state-dir", "s")
    assert cli.run("plan", "flow.yaml", "--skip", "fetch").code == 2
    assert cli.run("plan", "flow.yaml", "--skip", "fetch", "--state-dir", "s").code == 0
    assert cli.run("run", "flow.yaml", "--skip", "fetch", "--state-dir", "s").code == 0


def test_the_plan_shows_what_is_left_out(cli):
    cli.file("flow.yaml", FLOW)
    planned = json.loads(cli.run("plan", "flow.yaml", "--until", "fetch", "--format", "json").out)
    assert {s["id"]: (s["will"], s["reason"]) for s in planned["steps"]} == {
        "fetch": ("run", "no needs"),
        "load": ("skip", "left out by --until fetch"),
        "count": ("skip", "left out by --until fetch"),
        "report": ("skip", "left out by --until fetch"),
    }
    assert planned["critical_path"][0] == "fetch"


def test_an_unknown_step_is_told_with_the_nearest_name(cli):
    result = cli.file("flow.yaml", FLOW).run("run", "flow.yaml", "--from", "lode")
    assert (result.code, result.err) == (
        2,
        "error: --from: there is no step `lode`\n  help: did you mean `load`?\n",
    )


@pytest.mark.parametrize("words", ["run flow.yaml --only ", "plan flow.yaml --skip "])
def test_step_ids_are_completed(cli, words):
    cli.file("flow.yaml", FLOW)
    assert cli.complete(words) == ["fetch", "load", "count", "report"]


@pytest.mark.parametrize(
    "words",
    ["run --only ", "run --dry-run --only fetch --skip ", "plan --params-file p.yaml --from "],
)
def test_step_ids_are_completed_before_the_file(cli, words):
    cli.file("flow.yaml", FLOW).file("p.yaml", "day: 1\n")
    assert cli.complete(words, " flow.yaml") == ["fetch", "load", "count", "report"]
    assert cli.complete(words + "l", " flow.yaml") == ["load"]
    assert cli.complete(words) == []


PACK = """
version: 1
steps:
  list:
    run: echo 'names=["a","b"]' >> "$ORCHESTRA_OUTPUT"
    outputs: {names: json}
  pack:
    needs: list
    foreach: ${{ steps.list.outputs.names }}
    steps:
      build: {run: 'echo "size=${{ item }}1" >> "$ORCHESTRA_OUTPUT"', outputs: {size: string}}
      show: {needs: build, run: "echo ${{ steps.build.outputs.size }}"}
"""


def test_a_step_in_an_instance_can_be_chosen_by_its_number(cli):
    cli.file("flow.yaml", PACK)
    chosen = ("run", "flow.yaml", "--only", "pack[1]/show")
    assert cli.run(*chosen).code == 2
    assert cli.run("run", "flow.yaml").code == 0
    assert cli.run(*chosen).code == 0
    assert cli.run("logs", "flow.yaml", "pack[1]/show").out == "b1\n"
    told = cli.run("why", "flow.yaml", "pack[1]/build").out
    assert told.startswith("`pack[1]/build` skipped: left out by --only pack[1]/show, outputs of")
    refused = cli.run("run", "flow.yaml", "--only", "pack[2]")
    assert (refused.code, refused.err) == (
        2,
        "error: --only pack[2]: there is no such instance\n  help: `pack` has pack[0], pack[1]\n",
    )
    assert cli.run("run", "flow.yaml", "--until", "pack[2]").code == 1
    told = cli.run("why", "flow.yaml", "pack").out
    assert told == "`pack` failed: --until pack[2]: there is no such instance\n"


SUM = """
version: 1
steps:
  list:
    run: echo 'names=["a","b"]' >> "$ORCHESTRA_OUTPUT"
    outputs: {names: json}
  size:
    needs: list
    foreach: ${{ steps.list.outputs.names }}
    run: echo "n=1${{ item }}" >> "$ORCHESTRA_OUTPUT"
    outputs: {n: string}
  sum:
    needs: size
    run: echo ${{ join(steps.size.outputs.n, '+') }} of ${{ join(steps.size.items, ',') }}
"""


def test_a_fan_out_that_is_left_out_has_its_items_and_outputs(cli):
    cli.file("flow.yaml", SUM)
    assert cli.run("run", "flow.yaml").code == 0
    for options in (
        ["--only", "sum"],
        ["--only", "size[0]", "--only", "sum"],
        ["--skip", "size[1]"],
    ):
        assert cli.run("run", "flow.yaml", *options).code == 0
        assert cli.run("logs", "flow.yaml", "sum").out == "1a+1b of a,b\n"


def test_what_is_left_out_is_left_out_whatever_fails(cli):
    cli.file("flow.yaml", "steps: {a: {run: exit 1}, b: {needs: c, run: x}, c: {run: sleep 0.2}}")
    ran = cli.run("run", "flow.yaml", "--fail-fast", "--skip", "b", "--report", "json=r.json")
    states = {s["id"]: s["state"] for s in json.loads(cli.read("r.json"))["steps"]}
    assert (ran.code, states["a"], states["b"]) == (1, "failed", "skipped")


def test_runs_that_left_out_some_instances_do_not_hide_those_that_had_all(cli):
    cli.file("flow.yaml", PACK)
    assert cli.run("run", "flow.yaml").code == 0
    assert cli.run("run", "flow.yaml", "--only", "pack[0]/show").code == 0
    assert cli.run("run", "flow.yaml", "--only", "pack[1]/show").code == 0
    assert cli.run("logs", "flow.yaml", "pack[1]/show").out == "b1\n"


def test_handlers_of_the_run_have_the_outputs_of_what_is_left_out(cli):
    cli.file(
        "flow.yaml",
        "steps:\n"
        "  a: {run: 'echo n=7 >> $ORCHESTRA_OUTPUT', outputs: {n: int}}\n"
        "  b: {needs: a, run: 'true'}\n"
        "on_success: {run: 'echo ${{ steps.a.outputs.n }}'}\n",
    )
    assert cli.run("run", "flow.yaml").code == 0
    assert cli.run("run", "flow.yaml", "--only", "b").code == 0
    assert cli.run("logs", "flow.yaml", ":on_success").out == "7\n"
