"""The page about executors is true, with an executor that is installed as others' are."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from orchestra.executors.places import Place
from tests.cli.commandline import CommandLine
from tests.docs.pages import Reader

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "executors.md").read_text("utf-8")
TEMPLATE = ROOT / "tests" / "executors" / "process_place.py"
ENTRY = re.search(r"^    (\[project\.entry-points.*\n)    (.+)$", PAGE, re.MULTILINE)


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    """A command line that finds the template as a package which is installed."""
    site = tmp_path / "site"
    facts = site / "processes-1.0.dist-info"
    facts.mkdir(parents=True)
    (site / "processes.py").write_text(TEMPLATE.read_text("utf-8"), "utf-8")
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: processes\nVersion: 1.0\n")
    assert ENTRY is not None
    line = ENTRY.group(2).replace('"', "")
    (facts / "entry_points.txt").write_text("[orchestra.executors]\n%s\n" % line)
    (tmp_path / "work").mkdir()
    cli = CommandLine(tmp_path / "work")
    cli.environ["PYTHONPATH"] = os.pathsep.join([cli.environ["PYTHONPATH"], str(site)])
    return cli


def test_the_page_is_true_from_top_to_bottom(cli: CommandLine) -> None:
    reader = Reader(cli)
    reader.read(PAGE)
    assert [seen for seen in reader.seen if seen.said != seen.found] == []
    assert len(reader.seen) > 0


def test_the_steps_of_an_installed_executor_are_said_to_run_there(cli: CommandLine) -> None:
    cli.file("p.yaml", "version: 1\nexecutor: processes\nsteps:\n  a: {run: exit 3}\n")
    assert cli.run("run", "p.yaml", "--report", "json=report.json").code == 1
    [step] = json.loads(cli.read("report.json"))["steps"]
    [attempt] = step["attempts"]
    assert (attempt["executor"], attempt["node"]) == ("processes", os.uname().nodename)
    assert (attempt["outcome"], attempt["exit_code"]) == ("failed", 3)


def test_a_name_that_nothing_brings_is_refused_before_anything_runs(cli: CommandLine) -> None:
    cli.file("p.yaml", "version: 1\nexecutor: proceses\nsteps:\n  a: {run: exit 0}\n")
    result = cli.run("run", "p.yaml")
    assert (result.code, result.out) == (2, "")
    assert "did you mean `processes`?" in result.err


def test_every_method_of_a_place_is_in_the_table() -> None:
    table = PAGE.partition("<!-- protocol -->\n")[2].partition("\n\n")[0]
    told = re.findall(r"^\| `(\w+)\(", table, re.MULTILINE)
    assert sorted(told) == sorted(name for name in vars(Place) if not name.startswith("_"))


def test_a_setting_that_an_installed_executor_does_not_know_starts_nothing(
    cli: CommandLine,
) -> None:
    cli.file("p.yaml", "executor: processes\nprocesses: {slotz: 1}\nsteps:\n  a: {run: exit 0}\n")
    result = cli.run("run", "p.yaml")
    assert (result.code, result.out) == (2, "")
    assert "'slotz' was unexpected" in result.err
