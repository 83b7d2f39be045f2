"""`orchestra import`: a trace in, a workflow out, or one clear error."""

from __future__ import annotations

import json
import os

import pytest

from tests.cli.commandline import BUDGET
from tests.formats.traces import (
    SHAPES,
    as_json,
    chain,
    flat_instance,
    fork_join,
    mosaic,
    split_instance,
)

MACHINES = [{"nodeName": "n", "cpu": {"coreCount": 4}, "memoryInBytes": 2**30}]


def trace(tasks=None, **execution):
    """The text of a trace on one machine of four cores."""
    made = fork_join(2) if tasks is None else tasks
    return as_json(split_instance(made, **{"machines": MACHINES, **execution}))


def test_the_workflow_goes_to_standard_output(cli):
    result = cli.file("t.json", trace(chain(2))).run("import", "wfformat", "t.json")
    assert (result.code, result.err) == (0, "")
    assert (
        result.out
        == """\
version: 1
name: "made-up"
description: "WfFormat 1.5, 2 tasks, took 1m40s; scale 1"
budget: {cpu: 4, memory: 1073741824B}
steps:
  c0:
    name: "link"
    command: [sleep, "0.5"]
    duration: 0.5s
  c1:
    name: "link"
    needs: [c0]
    command: [sleep, "1.5"]
    duration: 1.5s
"""
    )


@pytest.mark.parametrize("make", [split_instance, flat_instance])
@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_every_shape_is_imported_planned_and_run(cli, shape, make):
    cli.file("t.json", as_json(make(SHAPES[shape])))
    cli.run("import", "wfformat", "t.json", "--scale", "0.0001", "-o", "t.yaml")
    assert cli.run("validate", "t.yaml") == (0, "t.yaml: ok, %d steps\n" % len(SHAPES[shape]), "")
    ran = cli.run("run", "t.yaml", "--budget", "cpu=8,memory=64GiB", "--output", "quiet")
    assert ran.code == 0


def test_a_trace_of_thousands_of_tasks_is_imported_and_planned(cli):
    cli.file("t.json", trace(mosaic(600))).run("import", "wfformat", "t.json", "-o", "t.yaml")
    plan = json.loads(cli.run("plan", "t.yaml", "--format", "json").out)
    assert (len(plan["steps"]), plan["critical_path"]) == (
        2401,
        ["project_599", "diff_597_599", "concat", "model", "background_0", "add", "view"],
    )


def test_a_file_is_written_and_what_comes_next_is_told(cli):
    cli.file("t.json", trace())
    result = cli.run("import", "wfformat", "t.json", "-o", "t.yaml")
    assert result == (0, "", "wrote t.yaml; next: orchestra run t.yaml\n")
    assert cli.read("t.yaml") == cli.run("import", "wfformat", "t.json").out


def test_a_file_is_written_over_only_by_force(cli):
    cli.file("t.json", trace()).file("t.yaml", "mine")
    refused = cli.run("import", "wfformat", "t.json", "-o", "t.yaml")
    assert refused == (
        2,
        "",
        "error: t.yaml is there already\n  help: name another one, or add --force\n",
    )
    assert cli.read("t.yaml") == "mine"
    assert cli.run("import", "wfformat", "t.json", "-o", "t.yaml", "--force").code == 0
    assert cli.read("t.yaml").startswith("version: 1\n")


def test_standard_output_and_devices_need_no_force(cli):
    cli.file("t.json", trace())
    plain = cli.run("import", "wfformat", "t.json")
    assert cli.run("import", "wfformat", "t.json", "-o", "-") == plain
    assert cli.run("import", "wfformat", "t.json", "-o", "/dev/stdout") == plain
    assert cli.run("import", "wfformat", "t.json", "-o", "-", "--simulate") == (
        2,
        "",
        "error: --simulate tells on standard output how long a run would take\n"
        "  help: name a file after -o\n",
    )


def test_a_simulation_tells_what_a_run_would_take_and_writes_nothing(cli):
    cli.file("t.json", trace())
    result = cli.run("import", "wfformat", "t.json", "--simulate", "--scale", "2")
    assert (result.code, result.err) == (0, "")
    assert (
        result.out
        == """\
made-up: 4 steps in 3 waves, 4 run
budget         cpu 4, memory 1 GiB, gpu 0
peak demand    cpu 4, memory 2 MiB
critical path  split → work_0 → join
work           23.0s
lower bound    15.0s
predicted      15.0s
in the trace   1m40s, scaled 3m21s
"""
    )
    assert os.listdir(cli.folder) == ["t.json"]


def test_a_simulation_may_have_another_budget(cli):
    cli.file("t.json", trace())
    result = cli.run("import", "wfformat", "t.json", "--simulate", "--budget", "cpu=2", "-j", "1")
    assert result.lines[-2:] == ["predicted      TIME", "in the trace   1m40s"]
    assert "budget         cpu 2, memory 1 GiB, gpu 0" in result.out
    assert "predicted      11.5s" in result.out


def test_a_simulation_and_a_file_go_together(cli):
    cli.file("t.json", trace())
    result = cli.run("import", "wfformat", "t.json", "--simulate", "-o", "t.yaml")
    assert (result.code, result.err) == (0, "wrote t.yaml; next: orchestra run t.yaml\n")
    assert "predicted      7.5s" in result.out


def test_without_machines_the_budget_is_that_of_this_machine(cli):
    cli.file("t.json", as_json(split_instance(chain(2))))
    result = cli.run("import", "wfformat", "t.json", "--simulate")
    assert BUDGET.sub("BUDGET", result.out).splitlines()[1].startswith("budget         cpu ")


def test_more_notes_than_are_of_use_are_counted(cli):
    wide = [made._replace(cores=1000) for made in fork_join(30)]
    cli.file("t.json", as_json(split_instance(wide)))
    result = cli.run("import", "wfformat", "t.json", "--simulate")
    notes = [line for line in result.out.splitlines() if line.startswith("note: ")]
    assert (len(notes), notes[-1]) == (21, "note: and 12 more such notes")


BROKEN = """\
{"name": "t", "schemaVersion": "1.5", "workflow": {
  "specification": {"tasks": [
    {"id": "a", "name": "a", "parents": ["b"], "children": []},
    {"id": "b", "name": "b", "parents": ["a"], "children": ["d"]}]},
  "execution": {"makespanInSeconds": 3, "executedAt": "2026", "tasks": [
    {"id": "a", "runtimeInSeconds": -1},
    {"id": "b"}]}}}
"""


def test_all_that_is_wrong_with_a_trace_is_told_at_once(cli):
    result = cli.file("t.json", BROKEN).run("import", "wfformat", "t.json", "-o", "t.yaml")
    assert (result.code, result.out) == (2, "")
    assert (
        result.err
        == """\
t.json:4:5: error: these tasks wait for each other: b, a
  4 |     {"id": "b", "name": "b", "parents": ["a"], "children": ["d"]}]},
    |     ^
  help: a trace is a graph without cycles

t.json:4:61: error: `d` of `children` is no task
  4 |     {"id": "b", "name": "b", "parents": ["a"], "children": ["d"]}]},
    |                                                             ^

t.json:6:37: error: `runtimeInSeconds` must be a number from 0 up, not `-1`
  6 |     {"id": "a", "runtimeInSeconds": -1},
    |                                     ^

t.json:7:5: error: nothing tells how long `b` took
  7 |     {"id": "b"}]}}}
    |     ^
  help: give it `runtimeInSeconds`
"""
    )
    assert not (cli.folder / "t.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "err"),
    [
        (
            ["nextflow", "t.json"],
            "error: format nextflow is not known\n  help: one of wfformat\n",
        ),
        (
            ["wfformat", "nowhere.json"],
            "error: cannot read nowhere.json: No such file or directory\n",
        ),
        (["wfformat", "."], "error: cannot read .: it is a directory, not a file\n"),
        (
            ["wfformat", "t.json", "-j", "2"],
            "error: -j and --budget are for --simulate\n  help: add it, or leave them to the run\n",
        ),
        (
            ["wfformat", "t.json", "--scale", "1e9"],
            "error: `split` takes 1000000000s, which is more than a workflow can hold\n"
            "  help: a smaller --scale makes it shorter\n",
        ),
        (
            ["wfformat", "t.json", "--simulate", "--budget", "memory=1MB"],
            "t.json:70:28: error: `work_0` asks for 1 MiB of memory, this run has 976.6 KiB\n"
            '  70 |           "memoryInBytes": 1048576\n',
        ),
    ],
)
def test_what_cannot_be_is_one_error(cli, arguments, err):
    result = cli.file("t.json", trace()).run("import", *arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(err)


@pytest.mark.parametrize("make", [split_instance, flat_instance])
@pytest.mark.parametrize("budget", ["cpu=1", "memory=1MB"])
def test_a_demand_that_cannot_be_met_is_told_at_its_task(cli, make, budget):
    cli.file("t.json", as_json(make(fork_join(2))))
    result = cli.run("import", "wfformat", "t.json", "--simulate", "--budget", budget)
    places = [line for line in result.err.splitlines() if line.startswith("t.json:")]
    excerpts = [line for line in result.err.splitlines() if " | " in line and "^" not in line]
    assert (result.code, result.out, len(places)) == (2, "", 2)
    key = {"cpu=1": "c", "memory=1MB": "m"}[budget]
    assert [line.split('"')[1][:1] for line in excerpts] == [key, key]
    assert "work_1` asks for " in places[1]


@pytest.mark.parametrize("scale", ["-1", "-0.0", "1e308", "1e10", "nan", "inf", "-inf", "x", ""])
def test_a_scale_that_is_none_is_one_error(cli, scale):
    result = cli.file("t.json", trace()).run("import", "wfformat", "t.json", "--scale", scale)
    assert result == (
        2,
        "",
        "error: --scale %s is no factor\n"
        "  help: write a number from 0 to 1000000000, as in --scale 0.01\n" % scale,
    )


def test_the_formats_are_completed(cli):
    assert cli.complete("import ") == ["wfformat"]
