"""`--executor`, and what is said of where steps run before anything does."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema

from orchestra.cli.options import PlanOptions, resumed
from orchestra.model.record import RunRecord

FLOW = """
name: flow
executor: slurm
slurm: {max_jobs: 4}
budget: {licence: 2}
steps:
  fetch: {run: echo a, executor: local, duration: 1s}
  fit:
    needs: fetch
    run: echo b
    duration: 2s
    resources: {cpu: 4000, memory: 64TB, licence: 1}
  parts:
    needs: fetch
    steps:
      one: {run: echo c, executor: dask, duration: 1s}
"""

TABLE = """
flow: 3 steps in 2 waves, 3 run

wave  step   needs  where  will  why          demand                                time
   1  fetch         local  run   no needs     cpu 1                                 1.0s
   2  fit    fetch  slurm  run   after fetch  cpu 4000, memory 58.2 TiB, licence 1  2.0s
   2  parts  fetch         run   after fetch
   2    one         dask   run   no needs     cpu 1                                 1.0s

budget         cpu 2, memory 1 GiB, gpu 0, licence 2
peak demand    cpu 1, licence 1
critical path  fetch → fit
work           4.0s
lower bound    3.0s
predicted      3.0s
"""


def test_a_plan_says_where_each_step_runs_and_what_it_asks_for_there(cli):
    cli.file("flow.yaml", FLOW)
    result = cli.run("plan", "flow.yaml", "--budget", "cpu=2,memory=1GiB")
    assert (result.code, result.err) == (0, "")
    assert "\n" + result.out == TABLE


def test_a_plan_in_json_says_so_too(cli):
    cli.file("flow.yaml", FLOW)
    plan = json.loads(cli.run("run", "flow.yaml", "--dry-run", "--format", "json").out)
    root = Path(__file__).parents[2]
    schema = json.loads((root / "schemas/plan.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(plan, schema)
    assert {step["id"]: step.get("executor") for step in plan["steps"]} == {
        "fetch": "local",
        "fit": "slurm",
        "parts": None,
        "parts/one": "dask",
    }
    fit = next(step for step in plan["steps"] if step["id"] == "fit")
    assert fit["resources"] == {"cpu": 4000.0, "memory": 64 * 10**12, "licence": 1}
    assert plan["peak"] == {"cpu": 1.0, "licence": 1}


def test_a_plan_of_steps_that_all_run_here_says_nothing_of_it(cli):
    cli.file("flow.yaml", "steps: {a: {run: echo a}}\n")
    assert "where" not in cli.run("plan", "flow.yaml").out
    assert "executor" not in cli.run("plan", "flow.yaml", "--format", "json").out


def test_graphs_name_the_executor_of_what_runs_elsewhere(cli):
    cli.file("flow.yaml", FLOW)
    mermaid = cli.run("plan", "flow.yaml", "--format", "mermaid").out
    assert mermaid.splitlines()[1:4] == [
        '    s0["fetch 1.0s"]:::run',
        '    s1["fit 2.0s on slurm"]:::run',
        '    s2["parts"]:::run',
    ]
    assert "will run · on slurm" in cli.run("plan", "flow.yaml", "--format", "svg").out


def test_an_executor_that_is_wanted_takes_the_place_of_the_file_s(cli):
    cli.file("flow.yaml", FLOW)
    plan = json.loads(cli.run("plan", "flow.yaml", "--executor", "dask", "--format", "json").out)
    places = {step["id"]: step.get("executor") for step in plan["steps"]}
    assert places == {"fetch": "local", "fit": "dask", "parts": None, "parts/one": "dask"}


def test_local_brings_all_steps_here_with_what_they_ask_for(cli):
    cli.file("flow.yaml", FLOW)
    result = cli.run("plan", "flow.yaml", "--executor", "local", "--budget", "memory=1GiB")
    assert result.code == 2
    assert "`fit` asks for 58.2 TiB of memory, this run has 1 GiB" in result.err


def test_a_run_that_is_brought_here_runs_here(cli):
    cli.file("flow.yaml", "executor: slurm\nsteps: {a: {run: echo a}}\n")
    result = cli.run("run", "flow.yaml", "--executor", "local", "--report", "json=r.json")
    assert result.code == 0, result.err
    [step] = json.loads(cli.read("r.json"))["steps"]
    assert (step["state"], step["resources"]) == ("succeeded", {"cpu": 1.0})


def test_an_executor_that_is_none_is_refused(cli):
    cli.file("flow.yaml", FLOW)
    for command in (["plan"], ["run"], ["run", "--dry-run"]):
        result = cli.run(*command, "flow.yaml", "--executor", "slrum")
        assert (result.code, result.out) == (2, "")
        assert result.err == (
            "error: --executor slrum is not known\n  help: did you mean `slurm`?\n"
        )


def test_a_run_goes_on_where_it_was_told_to_run_unless_it_is_told_otherwise():
    options = PlanOptions(executor="local").to_record()
    record = RunRecord("r", "flow", "/w/flow.yaml", 0.0, options=options)
    assert resumed(record, None, (), None, None, None).executor == "local"
    assert resumed(record, None, (), None, "dask", None).executor == "dask"


def test_the_names_of_executors_are_completed(cli):
    assert cli.complete("run --executor ") == ["local", "slurm", "dask"]
    assert cli.complete("plan --executor s") == ["slurm"]
