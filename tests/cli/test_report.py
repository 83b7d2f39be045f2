"""`orchestra report`: a recorded run in other formats, any time later."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from xml.etree import ElementTree

import pytest

from orchestra.cli.reporting import RENDERERS
from tests.cli.going import die, running
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
        "error: --format pdf is not known\n"
        "  help: one of json, html, svg, junit, markdown, trace, mermaid, dot, wfformat,"
        " prometheus\n",
    )


def test_a_run_that_is_not_there_is_one_error(cli):
    result = cli.run("report", "2099", "--format", "json")
    assert (result.code, result.err[:7]) == (2, "error: ")


UNWRITABLE = [
    ("no/where.json", 2, "its folder is not there\n  help: make that folder first\n"),
    ("folder", 2, "it is a folder\n  help: name a file in it\n"),
    ("new/", 2, "it is a folder\n  help: name a file in it\n"),
    ("p.yaml/r.json", 2, "a part of its path is a file\n  help: name another one\n"),
    ("pipe", 2, "nobody reads from it\n  help: start what reads from it first\n"),
    ("/dev/full", 3, "No space left on device\n"),
]
"""Paths, with the exit code and the words for each."""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a device that is full")
@pytest.mark.parametrize(("path", "code", "words"), UNWRITABLE)
def test_a_place_that_cannot_be_written_is_one_error_that_names_it(cli, path, code, words):
    cli.file("p.yaml", FLOW).file("folder/x", "").run("run", "p.yaml")
    os.mkfifo(str(cli.folder / "pipe"))
    told = cli.run("report", "--format", "json", "-o", path)
    assert told == (code, "", "error: cannot write %s: %s" % (path, words))
    cli.file("t.json", as_json(split_instance(SHAPES["chain"])))
    assert cli.run("import", "wfformat", "t.json", "-o", path) == told


def test_a_path_of_nothing_is_refused(cli):
    cli.file("p.yaml", FLOW).run("run", "p.yaml")
    assert cli.run("report", "--format", "json", "-o", "") == (
        2,
        "",
        "error: -o has no path\n  help: name a file, or - for standard output\n",
    )


def test_standard_output_is_a_place_as_well(cli):
    cli.file("p.yaml", FLOW).run("run", "p.yaml")
    written = cli.run("report", "--format", "json", "-o", "-")
    assert written == cli.run("report", "--format", "json")
    assert json.loads(written.out)["workflow"] == "p"
    assert not (cli.folder / "-").exists()


def test_a_reader_who_has_seen_enough_is_no_fault(cli):
    cli.file("p.yaml", FLOW).run("run", "p.yaml")
    reading, writing = os.pipe()
    os.close(reading)
    result = cli.run("report", "--format", "json", stdout=writing)
    os.close(writing)
    assert (result.code, result.err) == (0, "")


UNFINISHED = """
version: 1
steps:
  a: {run: 'true'}
  b: {needs: a, matrix: {x: [1, 2]}, run: 'true'}
  c: {needs: b, run: 'echo $$ > pid; echo begun >> ledger; exec sleep 60'}
  d: {needs: c, run: 'true'}
"""


def what_is_told(cli):
    """Whether a run is cut off, to programs; what its trace says of itself, and its tasks."""
    report = cli.run("report", "--format", "json").out
    assert report == cli.run("show", "--format", "json").out
    trace = instance(cli)
    cli.file("t.json", json.dumps(trace))
    imported = cli.run("import", "wfformat", "t.json", "--simulate")
    assert (imported.code, imported.out.splitlines()[0]) == (0, "flow: 4 steps in 3 waves, 4 run")
    data = json.loads(report)
    return data["state"], data["cut_off"], trace["description"].split(", ")[1]


@pytest.mark.skipif(sys.platform != "linux", reason="there is no keeper to kill with its engine")
def test_of_a_run_that_has_not_ended_there_is_a_trace_and_whether_it_goes_on(cli):
    process = running(cli, UNFINISHED)
    alive = what_is_told(cli)
    die(process)
    cut_off = what_is_told(cli)
    shown = cli.run("show").out
    pages = [cli.run("report", "--format", each).out for each in ("html", "markdown", "junit")]
    os.killpg(int(cli.read("pid")), signal.SIGKILL)

    words = "the 4 of its 6 steps that have ended"
    assert alive == ("running", False, "running: " + words)
    assert cut_off == ("running", True, "cut off: " + words)
    assert "cut off  nothing runs it any more" in shown
    for page, words in zip(pages, (">cut off</span>", "### flow cut off", 'value="cut off"')):
        assert words in page


def test_there_is_no_trace_before_the_first_step_has_ended(cli):
    process = running(cli, "version: 1\nsteps: {a: {run: 'echo begun >> ledger; sleep 60'}}\n")
    result = cli.run("report", "--format", "wfformat", "-o", "t.json")
    process.terminate()
    process.communicate()
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 2)
    assert "has ended, and a trace is of those that have" in result.err
    assert not (cli.folder / "t.json").exists()


def test_runs_are_completed(cli):
    cli.file("p.yaml", FLOW).run("run", "p.yaml")
    [run] = json.loads(cli.run("runs", "--format", "json").out)["runs"]
    assert cli.complete("report ") == [run["run_id"]]


@pytest.mark.parametrize("format", RENDERERS)
def test_a_run_writes_what_report_writes_later(cli, format):
    ended = cli.file("p.yaml", FLOW).run("run", "p.yaml", "--report", "%s=out" % format)
    later = cli.run("report", "--format", format, "-o", "later")
    assert (ended.code, later.code, later.err) == (0, 0, "")
    assert cli.read("out") == cli.read("later")
    assert "pack" in cli.read("later")


@pytest.mark.parametrize("format", ["svg", "mermaid", "dot"])
def test_an_expanded_graph_has_each_part(cli, format):
    flow = "steps:\n  fan: {matrix: {x: %s}, run: 'true'}\n" % list(range(20))
    cli.file("p.yaml", flow).run("run", "p.yaml")
    whole = cli.run("report", "--format", format).out
    expanded = cli.run("report", "--format", format, "--expand").out
    assert [part for part in range(20) if "x=%d" % part in whole] == []
    assert [part for part in range(20) if "x=%d" % part in expanded] == list(range(20))


def test_a_picture_of_two_large_fan_outs_is_expanded_as_far_as_there_is_room(cli):
    flow = "steps:\n  a: {matrix: {x: %s}, shell: sh, run: 'true'}\n" % list(range(400))
    flow += "  b: {needs: a, matrix: {x: %s}, shell: sh, run: 'true'}\n" % list(range(400))
    cli.file("p.yaml", flow).run("run", "p.yaml")
    result = cli.run("report", "--format", "svg", "--expand")
    assert (result.code, result.err) == (0, "")
    assert result.out.count('class="node') == 2


def test_a_format_that_is_not_known_is_told_before_the_run(cli):
    result = cli.file("p.yaml", FLOW).run("run", "p.yaml", "--report", "pdf=out")
    assert result.code == 2
    assert result.err == (
        "error: --report pdf is not known\n"
        "  help: one of json, html, svg, junit, markdown, trace, mermaid, dot, wfformat,"
        " prometheus\n"
    )
    assert not (cli.folder / ".orchestra").exists()


def test_a_report_that_cannot_be_written_does_not_keep_back_the_others(cli):
    cli.environ["GITHUB_STEP_SUMMARY"] = "page.md"
    reports = ["--report", "junit=no/x", "--report", "dot=/dev/full", "--report", "json=run.json"]
    result = cli.file("p.yaml", FLOW).run("run", "p.yaml", *reports, "--output", "quiet")
    assert result.code == 3
    assert result.err.splitlines()[-1] == (
        "error: the report no/x could not be written: its folder is not there; "
        "the report /dev/full could not be written: No space left on device"
    )
    assert json.loads(cli.read("run.json"))["state"] == "succeeded"
    assert "pack" in cli.read("page.md")
