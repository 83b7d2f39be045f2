"""The JUnit report: valid against the common schema, and what each state becomes."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict, List
from xml.etree import ElementTree

import pytest
import xmlschema

from orchestra.model.events import StepEnded
from orchestra.model.record import RunRecord
from orchestra.reports.junit_report import render_junit
from tests.golden import recorded
from tests.reports.published import published
from tests.subscribers.stories import MadeLogs, Story

HOSTILE = ']]>&<b a="1">\'\x00\x1b[2J\ud800\ufffe\U0001f600\n'


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory) -> xmlschema.XMLSchema:
    """That of Jenkins' xUnit plugin."""
    member = "testing/example_scripts/junit-10.xsd"
    text = published("pytest==8.3.5", member, tmp_path_factory.mktemp("junit"))
    return xmlschema.XMLSchema(text.decode())


def hostile() -> RunRecord:
    """A run of which each text is meant to break out of its place."""
    story = Story().begin([HOSTILE, "b"], HOSTILE).start(0, HOSTILE)
    return story.end(1, HOSTILE, "failed", HOSTILE, "a.log").finish(2, "failed", 1).record()


def elsewhere() -> RunRecord:
    """A run whose steps say where they ran."""
    return recorded.record(recorded.ELSEWHERE)


@pytest.mark.parametrize("record", [recorded.record, elsewhere, hostile])
def test_a_report_is_valid(
    schema: xmlschema.XMLSchema, record: Callable[[], RunRecord], tmp_path: Path
) -> None:
    logs = MadeLogs({"a.log": HOSTILE.encode("utf-8", "surrogatepass") + bytes(range(256))})
    report = tmp_path / "report.xml"
    report.write_text(render_junit(record(), logs), encoding="utf-8")
    assert [str(fault) for fault in schema.iter_errors(str(report))] == []


def cases(text: str) -> Dict[str, List[str]]:
    """What the elements in each test case are."""
    (suite,) = ElementTree.fromstring(text)
    return {case.attrib["name"]: [each.tag for each in case] for case in suite.iter("testcase")}


def test_each_state_has_its_element() -> None:
    story = Story().begin(["good", "bad", "flaky", "stopped", "never"])
    story.start(0, "good").end(1, "good", "succeeded")
    story.start(0, "bad").end_attempt(1, "bad", "exit code 2").start(2, "bad", 2)
    story.end_attempt(3, "bad", "exit code 2", 2).tell(3, StepEnded("bad", "failed", "no", {}))
    story.start(0, "flaky").end_attempt(1, "flaky", "exit code 2").start(2, "flaky", 2)
    story.tell(3, StepEnded("flaky", "succeeded", "", {})).start(0, "stopped")
    story.tell(3, StepEnded("stopped", "cancelled", "stopped by SIGINT", {}))
    story.tell(3, StepEnded("never", "blocked", "'bad' failed", {}))
    text = render_junit(story.finish(4, "failed", 1).record())

    assert cases(text) == {
        "good": [],
        "bad": ["failure", "rerunFailure"],
        "flaky": ["flakyFailure"],
        "stopped": ["error"],
        "never": ["skipped"],
    }
    (suite,) = ElementTree.fromstring(text)
    counts = {key: suite.attrib[key] for key in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "5", "failures": "1", "errors": "1", "skipped": "1"}


def test_texts_cannot_leave_their_place() -> None:
    (suite,) = ElementTree.fromstring(render_junit(hostile()))
    case = suite.find("testcase")
    assert case is not None
    assert case.attrib["name"] == (']]>&<b a="1">\'\\x00\\e[2J\\ud800\\ufffe\U0001f600\\n')


def test_logs_are_left_out_when_the_report_is_full() -> None:
    ids = ["s%d" % number for number in range(300)]
    story = Story().begin(ids)
    for step in ids:
        story.start(0, step).end(1, step, "failed", "no", "big.log")
    logs = MadeLogs({"big.log": b"x" * 1_000 + b"\n" + (b"y" * 3_000 + b"\n") * 6})

    text = render_junit(story.finish(2, "failed", 1).record(), logs)

    assert 4_000_000 < len(text) < 4_500_000
    assert text.count("this report has no room for more logs") > 10
    assert list(cases(text)) == ids


def test_what_ran_when_a_run_was_cut_off_is_an_error() -> None:
    record = Story().begin(["a", "b"]).start(0, "a").record()
    alive, cut_off = (
        ElementTree.fromstring(render_junit(record, None, cut)) for cut in (False, True)
    )
    assert [suite.get("errors") for suite in (alive[0], cut_off[0])] == ["0", "1"]
    assert [[inner.tag for inner in case] for case in alive.iter("testcase")] == [["skipped"]] * 2
    [error], [skipped] = cut_off.iter("testcase")
    assert (error.tag, error.attrib) == (
        "error",
        {"message": "the run was cut off", "type": "running"},
    )
    assert skipped.tag == "skipped"
