"""`orchestra report`: a recorded run in other formats, any time later."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

from tests.formats.traces import SHAPES, as_json, edges_of, split_instance
from tests.formats.wfformat_rules import faults

FLOW = """
version: 1
steps:
  list: {run: 'echo made'}
  check: {needs: list, matrix: {py: ["3.9", "3.13"]}, run: 'true'}
  pack:
    needs: check
    steps:
      lint: {run: 'true'}
      zip: {needs: lint, run: 'exit 3', fallback: {run: 'true'}}
  never: {needs: pack, if: 1 > 2, run: 'true'}
  broken: {needs: never, run: 'exit 4'}
  below: {needs: broken, run: 'true'}
finally: {run: 'true'}
"""


def instance(cli, *arguments):
    """What `report` writes, by the rules of the format."""
    result = cli.run("report", *arguments, "--format", "wfformat")
    assert (result.code, result.err) == (0, "")
    data = json.loads(result.out)
    assert faults(data) == []
    return data


def edges(data):
    """Parent and child by their ids."""
    tasks = data["workflow"]["specification"]["tasks"]
    return {(parent, task["id"]) for task in tasks for parent in task["parents"]}


def test_a_run_of_all_kinds_of_steps_is_an_instance(cli):
    cli.file("p.yaml", FLOW).run("run", "p.yaml")
    data = instance(cli, "p.yaml")
    assert edges(data) == {
        ("list", "check_py_3_9_"),
        ("list", "check_py_3_13_"),
        ("check_py_3_9_", "check"),
        ("check_py_3_13_", "check"),
        ("check", "pack_lint"),
        ("pack_lint", "pack_zip"),
        ("pack_lint", "pack"),
        ("pack_zip", "pack"),
        ("pack", "never"),
        ("never", "broken"),
        ("broken", "below"),
    }
    assert len(data["workflow"]["execution"]["tasks"]) == 10


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_a_trace_that_is_run_and_reported_has_the_same_graph(cli, shape):
    cli.file("t.json", as_json(split_instance(SHAPES[shape])))
    cli.run("import", "wfformat", "t.json", "--scale", "0.001", "-o", "t.yaml")
    cli.run("run", "t.yaml", "--budget", "cpu=8,memory=64GiB", "--output", "quiet")
    assert cli.run("report", "t.yaml", "--format", "wfformat", "-o", "again.json").code == 0
    cli.run("import", "wfformat", "again.json", "--scale", "0.001", "-o", "again.yaml")
    first, again = plan_of(cli, "t.yaml"), plan_of(cli, "again.yaml")
    assert again == first
    assert {(up.replace("_", "."), id.replace("_", ".")) for id, ups in first for up in ups} == {
        (up.replace("_", "."), down.replace("_", ".")) for up, down in edges_of(SHAPES[shape])
    }


def plan_of(cli, file):
    """The steps of the plan with their needs."""
    plan = json.loads(cli.run("plan", file, "--budget", "memory=64GiB", "--format", "json").out)
    return sorted((step["id"], sorted(step["needs"])) for step in plan["steps"])


def test_names_come_back_as_they_were(cli):
    data = split_instance(SHAPES["chain"])
    names = ["${{ x }}", "same", "same", 'a "b"\n']
    tasks = data["workflow"]["specification"]["tasks"]
    tasks[0]["name"], tasks[1]["name"], tasks[2]["name"], tasks[3]["name"] = names
    cli.file("t.json", as_json(data))
    cli.run("import", "wfformat", "t.json", "--scale", "0", "-o", "t.yaml")
    cli.run("run", "t.yaml")
    found = instance(cli)["workflow"]["specification"]["tasks"]
    assert [task["name"] for task in found] == names


def test_json_is_the_report_that_run_writes(cli):
    cli.file("p.yaml", FLOW).run("run", "p.yaml", "--report", "json=run.json")
    assert cli.run("report", "--format", "json").out == cli.read("run.json")


def test_a_page_links_to_the_logs_from_where_it_lies(cli):
    flow = "version: 1\nsteps:\n  a: {run: 'echo made'}\n"
    cli.file("p.yaml", flow).file("out/x", "").run("run", "p.yaml", "--report", "html=first.html")
    assert cli.run("report", "--format", "html", "-o", "out/page.html") == (0, "", "")
    for name in ("first.html", "out/page.html"):
        [link] = re.findall(r'href="([^"]+\.log)"', cli.read(name))
        assert ((cli.folder / name).parent / link).read_text() == "made\n"


def test_a_picture_shows_how_the_steps_ended(cli):
    cli.file("p.yaml", FLOW).run("run", "p.yaml", "--report", "svg=run.svg")
    picture = ElementTree.fromstring(cli.run("report", "--format", "svg").out)
    kinds = [each.get("class") for each in picture.iter() if "node" in each.get("class", "")]
    assert sorted(kinds) == sorted(
        ["node succeeded"] * 4 + ["node recovered"] + ["node skipped"] * 3
    )
    assert cli.read("run.svg") == cli.run("report", "--format", "svg").out


def test_a_plan_is_drawn(cli):
    cli.file("p.yaml", FLOW)
    picture = ElementTree.fromstring(cli.run("plan", "p.yaml", "--format", "svg").out)
    assert len([each for each in picture.iter() if "node" in each.get("class", "")]) == 6


def test_a_report_replaces_an_older_one(cli):
    cli.file("p.yaml", FLOW).file("r.json", "old").run("run", "p.yaml")
    assert cli.run("report", "--format", "json", "-o", "r.json") == (0, "", "")
    assert json.loads(cli.read("r.json"))["workflow"] == "p"


def test_a_format_that_is_not_there_is_one_error(cli):
    cli.file("p.yaml", FLOW).run("run", "p.yaml")
    assert cli.run("report", "--format", "pdf") == (
        2,
        "",
        "error: --format pdf is not known\n  help: one of json, html, svg, wfformat\n",
    )


def test_a_run_that_is_not_there_is_one_error(cli):
    result = cli.run("report", "2099", "--format", "json")
    assert (result.code, result.err[:7]) == (2, "error: ")


def test_a_place_that_cannot_be_written_is_one_error(cli):
    cli.file("p.yaml", FLOW).run("run", "p.yaml")
    result = cli.run("report", "--format", "json", "-o", "no/where.json")
    assert (result.code, result.out, result.err.count("\n")) == (3, "", 1)


def test_runs_are_completed(cli):
    cli.file("p.yaml", FLOW).run("run", "p.yaml")
    [run] = json.loads(cli.run("runs", "--format", "json").out)["runs"]
    assert cli.complete("report ") == [run["run_id"]]
