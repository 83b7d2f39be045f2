"""What is foretold of a run is what becomes of it: order and time, never over the budget."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from jsonschema import Draft202012Validator

from tests.cli.commandline import ROOT, CommandLine
from tests.engine.traces import SHAPES, Task, trace

_STARTING_S = 1.0
"""Until the first step runs, on a machine with other things to do; a step's share of it below."""

_STARTING_A_STEP_S = 0.02

UNKNOWN = "nothing is known yet: none of these steps has succeeded in an earlier run\n"
NO_RECORD = (
    "error: %s/.orchestra/runs.db: store damaged: file is not a database\n"
    "  help: move it away, or put a copy of it back, before the next run\n"
)


def workflow_of(tasks: List[Task], scale: float) -> str:
    """A file in which each task sleeps for its time, scaled; JSON is YAML as well."""
    steps = {
        "t%d" % number: {
            "command": ["sleep", "%.3f" % (task.seconds * scale)],
            "needs": ["t%d" % need for need in task.needs],
            "duration": "%.3fs" % (task.seconds * scale),
            "resources": {"cpu": task.cpus, "memory": "%dB" % task.memory if task.memory else 0},
        }
        for number, task in enumerate(tasks)
    }
    return json.dumps({"version": 1, "budget": {"memory": "16GiB"}, "steps": steps})


def at(text: str) -> datetime:
    """A time of a report."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")


def took_s(step: Dict[str, Any]) -> float:
    """How long the one attempt of a step ran."""
    (attempt,) = step["attempts"]
    return (at(attempt["ended_at"]) - at(attempt["started_at"])).total_seconds()


def held_up_s(report: Dict[str, Any], asked_s: Dict[str, float]) -> float:
    """How much the machine may have held up a run whose steps sleep: by all that they overslept.

    And by all the time in which nothing ran.
    """
    overslept_s = sum(took_s(step) - asked_s[step["id"]] for step in report["steps"])
    idle_s, until = 0.0, at(report["started_at"])
    for step in sorted(report["steps"], key=lambda each: each["attempts"][0]["started_at"]):
        (attempt,) = step["attempts"]
        idle_s += max(0.0, (at(attempt["started_at"]) - until).total_seconds())
        until = max(until, at(attempt["ended_at"]))
    return overslept_s + idle_s


def most_in_use(report: Dict[str, Any]) -> Dict[str, float]:
    """The most that was held at once of each resource, at every moment at which that changed."""
    changes = []
    for step in report["steps"]:
        for attempt in step["attempts"]:
            for key, sign in (("started_at", 1), ("ended_at", -1)):
                changes.append((at(attempt[key]), sign, step["resources"]))
    in_use: Dict[str, float] = {}
    most: Dict[str, float] = {}
    for _, sign, resources in sorted(changes, key=lambda change: change[:2]):
        for name, amount in resources.items():
            in_use[name] = in_use.get(name, 0) + sign * amount
            most[name] = max(most.get(name, 0), in_use[name])
    return most


@pytest.mark.parametrize("shape", SHAPES)
def test_a_run_takes_as_long_as_foretold_and_keeps_within_its_budget(
    cli: CommandLine, shape: str
) -> None:
    tasks = trace(shape, 1, 16, 4, with_memory=True)
    scale = 6 / sum(task.seconds * task.cpus for task in tasks)
    cli.file("flow.yaml", workflow_of(tasks, scale))
    budget = ("--budget", "cpu=4")
    plan = json.loads(cli.run("plan", "flow.yaml", "--format", "json", *budget).out)
    by_fifo = cli.run("plan", "flow.yaml", "--format", "json", "--policy", "fifo", *budget)
    assert plan["lower_bound_s"] <= plan["predicted_s"] <= json.loads(by_fifo.out)["predicted_s"]

    assert cli.run("run", "flow.yaml", "--report", "json=report.json", *budget).code == 0

    report = json.loads(cli.read("report.json"))
    assert (report["predicted_s"], report["policy"]) == (
        pytest.approx(plan["predicted_s"]),
        plan["policy"],
    )
    starting_s = _STARTING_S + _STARTING_A_STEP_S * len(tasks)
    late_s = held_up_s(report, {step["id"]: step["duration_s"] for step in plan["steps"]})
    assert report["elapsed_s"] <= 1.05 * report["predicted_s"] + starting_s + late_s
    assert report["elapsed_s"] >= 0.95 * report["predicted_s"]
    most = most_in_use(report)
    assert most["cpu"] <= 4
    assert most["memory"] <= 2**34


def test_a_plan_knows_what_steps_took_in_earlier_runs(cli: CommandLine) -> None:
    cli.file(
        "flow.yaml",
        "version: 1\n"
        "steps:\n"
        "  a: {run: sleep 0.4, duration: 9s}\n"
        "  b: {run: sleep 0.2, foreach: [1, 2]}\n"
        "  c: {steps: {in: {run: sleep 0.3}}, needs: a}\n",
    )

    def seconds() -> Dict[str, Any]:
        plan = json.loads(cli.run("plan", "flow.yaml", "--format", "json").out)
        return {step["id"]: step["duration_s"] for step in plan["steps"]}

    assert seconds() == {"a": 9.0, "b": None, "b[0]": None, "b[1]": None, "c": None, "c/in": None}
    cli.run("run", "flow.yaml")
    known = seconds()
    report = json.loads(cli.run("show", "--format", "json").out)
    steps = {step["id"]: step for step in report["steps"]}
    took = {id: took_s(steps[id]) for id in ("a", "b[0]", "b[1]", "c/in")}
    assert 0.4 <= known["a"] == pytest.approx(took["a"], abs=0.01)
    assert 0.2 <= known["b"] == known["b[0]"] == known["b[1]"]
    assert min(took["b[0]"], took["b[1]"]) - 0.01 <= known["b"]
    assert known["b"] <= max(took["b[0]"], took["b[1]"]) + 0.01
    assert known["c"] is None
    assert 0.3 <= known["c/in"] == pytest.approx(took["c/in"], abs=0.01)
    assert steps["a"]["expected_s"] == 9.0


def test_a_plan_needs_no_record_of_runs_and_is_not_kept_by_a_broken_one(cli: CommandLine) -> None:
    cli.file("flow.yaml", "version: 1\nsteps:\n  a: {run: 'true'}\n")
    assert cli.run("plan", "flow.yaml").code == 0
    assert not (cli.folder / ".orchestra").exists()
    cli.file(".orchestra/runs.db", "junk" * 300)
    plan = cli.run("plan", "flow.yaml", "--format", "json")
    assert (plan.code, [step["id"] for step in json.loads(plan.out)["steps"]]) == (0, ["a"])
    assert plan.err == NO_RECORD.replace("error", "warning").replace(
        "database\n", "database; earlier runs are not known\n"
    ) % str(cli.folder)
    assert cli.run("run", "flow.yaml", "--dry-run").err == plan.err
    assert cli.run("run", "flow.yaml") == (3, "", NO_RECORD % str(cli.folder))


def _newer(path: Path) -> None:
    with closing(sqlite3.connect(str(path))) as connection:
        connection.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda path: path.unlink(), "store damaged: it is missing, there are runs"),
        (lambda path: (path.unlink(), path.mkdir()), "it is not a plain file of its own"),
        (lambda path: (path.unlink(), os.mkfifo(str(path))), "it is not a plain file of its own"),
        (lambda path: os.truncate(str(path), 5000), "store damaged: database disk image"),
        (_newer, "it was written by a newer orchestra"),
    ],
    ids=["missing", "folder", "fifo", "cut", "newer"],
)
def test_suggestions_are_none_without_the_record_that_they_are_made_of(
    cli: CommandLine, change: Callable[[Path], object], says: str
) -> None:
    cli.file("flow.yaml", "version: 1\nsteps:\n  a: {run: 'true'}\n").run("run", "flow.yaml")
    change(cli.folder / ".orchestra" / "runs.db")

    suggested = cli.run("plan", "flow.yaml", "--suggest")
    assert (suggested.code, suggested.out, suggested.err.count("error: ")) == (3, "", 1)
    assert says in suggested.err
    assert suggested.err == cli.run("runs").err
    planned = cli.run("plan", "flow.yaml")
    assert (planned.code, planned.err.count("\n")) == (0, 2)
    assert says in planned.err


def test_steps_that_are_left_out_are_suggested_nothing(cli: CommandLine) -> None:
    cli.file(
        "flow.yaml",
        "version: 1\n"
        "steps:\n"
        "  a: {run: sleep 0.15}\n"
        "  b: {run: sleep 0.15, resources: {cpu: 2}}\n"
        "  new: {run: sleep 0.15}\n",
    )
    cli.run("run", "flow.yaml", "--skip", "new", "--budget", "cpu=2")

    def suggested(*chosen: str) -> List[str]:
        plan = ("plan", "flow.yaml", "--suggest", "--budget", "cpu=2", "--format", "json")
        return [each["id"] for each in json.loads(cli.run(*plan, *chosen).out)["suggestions"]]

    assert suggested() == ["a", "b"]
    assert suggested("--skip", "a") == ["b"]
    assert suggested("--only", "a") == ["a"]
    assert cli.run("plan", "flow.yaml", "--suggest", "--only", "new").out == UNKNOWN


def test_who_is_first_ready_is_first_served_if_that_is_asked_for(cli: CommandLine) -> None:
    cli.file(
        "flow.yaml",
        "version: 1\n"
        "steps:\n"
        "  a: {run: echo a >> order}\n"
        "  b: {run: echo b >> order, duration: 5s}\n",
    )
    cli.run("run", "flow.yaml", "-j", "1")
    cli.run("run", "flow.yaml", "-j", "1", "--policy", "fifo", "--state-dir", "other")
    assert cli.read("order").split() == ["b", "a", "a", "b"]
    refused = cli.run("plan", "flow.yaml", "--policy", "lifo")
    assert (refused.code, "--policy lifo is not known" in refused.err) == (2, True)
    assert cli.run("plan", "flow.yaml", "--policy", "").code == 2


def test_a_run_that_goes_on_keeps_its_policy(cli: CommandLine) -> None:
    cli.file(
        "flow.yaml",
        "version: 1\n"
        "steps:\n"
        "  a: {run: 'test -e ready'}\n"
        "  b: {run: echo b >> order, needs: a}\n"
        "  c: {run: echo c >> order, needs: a, duration: 5s}\n",
    )
    assert cli.run("run", "flow.yaml", "-j", "1", "--policy", "fifo").code == 1
    cli.file("ready", "")
    assert cli.run("resume", "--output", "plain").code == 0
    assert cli.read("order").split() == ["b", "c"]


def test_the_summary_says_how_close_a_run_came(cli: CommandLine) -> None:
    cli.file("flow.yaml", "version: 1\nsteps:\n  a: {run: sleep 1.1, duration: 1100ms}\n")
    assert "foretold 1.1s: it took " in cli.run("run", "flow.yaml").out


def test_a_plan_suggests_what_steps_should_ask_for(cli: CommandLine) -> None:
    cli.file(
        "flow.yaml",
        "version: 1\n"
        "steps:\n"
        "  a:\n"
        "    python: |\n"
        "      import time\n"
        "      hoard = bytearray(100 * 2**20)\n"
        "      time.sleep(0.3)\n"
        "    resources: {memory: 1GiB}\n"
        "  b: {run: sleep 0.1, needs: a}\n",
    )
    unknown = cli.run("plan", "flow.yaml", "--suggest")
    assert unknown.out == UNKNOWN
    cli.run("run", "flow.yaml")

    shown = cli.run("plan", "flow.yaml", "--suggest").out
    assert "1 → 0." in shown
    assert "1 GiB → 1" in shown
    assert "shorten first  `a`: in half its time the run would take " in shown
    data = json.loads(cli.run("plan", "flow.yaml", "--suggest", "--format", "json").out)
    assert [each["id"] for each in data["suggestions"]] == ["a", "b"]
    assert 100 * 2**20 <= data["suggestions"][0]["suggested"]["memory"] < 200 * 2**20
    assert data["shorten_first"]["step"] == "a"
    assert data["shorten_first"]["predicted_s"] < data["predicted_s"]
    schema = json.loads((Path(ROOT) / "schemas" / "plan.schema.json").read_text("utf-8"))
    Draft202012Validator(schema).validate(data)
    assert cli.run("plan", "flow.yaml", "--suggest", "--format", "dot").code == 2
