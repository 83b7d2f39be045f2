"""The values of a run's parameters, from where they are given, and what is refused."""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path
from typing import Any, Dict, List, Mapping, Tuple

import pytest

from orchestra.errors import UsageError, WorkflowError
from orchestra.model.workflow import Workflow
from orchestra.spec.load import load
from orchestra.spec.params import bind, read_params_file

TODAY = datetime.date(2026, 3, 1)


def workflow(params: str) -> Workflow:
    found = load("/etc/flow.yaml", ("params: {%s}\nsteps: {a: {}}" % params).encode()).workflow
    assert found is not None
    return found


def bound(
    params: str,
    given: Mapping[str, str] = {},
    file: Mapping[str, Any] = {},
    environ: Mapping[str, str] = {},
) -> Dict[str, Any]:
    return bind(workflow(params), given, file, environ, TODAY, "/home/me")


def refused(params: str, given: Mapping[str, str] = {}, file: Mapping[str, Any] = {}) -> str:
    with pytest.raises(UsageError) as caught:
        bound(params, given, file)
    return caught.value.message


VARIABLE = {"ORCHESTRA_PARAM_A": "variable"}


@pytest.mark.parametrize(
    ("given", "file", "environ", "value"),
    [
        ({"a": "given"}, {"a": "file"}, VARIABLE, "given"),
        ({}, {"a": "file"}, VARIABLE, "file"),
        ({}, {}, VARIABLE, "variable"),
        ({}, {}, {"ORCHESTRA_PARAM_a": "exact", **VARIABLE}, "exact"),
        ({}, {}, {}, "default"),
        ({"a": ""}, {}, VARIABLE, ""),
    ],
)
def test_the_nearest_value_wins(given: Any, file: Any, environ: Any, value: str) -> None:
    assert bound("a: default", given, file, environ) == {"a": value}


def test_a_minus_in_a_name_is_an_underscore_in_its_variable() -> None:
    assert bound("a-b: x", environ={"ORCHESTRA_PARAM_A_B": "y"}) == {"a-b": "y"}


def test_a_parameter_that_nobody_gives_is_null() -> None:
    assert bound("a: {type: int}") == {"a": None}


def test_variables_for_other_workflows_are_no_fault() -> None:
    assert bound("a: 1", environ={"ORCHESTRA_PARAM_OTHER": "x"}) == {"a": 1}


TEXTS: List[Tuple[str, str, Any]] = [
    ("string", "", ""),
    ("string", " x\n", " x\n"),
    ("string", "${{ params.a }}", "${{ params.a }}"),
    ("string", "$(touch x)", "$(touch x)"),
    ("string", "-rf", "-rf"),
    ("string", "x" * 200_000, "x" * 200_000),
    ("int", "5", 5),
    ("int", "-05", -5),
    ("int", "+5", 5),
    ("float", "5", 5.0),
    ("float", "3.10", 3.1),
    ("float", "1e3", 1000.0),
    ("float", ".5", 0.5),
    ("bool", "true", True),
    ("bool", "false", False),
    ("date", "2026-02-28", "2026-02-28"),
    ("date", "today", "2026-03-01"),
    ("date", "yesterday", "2026-02-28"),
    ("path", "x/../y", "/home/me/y"),
    ("path", "/x", "/x"),
    ("path", "..", "/home"),
    ("json", '[1, {"a": null}]', [1, {"a": None}]),
    ("json", '"\\ud83d\\ude00"', "😀"),
    ("json", "1.50", 1.5),
]


@pytest.mark.parametrize(("kind", "text", "value"), TEXTS, ids=[t[:20] for _, t, _ in TEXTS])
def test_a_text_is_read_as_its_type(kind: str, text: str, value: Any) -> None:
    found = bound("a: {type: %s}" % kind, {"a": text})["a"]
    assert (found, type(found)) == (value, type(value))


DATE_WORDS = "a date as 2026-01-31, `today` or `yesterday`"
BAD_TEXTS: List[Tuple[str, str, str]] = [
    ("string", "a\0b", "must not contain a NUL"),
    ("string", "a\udc80b", "must be text in UTF-8"),
    ("path", "a\0b", "must not contain a NUL"),
    ("path", "", "must be a path"),
    ("int", "", "must be a whole number"),
    ("int", "5.0", "must be a whole number"),
    ("int", "0x5", "must be a whole number"),
    ("int", "1_000", "must be a whole number"),
    ("int", " 5", "must be a whole number"),
    ("int", "5\n", "must be a whole number"),
    ("int", "٣", "must be a whole number"),
    ("int", "9" * 5000, "must be a whole number"),
    ("float", "nan", "must be a number"),
    ("float", "inf", "must be a number"),
    ("float", "1e999", "must be a number, and no infinite one"),
    ("float", "x", "must be a number"),
    ("bool", "yes", "must be true or false"),
    ("bool", "True", "must be true or false"),
    ("bool", "1", "must be true or false"),
    ("date", "2026-02-30", "must be %s" % DATE_WORDS),
    ("date", "2026-2-3", "must be %s" % DATE_WORDS),
    ("date", "20260203", "must be %s" % DATE_WORDS),
    ("date", "2026-02-03\n", "must be %s" % DATE_WORDS),
    ("date", "tomorrow", "must be %s" % DATE_WORDS),
    (
        "json",
        "{",
        "must be JSON: Expecting property name enclosed in double quotes at line 1, column 2",
    ),
    ("json", "NaN", "must be JSON, and NaN is no number there"),
    ("json", "1e999", "must be JSON, and no infinite one"),
    ("json", '{"a": 1, "a": 2}', "must be JSON without a key that stands twice"),
    ("json", "[" * 100 + "]" * 100, "is nested deeper than 64 levels"),
    ("json", "[" * 100_000, "is nested deeper than 64 levels"),
    ("json", '"a\\u0000"', "must not contain a NUL"),
    ("json", '{"\\ud800": 1}', "must be text in UTF-8"),
]


@pytest.mark.parametrize(
    ("kind", "text", "words"), BAD_TEXTS, ids=[t[:20] for _, t, _ in BAD_TEXTS]
)
def test_a_text_that_is_none_of_its_type_is_refused_by_name(
    kind: str, text: str, words: str
) -> None:
    assert refused("a: {type: %s}" % kind, {"a": text}) == "parameter `a` %s" % words


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        ("string", 5, "5"),
        ("string", "x", "x"),
        ("int", 5, 5),
        ("float", 5, 5.0),
        ("bool", True, True),
        ("date", "today", "2026-03-01"),
        ("json", {"a": [1, None]}, {"a": [1, None]}),
        ("json", None, None),
    ],
)
def test_a_value_of_a_file_keeps_its_type(kind: str, value: Any, found: Any) -> None:
    assert bound("a: {type: %s}" % kind, file={"a": value}) == {"a": found}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("string", None),
        ("string", True),
        ("string", ["x"]),
        ("string", "a\0"),
        ("int", "5"),
        ("int", 5.0),
        ("int", True),
        ("float", False),
        ("float", float("inf")),
        ("bool", 1),
        ("bool", "true"),
        ("date", 20260101),
        ("path", 5),
        ("json", "\ud800"),
    ],
)
def test_a_value_of_a_file_of_another_type_is_refused(kind: str, value: Any) -> None:
    assert refused("a: {type: %s}" % kind, file={"a": value}).startswith("parameter `a` must ")


RULES: List[Tuple[str, str, str]] = [
    ("{enum: [eu, us]}", "de", "must be one of eu, us"),
    ("{enum: [1, 2]}", "3", "must be one of 1, 2"),
    ("{pattern: '[a-z]+'}", "abc\n", "must match the pattern [a-z]+"),
    ("{pattern: 'b'}", "abc", "must match the pattern b"),
    ("{type: int, min: 1}", "0", "must be at least 1"),
    ("{type: int, max: 9}", "10", "must be at most 9"),
    ("{type: float, min: 0.5}", "0.25", "must be at least 0.5"),
    ("{type: date, pattern: '2026-.*'}", "2025-01-01", "must match the pattern 2026-.*"),
    ("{type: path, pattern: '/data/.*'}", "x", "must match the pattern /data/.*"),
]


@pytest.mark.parametrize(("rules", "text", "words"), RULES)
def test_a_value_that_breaks_a_rule_is_refused(rules: str, text: str, words: str) -> None:
    assert refused("a: %s" % rules, {"a": text}) == "parameter `a` %s" % words


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ("{enum: [eu, us]}", "us"),
        ("{pattern: '[a-z]+'}", "abc"),
        ("{type: int, min: 1, max: 1}", "1"),
        ("{type: date, pattern: '2026-.*'}", "today"),
        ("{type: date, enum: [today, yesterday]}", "2026-02-28"),
        ("{type: path, enum: [in, out]}", "./out"),
        ("{pattern: '[[a-z]+'}", "abc"),
    ],
)
def test_a_value_that_keeps_the_rules_is_taken(rules: str, text: str) -> None:
    assert list(bound("a: %s" % rules, {"a": text})) == ["a"]


def test_all_faults_are_told_at_once() -> None:
    message = refused("region: eu, n: 1, r: {required: true}", {"n": "x", "regoin": "us"}, {"q": 1})
    assert message.split("\n") == [
        "-p regoin: the workflow has no parameter `regoin`; did you mean `region`?",
        "`q` in the params file: the workflow has no parameter `q`; its parameters: region, n, r",
        "parameter `n` must be a whole number",
        "parameter `r` is required: give it by -p r=VALUE",
    ]


def test_a_workflow_without_parameters_says_so() -> None:
    assert refused("", {"a": "x"}).endswith("no parameter `a`; its parameters: none")


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("p.yaml", "a: 1\nb: [x, 3.10]", {"a": 1, "b": ["x", 3.1]}),
        ("p.yml", "no: no\ndate: 2026-01-01", {"no": "no", "date": "2026-01-01"}),
        ("p.json", '{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
        ("p.json", '\ufeff{"a": 1}', {"a": 1}),
        ("p.yaml", "", {}),
    ],
)
def test_a_params_file_is_a_mapping(tmp_path: Path, name: str, text: str, found: Any) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert read_params_file(str(path)) == found


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("p.yaml", b"a: [", "a value is missing or not expected here"),
        ("p.yaml", b"a: 1\na: 2", "the key `a` is given twice"),
        ("p.yaml", b"- a", "a params file is a mapping of names to values"),
        ("p.json", b"[1]", "a params file is a mapping of names to values"),
        ("p.json", b"{", "must be JSON: Expecting property name enclosed in double quotes"),
        ("p.json", b"[" * 200_000, "the file is nested deeper than 64 levels"),
        ("p.json", b'{"a": 1, "a": 2}', "the file must be JSON without a key that stands twice"),
        ("p.json", b"\xff", "the file is no UTF-8"),
    ],
)
def test_a_faulty_params_file_is_refused(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(WorkflowError) as caught:
        read_params_file(str(path))
    assert message in caught.value.faults[0].message


@pytest.mark.parametrize("name", ["none.yaml", ".", "pipe"])
def test_a_params_file_that_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    os.mkfifo(str(tmp_path / "pipe"))
    with pytest.raises(UsageError, match="cannot read"):
        read_params_file(str(tmp_path / name))


def test_what_json_writes_is_read_back_as_a_json_parameter() -> None:
    data = {"a": [1, 2.5, None, True, "é😀\n"], "b": {"c": []}}
    assert bound("a: {type: json}", {"a": json.dumps(data)}) == {"a": data}
