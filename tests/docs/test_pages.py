"""The pages of the guide are true: each workflow in them validates and runs as it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.commandline import CommandLine

DOCS = Path(__file__).resolve().parents[2] / "docs"
SNIPPET = re.compile(r"<!-- run: (\S+)(?: exit (\d+))? -->\n```yaml\n(.*?)```", re.DOTALL)
PAGES = ["concurrency.md", "resources.md", "results.md"]
SNIPPETS = [
    pytest.param(name, int(code or 0), text, id="%s-%s" % (page, name))
    for page in PAGES
    for name, code, text in SNIPPET.findall((DOCS / page).read_text("utf-8"))
]


@pytest.mark.parametrize(("name", "code", "text"), SNIPPETS)
def test_a_workflow_of_a_page_runs_as_it_says(tmp_path, name, code, text):
    cli = CommandLine(tmp_path).file(name, text)
    assert cli.run("validate", name).err == ""
    assert cli.run("run", name).code == code


@pytest.mark.parametrize("page", PAGES)
def test_every_workflow_of_a_page_is_run(page):
    text = (DOCS / page).read_text("utf-8")
    assert len(SNIPPET.findall(text)) == text.count("```yaml\n") > 0
