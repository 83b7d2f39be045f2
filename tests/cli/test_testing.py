"""`orchestra test` at the command line: exit codes, formats, completion, and that nothing runs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.cli.commandline import CommandLine

WORKFLOW = """
version: 1
secrets: {TOKEN: {command: [touch, read]}}
notify: [{webhook: "http://127.0.0.1:9/"}]
steps:
  a: {run: "touch ran; exit 7", retry: {max: 1, delay: 1h}, timeout: 1h}
  b: {needs: a, python: {call: "odd:go"}, fallback: {run: exit 3}}
  c: {needs: [{step: b, when: failure}], run: "true"}
  d: {needs: a, run: "true"}
  e: {if: failure(), needs: b, run: exit 100, skip_codes: [100]}
  f: {foreach: [1, 2], run: "exit ${{ item }}", allow_failure: {exit_codes: [2]}}
finally: {run: exit 5}
"""
GOOD = "workflow: p.yaml\ncases:\n  good one: {expect: {state: succeeded}}\n"
BAD = "workflow: p.yaml\ncases:\n  bad one: {expect: {exit_code: 1, elapsed: 1s}}\n"
WRONG = "workflow: p.yaml\ncases:\n  x: {expect: {steps: {aa: failed}}}\n"


@pytest.fixture
def cli(cli: CommandLine) -> CommandLine:
    cli.file("p.yaml", WORKFLOW)
    return cli.file("good.test.yaml", GOOD).file("bad.test.yaml", BAD).file("x.test.yaml", WRONG)


def test_the_exit_code_tells_passed_failed_and_wrong(cli):
    good, bad = (
        cli.run("test", "good.test.yaml"),
        cli.run("test", "good.test.yaml", "bad.test.yaml"),
    )
    wrong = cli.run("test", "x.test.yaml", "good.test.yaml")

    passed = ["good.test.yaml", "  ✓ good one  TIME", "1 case, all passed"]
    assert (good.code, good.lines, good.err) == (0, passed, "")
    assert (bad.code, bad.lines[-1], bad.err) == (1, "2 cases, 1 failed", "")
    assert (wrong.code, wrong.lines) == (2, passed)
    assert wrong.err.startswith("x.test.yaml:3:24: error: there is no step `aa` in the workflow\n")


def test_a_case_is_chosen_by_its_name(cli):
    cli.file("two.test.yaml", GOOD + BAD[BAD.index("  bad") :])
    assert cli.run("test", "two.test.yaml", "--case", "good one").code == 0
    assert cli.run("test", "two.test.yaml", "--case", "bad one").code == 1
    unknown = cli.run("test", "two.test.yaml", "--case", "god one")
    assert (unknown.code, unknown.out) == (2, "")
    assert unknown.err == (
        "error: two.test.yaml has no case `god one`\n  help: did you mean `good one`?\n"
    )


def test_what_came_of_it_is_there_for_programs(cli):
    data = json.loads(cli.run("test", "bad.test.yaml", "--format", "json").out)
    assert [case["passed"] for case in data["files"][0]["cases"]] == [False]
    assert "<testsuites>" in cli.run("test", "bad.test.yaml", "--format", "junit").out


def test_files_and_cases_are_completed(cli):
    cli.file("more/p.test.yaml", GOOD).file("godown", "")
    assert cli.complete("test go") == ["good.test.yaml"]
    assert cli.complete("test m") == ["more/"]
    assert cli.complete("test good.test.yaml --case g") == ["good", "one"]


@pytest.mark.parametrize("command", ["validate", "plan", "run"])
def test_a_file_of_tests_is_told_from_a_workflow(cli, command):
    result = cli.run(command, "good.test.yaml")
    assert result.code == 2
    assert "this file holds tests of a workflow, and is none itself" in result.err
    assert "`orchestra test good.test.yaml` plays its cases" in result.err


def test_a_workflow_is_told_from_a_file_of_tests(cli):
    result = cli.run("test", "p.yaml")
    assert (result.code, result.out) == (2, "")
    assert "this file is a workflow, and holds no tests" in result.err


def test_the_schema_of_tests_is_printed(cli):
    assert json.loads(cli.run("schema", "--test").out)["$id"] == "test.schema.json"


FORBIDDEN = """
import sys
import typer  # which starts a program when it is imported on Python 3.8
FORBIDDEN = ("subprocess.", "os.fork", "os.posix_spawn", "os.exec", "os.system", "socket.")

def refuse(event, arguments):
    if event.startswith(FORBIDDEN):
        raise AssertionError(event)
    if event == "import" and arguments[0] == "odd":
        raise AssertionError("import odd")
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        raise AssertionError("%s is written" % (arguments,))

sys.addaudithook(refuse)
from orchestra.cli.app import main
sys.argv[0] = "orchestra"
main()
"""


def test_nothing_is_started_written_reached_or_imported(cli):
    cli.file("odd.py", "")
    before = sorted(path.name for path in cli.folder.iterdir())
    command = [sys.executable, "-B", "-c", FORBIDDEN, "test", "good.test.yaml", "bad.test.yaml"]
    done = subprocess.run(
        command, cwd=cli.folder, env=cli.environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert sorted(path.name for path in cli.folder.iterdir()) == before


def test_a_run_in_virtual_time_comes_to_what_a_real_one_comes_to(cli):
    real = WORKFLOW.replace("delay: 1h", "delay: 0s")
    cli.file("p.yaml", real[: real.index("secrets")] + real[real.index("steps:") :])
    cli.file("odd.py", "def go():\n    raise SystemExit(9)\n")
    assert cli.run("run", "p.yaml").code == 1
    record = json.loads(cli.run("show", "--format", "json").out)
    expected = {
        step["id"]: {
            "state": step["state"],
            "reason": step["reason"],
            "attempts": len(step["attempts"]),
        }
        for step in record["steps"]
    }
    codes = {
        step["id"]: [attempt["exit_code"] for attempt in step["attempts"]]
        for step in record["steps"]
        if step["attempts"]
    }
    case = {"given": {"steps": codes}, "expect": {"exit_code": 1, "steps": expected}}
    cli.file("real.test.yaml", json.dumps({"workflow": "p.yaml", "cases": {"real": case}}))

    result = cli.run("test", "real.test.yaml")

    assert (result.code, result.lines[-1]) == (0, "1 case, all passed")
