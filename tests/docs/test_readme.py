"""The README is true: its workflow runs, its fault looks as shown, its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.commandline import CommandLine

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PIPELINE = re.search(r"<!-- run: pipeline.yaml -->\n```yaml\n(.*?)```", README, re.DOTALL).group(1)


@pytest.fixture
def cli(tmp_path):
    return CommandLine(tmp_path)


def test_the_tour_validates_plans_and_runs(cli):
    cli.file("pipeline.yaml", PIPELINE)
    assert cli.run("validate", "pipeline.yaml") == (0, "pipeline.yaml: ok, 4 steps\n", "")
    assert cli.run("plan", "pipeline.yaml").code == 0
    result = cli.run("run", "pipeline.yaml", "-p", "region=us", "-j", "4")
    assert result.code == 0
    assert "  loading 6 into us" in result.lines
    assert cli.run("logs", "sort").out == "1\n2\n3\n"
    assert cli.run("runs").code == cli.run("show").code == 0


def test_the_fault_looks_as_shown(cli):
    cli.file("pipeline.yaml", PIPELINE.replace("needs: fetch\n    run", "needs: fetsh\n    run"))
    shown = re.search(r"```text\n(.*?)```", README, re.DOTALL).group(1)
    assert cli.run("validate", "pipeline.yaml").err == shown


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))), ids=str)
def test_links_lead_somewhere(target):
    assert (ROOT / target).exists()


def test_commands_of_the_readme_exist(cli):
    named = set(re.findall(r"(?:^|`)orchestra ([a-z]+)", README, re.MULTILINE))
    known = cli.run("--help").out
    assert {name for name in named if "  %s " % name not in known} == set()
    assert {"run", "validate", "plan", "runs", "show", "logs", "why", "init", "schema"} <= named


@pytest.mark.parametrize("option", ["--output", "--report", "--fail-fast", "--dry-run", "-j", "-p"])
def test_options_of_the_readme_exist(cli, option):
    assert option in README
    assert option in cli.run("run", "--help").out
