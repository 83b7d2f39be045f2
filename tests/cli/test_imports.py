"""What each command imports: what is slow to import, only where it is used."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.cli import imports
from tests.formats.traces import as_json, chain, split_instance

SLOW = (
    "asyncio",
    "fastjsonschema",
    "importlib.metadata",
    "jinja2",
    "jsonschema",
    "pydantic",
    "rich",
    "rich.live",
    "sqlite3",
    "typer",
    "yaml",
)

GOOD = "version: 1\nsteps:\n  a: {run: 'true'}\n"
CACHED = "version: 1\nsteps:\n  a: {run: 'true', cache: {inputs: [good.yaml]}}\n"
BAD = "version: 1\nsteps:\n  a: {runn: 'true'}\n"

SCRIPT = """
import atexit, json, sys
atexit.register(lambda: json.dump([m for m in %r if m in sys.modules], open("imported", "w")))
from orchestra.cli.app import main
sys.argv[0] = "orchestra"
main()
"""


def imported(cli, arguments):
    """Which of the slow modules are there when the command ends."""
    command = [sys.executable, "-c", SCRIPT % (SLOW,), *arguments]
    subprocess.run(command, cwd=cli.folder, env=cli.environ, capture_output=True, check=False)
    return json.loads(cli.read("imported"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--version"], []),
        (["schema"], ["typer"]),
        (["init"], ["typer"]),
        (["validate", "good.yaml"], ["typer", "yaml"]),
        (["validate", "bad.yaml"], ["jsonschema", "rich", "typer", "yaml"]),
        (["plan", "good.yaml", "--format", "json"], ["sqlite3", "typer", "yaml"]),
        (["plan", "good.yaml", "--format", "mermaid"], ["sqlite3", "typer", "yaml"]),
        (["plan", "good.yaml"], ["rich", "sqlite3", "typer", "yaml"]),
        (["run", "good.yaml", "--dry-run"], ["rich", "sqlite3", "typer", "yaml"]),
        (["run", "nowhere.yaml"], ["typer", "yaml"]),
        (["run", "good.yaml", "--output", "plain"], ["rich", "sqlite3", "typer", "yaml"]),
        (["run", "good.yaml", "--output", "json"], ["rich", "sqlite3", "typer", "yaml"]),
        (["run", "good.yaml", "--only", "a", "--dry-run"], ["rich", "sqlite3", "typer", "yaml"]),
        (["plan", "cached.yaml", "--format", "json"], ["sqlite3", "typer", "yaml"]),
        (["import", "wfformat", "trace.json"], ["typer"]),
        (["import", "wfformat", "trace.json", "--simulate"], ["rich", "typer", "yaml"]),
        (["why", "a"], ["sqlite3", "typer"]),
        (["report", "--format", "json"], ["sqlite3", "typer"]),
        (["report", "--format", "wfformat"], ["sqlite3", "typer"]),
        (["cancel"], ["sqlite3", "typer"]),
        (["prune", "--keep", "1"], ["rich", "sqlite3", "typer"]),
        (["runs"], ["rich", "sqlite3", "typer"]),
        (["show", "--format", "json"], ["sqlite3", "typer"]),
        (["logs", "a"], ["sqlite3", "typer"]),
    ],
)
def test_a_command_imports_what_it_uses_and_no_more(cli, arguments, expected):
    cli.file("trace.json", as_json(split_instance(chain())))
    cli.file("good.yaml", GOOD).file("bad.yaml", BAD).file("cached.yaml", CACHED)
    cli.run("run", "good.yaml")

    assert imported(cli, arguments) == expected


@pytest.mark.parametrize("case", imports.CASES)
def test_a_command_imports_exactly_the_modules_that_are_listed_for_it(cli, case):
    assert imports.imported(imports.prepared(cli), case) == imports.allowed()[case]


def test_before_the_command_line_begins_nothing_is_imported_that_ctrl_c_could_interrupt(cli):
    script = (
        "import sys; old = {*sys.modules}; import orchestra.cli.app; print(*{*sys.modules} - old)"
    )
    command = [sys.executable, "-c", script]
    found = subprocess.run(command, env=cli.environ, capture_output=True, check=True, text=True)
    assert sorted(found.stdout.split()) == [
        "__future__",
        "orchestra",
        "orchestra.cli",
        "orchestra.cli.app",
    ]
