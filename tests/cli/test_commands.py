"""The commands beside `run`."""

from __future__ import annotations

import json
import os

import pytest

from orchestra import __version__
from orchestra.cli.commands import NAMES
from orchestra.cli.commands.init import templates

TWO = """
version: 1
name: two
steps:
  a: {run: 'printf "a\\nb\\033[1m"'}
  b: {needs: a, run: 'exit 4', retry: 1}
"""


def test_version(cli):
    assert cli.run("--version") == (0, __version__ + "\n", "")


@pytest.mark.parametrize("command", NAMES)
def test_every_command_has_help_with_an_example(cli, command):
    result = cli.run(command, "--help")
    assert (result.code, result.err) == (0, "")
    assert "Example: orchestra %s" % command in result.out
    assert "\\[" not in result.out


def test_no_command_shows_what_there_is(cli):
    result = cli.run()
    assert result.code in (0, 2)  # click 8.1 gave 0 where 8.2 gives 2
    assert "validate  Check workflow files" in result.out + result.err


def test_an_unknown_command_is_one_error(cli):
    result = cli.run("rnu")
    assert result.code == 2
    assert result.err.splitlines()[-1] == "  help: `orchestra --help` shows how it is used"


@pytest.mark.parametrize("command", ["--version", "schema"])
def test_output_that_cannot_be_written_is_one_error(cli, command):
    with open("/dev/full", "w") as full:
        result = cli.run(command, stdout=full)
    assert result == (3, "", "error: No space left on device\n")


@pytest.mark.parametrize("command", [["--version"], ["schema"], ["logs"]])
def test_a_reader_who_has_seen_enough_is_no_failure(cli, command):
    cli.file("p.yaml", "version: 1\nsteps:\n  a: {run: 'seq 1 20000'}\n")
    cli.run("run", "p.yaml")
    read, write = os.pipe()
    os.close(read)
    result = cli.run(*command, stdout=write)
    os.close(write)
    assert result == (0, "", "")


@pytest.mark.parametrize("command", [["run", "../p.yaml"], ["runs"]])
def test_a_current_folder_that_is_gone_is_one_error(cli, command):
    def leave():
        os.mkdir("gone")
        os.chdir("gone")
        os.rmdir("../gone")

    cli.file("p.yaml", "version: 1\nsteps:\n  a: {run: 'true'}\n")
    result = cli.run(*command, preexec_fn=leave)
    assert result == (3, "", "error: the current folder is gone\n")


def test_validate_says_ok_or_every_fault(cli):
    cli.file("good.yaml", TWO).file("bad.yaml", "version: 1\nsteps:\n  a: {needs: b, cmd: x}\n")
    assert cli.run("validate", "good.yaml") == (0, "good.yaml: ok, 2 steps\n", "")
    result = cli.run("validate", "bad.yaml", "good.yaml")
    assert (result.code, result.out) == (2, "good.yaml: ok, 2 steps\n")
    assert "bad.yaml:3:17: error:" in result.err


def test_validate_finds_semantic_and_graph_faults_at_once(cli):
    cli.file(
        "bad.yaml",
        "version: 1\nsteps:\n  a: {run: 'echo ${{ params.x }}', needs: b}\n"
        "  b: {run: x, needs: [a, q]}\n",
    )
    result = cli.run("validate", "bad.yaml", "--format", "json")
    assert result.code == 2
    assert [(f["line"], f["code"]) for f in json.loads(result.out)] == [
        (3, "unknown-param"),
        (3, "cycle"),
        (4, "unknown-step"),
    ]


def test_validate_for_github_annotates_lines(cli):
    cli.file("bad.yaml", "version: 1\nsteps:\n  a: {needs: a, run: x}\n")
    result = cli.run("validate", "bad.yaml", "--format", "github")
    assert result.code == 2
    assert result.out.startswith("::error file=bad.yaml,line=3,col=14")


@pytest.mark.parametrize("format", ["table", "json", "mermaid", "dot", "svg"])
def test_plan_shows_the_steps_and_runs_nothing(cli, format):
    result = cli.file("p.yaml", TWO).run("plan", "p.yaml", "--format", format)
    assert (result.code, result.err) == (0, "")
    assert "a" in result.out
    assert not (cli.folder / ".orchestra").exists()


def test_runs_show_and_logs_tell_of_recorded_runs(cli):
    cli.file("p.yaml", TWO)
    assert cli.run("run", "p.yaml").code == 1
    cli.run("run", "p.yaml")
    assert len(cli.run("runs").lines) == 3
    (first, second) = json.loads(cli.run("runs", "--format", "json").out)["runs"]
    assert (first["state"], first["exit_code"]) == ("failed", 1)
    shown = cli.run("show", second["run_id"])
    assert shown.lines[-1] == "two failed: 1 succeeded, 1 failed in TIME"
    assert cli.run("show", "p.yaml").out.splitlines()[0].endswith(first["run_id"])
    assert cli.run("logs", "p.yaml", "a") == (0, "a\nb\x1b[1m", "")
    assert cli.run("logs", "a") == (0, "a\nb\x1b[1m", "")


def test_logs_of_all_steps_have_headings_and_attempts_can_be_chosen(cli):
    cli.file(
        "p.yaml", "version: 1\nsteps:\n  a: {run: 'echo $ORCHESTRA_ATTEMPT; exit 1', retry: 1}\n"
    )
    cli.run("run", "p.yaml")
    both = "==> a (attempt 1) <==\n1\n==> a (attempt 2) <==\n2\n"
    assert cli.run("logs") == (0, both, "")
    assert cli.run("logs", "a").out == "2\n"
    assert cli.run("logs", "a", "--attempt", "1").out == "1\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["a", "--attempt", "3"],
            "error: step `a` has no attempt 3\n  help: it had 2 of them\n",
        ),
        (
            ["b", "--attempt", "1"],
            "error: step `b` has no attempt 1\n  help: it had 0 of them\n",
        ),
        (
            ["--attempt", "1"],
            "error: --attempt wants a step\n  help: name the step as well\n",
        ),
        (
            ["a", "--attempt", "1", "-f"],
            "error: --attempt cannot be followed\n  help: leave out -f, or --attempt\n",
        ),
    ],
)
def test_an_attempt_that_cannot_be_shown_is_one_error(cli, arguments, message):
    cli.file("p.yaml", "version: 1\nsteps:\n  a: {run: 'exit 1', retry: 1}\n  b: {needs: a}\n")
    cli.run("run", "p.yaml")
    assert cli.run("logs", *arguments) == (2, "", message)


def test_logs_follow_a_run_to_its_end(cli):
    cli.file(
        "p.yaml",
        "version: 1\nsteps:\n  a: {run: 'echo one; touch begun; sleep 1; echo two'}\n",
    )
    run = cli.start("run", "p.yaml")
    while not (cli.folder / "begun").exists():
        assert run.poll() is None
    followed = cli.run("logs", "-f", "a")
    run.communicate(timeout=180)
    assert followed == (0, "one\ntwo\n", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show"], "there is no"),
        (["show", "2099"], "there is no"),
        (["logs", "--attempt", "1"], "there is no"),
    ],
)
def test_a_run_that_is_not_there_is_one_error(cli, arguments, words):
    result = cli.run(*arguments)
    assert result.code == 2
    assert words in result.err
    assert result.err.startswith("error: ")


def test_a_step_that_is_not_there_names_those_that_are(cli):
    cli.file("p.yaml", TWO).run("run", "p.yaml")
    result = cli.run("logs", "p.yaml", "c")
    assert (result.code, result.err.splitlines()[1]) == (2, "  help: one of a, b")


def test_schema_is_the_schema(cli):
    schema = json.loads(cli.run("schema").out)
    assert "steps" in schema["properties"]


@pytest.mark.parametrize("template", templates())
def test_every_template_is_written_validated_and_run(cli, template):
    assert cli.run("init", template).code == 0
    assert cli.run("validate", "pipeline.yaml").err == ""
    assert cli.run("run", "pipeline.yaml").code == 0


def test_init_never_writes_over_a_file(cli):
    cli.file("pipeline.yaml", "mine")
    result = cli.run("init")
    assert (result.code, cli.read("pipeline.yaml")) == (2, "mine")
    assert cli.run("init", "fancy", "-o", "x.yaml").err.splitlines() == [
        "error: there is no template `fancy`",
        "  help: one of basic, python",
    ]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("run --policy ", ["best", "path", "fifo"]),
        ("plan p.yaml --policy f", ["fifo"]),
        ("run p.yaml --output ", ["live", "plain", "stream", "quiet", "json"]),
        ("resume --output p", ["plain"]),
        ("run --dry-run --format ", ["table", "json", "mermaid", "dot", "svg"]),
        ("plan --format m", ["mermaid", "markdown"]),
        ("report --format j", ["json", "junit"]),
        ("replay --output p", ["plain"]),
        ("validate --format ", ["text", "json", "sarif", "github"]),
        ("show --format j", ["json"]),
        ("runs --format ", ["text", "json"]),
        ("why --format t", ["text"]),
        ("prune --format ", ["table", "json"]),
    ],
)
def test_completion_knows_the_words_of_options(cli, words, offered):
    assert cli.complete(words) == offered
    assert cli.complete(words, " p.yaml") == offered


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "p.yaml"],
        ["plan", "p.yaml", "--suggest"],
        ["run", "p.yaml", "--dry-run", "--skip", "a"],
        ["runs"],
        ["show"],
        ["show", "nothing"],
        ["logs", "p.yaml"],
        ["why", "p.yaml", "a"],
        ["report", "--format", "json"],
        ["cancel", "p.yaml"],
    ],
)
def test_who_only_reads_leaves_the_record_as_it_was(cli, arguments):
    state = cli.file("p.yaml", TWO).folder / ".orchestra"
    cli.run("run", "p.yaml")
    before = {path.name: path.stat().st_mtime_ns for path in state.iterdir()}
    assert cli.run(*arguments).code in (0, 2)
    assert {path.name: path.stat().st_mtime_ns for path in state.iterdir()} == before


def test_completion_knows_runs_and_steps(cli):
    cli.file("p.yaml", TWO).run("run", "p.yaml")
    assert cli.complete("logs p.yaml ") == ["a", "b"]
