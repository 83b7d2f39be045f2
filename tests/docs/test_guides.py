"""The guides are true: workflows run, commands end as told, links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.commandline import CommandLine
from tests.docs.pages import Reader

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.md"))
ELSEWHERE = (
    "cluster.md",
    "executors.md",
)  # these need what test_cluster.py and test_executors.py have
GUIDES = [name for name in PAGES if name not in ("README.md", "reference.md", *ELSEWHERE)]


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def anchors(text: str) -> set:
    """What GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_is_true_from_top_to_bottom(tmp_path, name):
    reader = Reader(CommandLine(tmp_path))
    reader.read(text_of(name))
    assert [seen for seen in reader.seen if seen.said != seen.found] == []
    assert len(reader.seen) > 0


LINKS = [(name, link) for name in PAGES for link in re.findall(r"\]\(([^):]+)\)", text_of(name))]


@pytest.mark.parametrize(("name", "link"), sorted(set(LINKS)))
def test_links_of_the_pages_lead_somewhere(name, link):
    target, _, anchor = link.partition("#")
    path = (DOCS / target).resolve() if target else DOCS / name
    assert path.exists()
    assert not anchor or anchor in anchors(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", [name for name in PAGES if name != "README.md"])
def test_every_page_is_in_the_index(name):
    assert "](%s)" % name in text_of("README.md")
