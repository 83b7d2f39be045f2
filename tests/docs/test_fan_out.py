"""The page about fan-out is true: its workflow runs as it says."""

from __future__ import annotations

import re
from pathlib import Path

from tests.cli.commandline import CommandLine

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "fan-out.md").read_text("utf-8")


def snippet(cli: CommandLine, name: str) -> None:
    found = re.search(r"<!-- run: %s -->\n```yaml\n(.*?)```" % name, PAGE, re.DOTALL)
    assert found is not None
    cli.file(name, found.group(1))


def test_its_workflow_runs_as_it_says(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path)
    snippet(cli, "pipeline.yaml")
    assert "convert x?" in cli.run("plan", "pipeline.yaml").out
    result = cli.run("run", "pipeline.yaml")
    assert result.code == 0
    assert "  30 rows from 3 files" in result.lines
    assert cli.run("logs", "convert[1]").out == "reading summer.csv\n"
    assert cli.run("logs", "check[0]").out == "checking 3.9 on debian\n"
    assert "checking 3.14 on debian\n" in cli.run("logs", "check").out


def test_its_chains_run_as_it_says(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path)
    snippet(cli, "chains.yaml")
    result = cli.run("run", "chains.yaml")
    assert result.code == 0
    assert "  publishing core and web" in result.lines
    assert cli.run("logs", "package[1]/build").out == "building web 1.4\n"
    assert cli.run("logs", "package[1]/test[os=alpine]").out == "testing web on alpine\n"
    assert "chains succeeded: 10 succeeded" in cli.run("show", "chains.yaml").out
