"""The page about reuse is true: its files run as it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.commandline import CommandLine

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reuse.md").read_text("utf-8")
FILES = dict(re.findall(r"<!-- run: (\S+) -->\n```yaml\n(.*?)```", PAGE, re.DOTALL))


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    line = CommandLine(tmp_path)
    for name, text in FILES.items():
        line.file(name, text)
    return line


def test_a_file_that_uses_another_runs_its_steps(cli: CommandLine) -> None:
    result = cli.run("run", "release.yaml")
    assert result.code == 0
    urls = "https://eu.example.org/1.4 and https://us.example.org/1.4"
    assert "  " + urls in result.lines
    assert cli.run("logs", "deploy[1]/upload").out == "uploading 1.4 to us.example.org\n"


def test_the_file_that_is_used_runs_alone_too(cli: CommandLine) -> None:
    assert cli.run("run", "deploy.yaml").code == 2
    assert cli.run("run", "deploy.yaml", "-p", "region=eu").code == 0


def test_anchors_save_writing(cli: CommandLine) -> None:
    assert cli.run("run", "anchors.yaml").code == 0
    assert cli.run("logs", "large").out == "checking large\n"
