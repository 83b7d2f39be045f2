"""The faults of workflow files for programs: JSON, SARIF, annotations."""

from __future__ import annotations

import json
from typing import Any, Dict, List

import pytest
from jsonschema import Draft202012Validator

from orchestra.errors import Fault
from orchestra.reports.faults_github import render_faults_github
from orchestra.reports.faults_json import render_faults_json
from orchestra.reports.faults_sarif import Rule, render_faults_sarif
from tests.reports.sarif_rules import problems
from tests.reports.test_schemas import closed, schema_of

RULES = [
    Rule("L101", "unused-output", "An output.", "Use it."),
    Rule("L202", "never-runs", "A step.", "Mend it."),
]
ERROR = Fault("p.yaml", 3, 7, ("steps", "a", "needs", 0), "error", "cycle", "a circle", "break it")
LINT = Fault("p.yaml", 5, 1, (), "warning", "L202", "`b` never runs", name="never-runs")
HOSTILE = "a%\r\n::error::x,y:\x1b[31m</script>`|\udc80"


def sarif(*faults: Fault, folder: str = "/w") -> Dict[str, Any]:
    log: Dict[str, Any] = json.loads(render_faults_sarif(faults, RULES, "1.0", folder))
    return log


def uri_of(file: str, folder: str = "/w") -> Dict[str, str]:
    result = sarif(ERROR._replace(file=file), folder=folder)["runs"][0]["results"][0]
    place: Dict[str, str] = result["locations"][0]["physicalLocation"]["artifactLocation"]
    return place


def test_json_is_one_list_with_exactly_the_fields_of_its_schema() -> None:
    found: List[Dict[str, Any]] = json.loads(render_faults_json([ERROR, LINT]))
    assert list(Draft202012Validator(closed(schema_of("faults"))).iter_errors(found)) == []
    assert found[0] == {
        "file": "p.yaml",
        "line": 3,
        "column": 7,
        "path": "steps.a.needs[0]",
        "severity": "error",
        "code": "cycle",
        "name": "",
        "message": "a circle",
        "suggestion": "break it",
    }
    assert (found[1]["code"], found[1]["name"]) == ("L202", "never-runs")


def test_json_of_nothing_is_an_empty_list() -> None:
    assert json.loads(render_faults_json([])) == []


def test_names_that_are_no_utf_8_can_be_written_as_json() -> None:
    text = render_faults_json([ERROR._replace(file="\udcff", path=("\ud800", 1))])
    [entry] = json.loads(text.encode("utf-8"))
    assert (entry["file"], entry["path"]) == ("\\udcff", "\\ud800[1]")


def test_sarif_is_a_log_by_the_standard() -> None:
    log = sarif(ERROR, LINT)
    assert problems(log) == []
    assert log["runs"][0]["results"][0] == {
        "ruleId": "cycle",
        "ruleIndex": 2,
        "level": "error",
        "message": {"text": "a circle (break it)"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "p.yaml", "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": 3, "startColumn": 7},
                },
                "logicalLocations": [{"fullyQualifiedName": "steps/a/needs/0"}],
            }
        ],
    }


def test_sarif_tells_of_every_lint_with_its_help_found_or_not() -> None:
    assert problems(sarif()) == []
    assert sarif()["runs"][0]["tool"]["driver"]["rules"][0] == {
        "id": "L101",
        "name": "unused-output",
        "shortDescription": {"text": "An output."},
        "help": {"text": "Use it."},
        "defaultConfiguration": {"level": "warning"},
    }


def test_sarif_of_hostile_texts_is_a_log_by_the_standard() -> None:
    hostile = ERROR._replace(
        file=HOSTILE, path=(HOSTILE, 1), message=HOSTILE * 1000, suggestion=HOSTILE
    )
    assert problems(sarif(hostile)) == []


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("p.yaml", "p.yaml"),
        ("./a/../b/p.yaml", "b/p.yaml"),
        ("/w/b/p.yaml", "b/p.yaml"),
        ("my flows/größe#1?.yaml", "my%20flows/gr%C3%B6%C3%9Fe%231%3F.yaml"),
        ("c:p.yaml", "c%3Ap.yaml"),
        ("100%.yaml", "100%25.yaml"),
        ("\udcff.yaml", "%FF.yaml"),
        ("a\nb.yaml", "a%0Ab.yaml"),
    ],
)
def test_sarif_names_a_file_by_a_relative_uri(file: str, uri: str) -> None:
    assert uri_of(file) == {"uri": uri, "uriBaseId": "%SRCROOT%"}


def test_sarif_names_a_file_elsewhere_by_a_whole_uri() -> None:
    assert uri_of("../other/p q.yaml") == {"uri": "file:///other/p%20q.yaml"}
    assert uri_of("/etc/p.yaml") == {"uri": "file:///etc/p.yaml"}


def test_the_rules_of_sarif_refuse_what_the_standard_refuses() -> None:
    log = sarif(ERROR)
    log["runs"][0]["results"][0]["level"] = "fatal"
    log["runs"][0]["results"][0]["ruleIndex"] = 0
    log["runs"][0]["colour"] = "red"
    assert len(problems(log)) == 3


def test_an_annotation_has_a_place_and_a_title() -> None:
    assert render_faults_github([ERROR, LINT]) == (
        "::error file=p.yaml,line=3,col=7,title=cycle::a circle (break it)\n"
        "::warning file=p.yaml,line=5,col=1,title=L202 never-runs::`b` never runs\n"
    )


def test_no_text_ends_an_annotation_or_begins_another() -> None:
    fault = ERROR._replace(file=HOSTILE, message=HOSTILE, suggestion="")
    assert render_faults_github([fault]) == (
        "::error file=a%25%0D%0A%3A%3Aerror%3A%3Ax%2Cy%3A\x1b[31m</script>`|\\udc80,line=3,col=7,"
        "title=cycle::a%25%0D%0A::error::x,y:\x1b[31m</script>`|\\udc80\n"
    )
