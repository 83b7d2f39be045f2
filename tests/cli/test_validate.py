"""`orchestra validate`: what it prints in each format, and how it ends."""

from __future__ import annotations

import json

import pytest

from tests.reports.sarif_rules import problems

GOOD = "version: 1\nsteps:\n  a: {run: 'true'}\n"
BAD = "version: 1\nsteps:\n  a: {needs: b, run: x}\n  c: {needs: c}\n"
WARNED = "params: {p: 1}\nsteps:\n  a: {run: 'true'}\n"
DOUBTFUL = "params: {p: 1}\nsteps:\n  a: {run: 'rm ${{ params.p }}'}\n"


@pytest.fixture
def three(cli):
    return cli.file("good.yaml", GOOD).file("bad.yaml", BAD).file("warned.yaml", WARNED)


def test_text_shows_each_fault_with_its_line(three):
    assert three.run("validate", "bad.yaml", "warned.yaml", "good.yaml") == (
        2,
        "warned.yaml: ok, 1 step\ngood.yaml: ok, 1 step\n",
        "bad.yaml:3:14: error: `a` needs `b`, which is no step\n"
        "  3 |   a: {needs: b, run: x}\n"
        "    |              ^\n"
        "\n"
        "bad.yaml:4:14: error: `c` needs itself\n"
        "  4 |   c: {needs: c}\n"
        "    |              ^\n"
        "  help: take it out\n"
        "warned.yaml:1:10: warning: nothing uses the parameter `p` [L102 unused-param]\n"
        "  1 | params: {p: 1}\n"
        "    |          ^\n"
        "  help: use it, or take it out: who gives it a value expects it to do something\n",
    )


def test_a_warning_that_is_no_lint_is_shown_as_by_other_commands(cli):
    cli.file("p.yaml", DOUBTFUL)
    shown = cli.run("validate", "p.yaml").err
    assert shown.startswith(
        "p.yaml:3:16: warning: a value that begins with - is an option to `rm`\n"
    )
    assert shown == cli.run("run", "p.yaml", "--dry-run").err


def test_other_commands_tell_of_no_lints(three):
    assert three.run("run", "warned.yaml", "--dry-run").err == ""
    assert three.run("plan", "warned.yaml").err == ""


def test_json_is_one_list_for_all_files(three):
    result = three.run("validate", "bad.yaml", "good.yaml", "warned.yaml", "--format", "json")
    found = [(f["file"], f["severity"], f["code"], f["name"]) for f in json.loads(result.out)]
    assert (result.code, result.err, found) == (
        2,
        "",
        [
            ("bad.yaml", "error", "unknown-step", ""),
            ("bad.yaml", "error", "self-need", ""),
            ("warned.yaml", "warning", "L102", "unused-param"),
        ],
    )


def test_sarif_is_one_log_for_all_files(three):
    three.file("my flows/bad.yaml", BAD)
    words = ["bad.yaml", "my flows/bad.yaml", str(three.folder / "warned.yaml")]
    result = three.run("validate", *words, "--format", "sarif")
    log = json.loads(result.out)
    places = [found["locations"][0]["physicalLocation"] for found in log["runs"][0]["results"]]
    assert (result.code, result.err, problems(log)) == (2, "", [])
    assert [place["artifactLocation"]["uri"] for place in places] == [
        "bad.yaml",
        "bad.yaml",
        "my%20flows/bad.yaml",
        "my%20flows/bad.yaml",
        "warned.yaml",
    ]
    assert places[0]["region"] == {"startLine": 3, "startColumn": 14}


def test_github_annotates_lines_of_all_files(three):
    result = three.run("validate", "bad.yaml", "warned.yaml", "--format", "github")
    assert result == (
        2,
        "::error file=bad.yaml,line=3,col=14,title=unknown-step::"
        "`a` needs `b`, which is no step\n"
        "::error file=bad.yaml,line=4,col=14,title=self-need::"
        "`c` needs itself (take it out)\n"
        "::warning file=warned.yaml,line=1,col=10,title=L102 unused-param::"
        "nothing uses the parameter `p`"
        " (use it, or take it out: who gives it a value expects it to do something)\n",
        "",
    )


@pytest.mark.parametrize("format", ["text", "json", "sarif", "github"])
def test_a_file_that_cannot_be_read_hides_nothing_of_the_others(three, format):
    files = ("bad.yaml", "warned.yaml")
    known = three.run("validate", *files, "--format", format)
    assert known.out
    done = three.run("validate", "nowhere.yaml", *files, "--format", format)
    assert (done.code, done.out) == (2, known.out)
    assert done.err == "error: cannot read nowhere.yaml: No such file or directory\n" + known.err


@pytest.mark.parametrize("format", ["text", "json", "sarif", "github"])
def test_warnings_leave_0_unless_they_are_taken_strictly(three, format):
    assert three.run("validate", "warned.yaml", "--format", format).code == 0
    assert three.run("validate", "warned.yaml", "--strict", "--format", format).code == 2
    assert three.run("validate", "good.yaml", "--strict", "--format", format).code == 0


def test_ci_is_asked_for_or_told_by_the_environment(three):
    assert three.run("validate", "good.yaml").err == ""
    assert "[L401 no-timeout]" in three.run("validate", "good.yaml", "--ci").err
    three.environ["CI"] = "true"
    assert "[L401 no-timeout]" in three.run("validate", "good.yaml").err
    assert three.run("validate", "good.yaml", "--ignore", "L401").err == ""


def test_lints_are_chosen_by_options(three):
    assert three.run("validate", "warned.yaml", "--ignore", "unused-param", "--strict").code == 0
    assert three.run("validate", "warned.yaml", "--select", "L101", "--strict").code == 0
    assert three.run("validate", "warned.yaml", "--select", "L10") == (
        2,
        "",
        "error: --select L10 is no lint\n  help: did you mean `L101`?\n",
    )


def test_no_text_of_a_file_reaches_the_terminal_raw(cli):
    cli.file(
        "p.yaml", "steps:\n  a: {run: x}\n# orchestra: ignore[\x1b[31m]\n".replace("\x1b", "\u202e")
    )
    result = cli.run("validate", "p.yaml")
    assert result.code == 0
    assert "\u202e" not in result.err
    assert "is no lint" in result.err


def test_the_help_has_examples(cli):
    shown = cli.run("validate", "--help").out
    assert "Example: orchestra validate pipeline.yaml" in shown
    assert "--strict" in shown
