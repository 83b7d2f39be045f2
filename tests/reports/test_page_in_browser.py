"""The page of a run in a real browser: its parts are there, it works, and it asks for nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Iterator

import pytest

from tests.cli.commandline import CommandLine
from tests.pictures.browser import COMMAND, Browser, Seen

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FAILED = """
version: 1
steps:
  list: {run: 'echo made'}
  fan:
    needs: list
    matrix: {n: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], os: ["</script><b id=planted>", b]}
    run: |
      echo "</script><script>document.title = 1</script>needle ${{ matrix.n }}"
      exit ${{ matrix.n }}
  below: {needs: fan, run: 'true'}
"""

pytestmark = pytest.mark.skipif(COMMAND is None, reason="there is no chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def penguins(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("penguins") / "copy"
    ignored = shutil.ignore_patterns("__pycache__", "results", ".orchestra")
    shutil.copytree(str(EXAMPLES / "penguins"), str(folder), ignore=ignored)
    done = CommandLine(folder).run("run", "pipeline.yaml", "--report", "html=page.html")
    assert done.code == 0
    return (folder / "page.html").as_uri()


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> str:
    cli = CommandLine(tmp_path_factory.mktemp("failed"))
    done = cli.file("p.yaml", FAILED).run("run", "p.yaml", "--report", "html=pages/../page.html")
    assert done.code == 1
    return (cli.folder / "page.html").as_uri()


def count(browser: Browser, selector: str) -> int:
    return int(browser.value("document.querySelectorAll('%s').length" % selector))


def search(browser: Browser, text: str) -> str:
    """What is said to be found once the text was typed."""
    browser.value("document.getElementById('search').focus()")
    browser.type(text)
    waited = "new Promise(done => setTimeout(done, 400))"
    browser.value(waited)
    return str(browser.value("document.getElementById('found').textContent"))


def test_the_page_of_the_penguins_shows_all_of_the_run(browser: Browser, penguins: str) -> None:
    browser.look(1280)
    assert browser.open(penguins) == Seen([], [])
    assert browser.value("document.title") == "penguins succeeded"
    assert count(browser, ".graph .node.succeeded") == 10
    assert count(browser, ".graph .edge") == 13
    assert count(browser, ".lane") == 9  # `check` has no attempt
    assert count(browser, ".lane.critical .bars .path") > 0
    assert count(browser, ".chart") == 2
    assert count(browser, "#rows > tr:not(.more)") == 10
    assert count(browser, ".digest") == 0


def test_the_page_of_a_failed_run_begins_with_what_went_wrong(
    browser: Browser, failed: str
) -> None:
    browser.look(1280)
    seen = browser.open(failed)
    assert browser.value("document.title") == "p failed"
    assert browser.value("document.querySelector('main > section').className") == "digest"
    assert count(browser, ".digest article") == 10
    assert count(browser, ".graph .node") == 3
    assert count(browser, "#planted") == 0
    assert count(browser, "script") == 1
    assert seen == Seen([], [])


def test_the_search_finds_steps_and_what_they_wrote(browser: Browser, failed: str) -> None:
    browser.look(1280)
    seen = browser.open(failed)
    assert search(browser, "needle 7") == "2 of 23 steps"
    assert count(browser, "#rows > tr:not(.more):not([hidden])") == 2
    assert count(browser, "#rows > .more.open:not([hidden])") == 2
    browser.value("document.querySelector('[data-state=succeeded]').click()")
    assert browser.value("document.getElementById('found').textContent") == "0 of 23 steps"
    assert seen == Seen([], [])


def test_a_step_found_by_its_name_stays_closed(browser: Browser, failed: str) -> None:
    browser.look(1280)
    browser.open(failed)
    assert search(browser, "N=7") == "2 of 23 steps"
    assert count(browser, "#rows > .more.open") == 0


def test_keys_open_a_step(browser: Browser, penguins: str) -> None:
    browser.look(1280)
    browser.open(penguins)
    browser.value("document.querySelector('#s1 button').focus()")
    browser.press("Enter", 13)
    assert browser.value("document.querySelector('#s1 button').ariaExpanded") == "true"
    assert browser.value("getComputedStyle(document.getElementById('m1')).display") == "table-row"
    browser.press("Enter", 13)
    assert browser.value("getComputedStyle(document.getElementById('m1')).display") == "none"


def test_a_node_leads_to_its_step(browser: Browser, penguins: str) -> None:
    browser.look(1280)
    browser.open(penguins)
    browser.value("document.querySelectorAll('.graph a')[1].focus()")
    browser.press("Enter", 13)
    browser.value("new Promise(done => setTimeout(done, 100))")
    assert browser.value("document.activeElement.closest('tr').id") == "s1"
    assert browser.value("document.getElementById('m1').classList.contains('open')") is True


@pytest.mark.parametrize("width", [320, 360, 768])
def test_nothing_but_the_graph_is_wider_than_a_phone(
    browser: Browser, failed: str, width: int
) -> None:
    browser.look(width)
    browser.open(failed)
    browser.value("document.querySelectorAll('#rows button').forEach(each => each.click())")
    assert browser.value("document.documentElement.scrollWidth") == width
    assert browser.value("document.querySelector('#s1 th').offsetWidth") > 0.3 * width


def test_the_dark_page_is_dark_and_the_print_is_not(browser: Browser, failed: str) -> None:
    colour = "getComputedStyle(document.documentElement).color"
    for dark, medium, expected in (
        (False, "screen", "rgb(27, 32, 38)"),
        (True, "screen", "rgb(231, 234, 238)"),
        (True, "print", "rgb(27, 32, 38)"),
    ):
        browser.look(1280, dark, medium)
        browser.open(failed)
        assert browser.value(colour) == expected


def test_every_text_stands_out_from_what_is_behind_it(browser: Browser, failed: str) -> None:
    """Source: WCAG 2.1, 1.4.3: a contrast of at least 4.5 to 1."""
    for dark in (False, True):
        browser.look(1280, dark)
        browser.open(failed)
        assert browser.value(LOW_CONTRAST) == []


LOW_CONTRAST = """
(() => {
  const style = getComputedStyle(document.documentElement);
  const light = name => {
    const hex = style.getPropertyValue(name).trim().slice(1);
    const full = hex.length === 3 ? hex.replace(/./g, "$&$&") : hex;
    const [r, g, b] = [0, 2, 4].map(at => parseInt(full.slice(at, at + 2), 16) / 255)
      .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const low = [];
  for (const front of ["ink", "quiet", "good", "bad", "warn", "busy", "other", "cold", "none"])
    for (const back of ["page", "card"]) {
      const pair = [light("--" + front), light("--" + back)].sort((a, b) => b - a);
      if ((pair[0] + 0.05) / (pair[1] + 0.05) < 4.5) low.push(front + " on " + back);
    }
  return low;
})()
"""
