"""The JSON Schema: sound, documented, and the same to jsonschema and to the generated tests."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Iterator, List, Tuple

import jsonschema
import pytest
from hypothesis import given, settings

from orchestra.spec import accept, accept_cases, generate
from orchestra.spec.schema import check, schema_text
from tests.effort import examples
from tests.spec.almost import STEPS, WORKFLOWS

SCHEMA: Dict[str, Any] = json.loads(schema_text())
ROOT: Dict[str, Any] = SCHEMA["properties"]
STEP: Dict[str, Any] = SCHEMA["$defs"]["step"]["properties"]
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
CASES: Dict[str, Any] = json.loads(schema_text("test"))
CASE_VALIDATOR = jsonschema.Draft202012Validator(CASES)


def _parts(node: Any, path: Tuple[str, ...] = ()) -> Iterator[Tuple[Tuple[str, ...], Any]]:
    """Every dict inside the schema, with where it stands."""
    if isinstance(node, dict):
        yield path, node
        for key, part in node.items():
            if key not in ("examples", "default"):
                yield from _parts(part, (*path, key))


def _properties() -> List[Tuple[str, Any]]:
    return [
        (".".join((*path, key)), rules)
        for path, node in _parts(SCHEMA)
        if path[-1:] == ("properties",)
        for key, rules in node.items()
    ]


PROPERTIES = _properties()
DESCRIBED = [(name, rules) for name, rules in PROPERTIES if ".defaults." not in name]
PATTERNS = sorted({n["pattern"] for _, n in _parts(SCHEMA) if isinstance(n.get("pattern"), str)})
NAMES = sorted({key for _, node in _parts(SCHEMA) for key in node.get("patternProperties", ())})


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_root_has_the_keys_of_this_version_and_no_others() -> None:
    assert list(ROOT) == [
        "version",
        "name",
        "description",
        "labels",
        "params",
        "vars",
        "env",
        "env_file",
        "inherit_env",
        "secrets",
        "defaults",
        "budget",
        "max_parallel",
        "executor",
        "slurm",
        "dask",
        "fail_fast",
        "timeout",
        "notify",
        "concurrency",
        "steps",
        "on_success",
        "on_failure",
        "on_cancel",
        "finally",
        "outputs",
    ]


def test_a_step_has_the_keys_of_this_version_and_no_others() -> None:
    assert list(STEP) == [
        "name",
        "description",
        "needs",
        "if",
        "require",
        "matrix",
        "foreach",
        "max_parallel",
        "fail_fast",
        "run",
        "command",
        "python",
        "steps",
        "uses",
        "with",
        "shell",
        "working_dir",
        "env",
        "inherit_env",
        "timeout",
        "stop",
        "retry",
        "rerun",
        "allow_failure",
        "success_codes",
        "skip_codes",
        "fallback",
        "on_success",
        "on_failure",
        "on_cancel",
        "finally",
        "outputs",
        "artifacts",
        "cache",
        "resources",
        "enforce",
        "jobserver",
        "priority",
        "mutex",
        "executor",
        "slurm",
        "dask",
        "duration",
    ]


def test_defaults_take_every_step_key_but_those_that_make_one_step() -> None:
    own = ["name", "description", "needs", "if", "require", "run", "command", "python", "outputs"]
    own += ["steps", "uses", "with", "matrix", "foreach", "max_parallel", "fail_fast"]
    own += ["cache", "fallback", "on_success", "on_failure", "on_cancel", "finally"]
    shared = [key for key in STEP if key not in own]
    assert list(SCHEMA["$defs"]["defaults"]["properties"]) == [*shared, "python"]


@pytest.mark.parametrize(("name", "rules"), DESCRIBED, ids=[name for name, _ in DESCRIBED])
def test_every_key_is_described_and_has_an_example(name: str, rules: Any) -> None:
    assert (rules["description"].endswith("."), bool(rules["examples"])) == (True, True)


@pytest.mark.parametrize(("name", "rules"), DESCRIBED, ids=[name for name, _ in DESCRIBED])
def test_every_example_keeps_to_its_own_rules(name: str, rules: Any) -> None:
    part = VALIDATOR.evolve(schema=rules)
    assert [e.message for example in rules["examples"] for e in part.iter_errors(example)] == []


@pytest.mark.parametrize(
    "rules", [node for _, node in _parts(SCHEMA) if node.get("additionalProperties") is False]
)
def test_every_closed_mapping_says_what_it_is(rules: Any) -> None:
    assert rules["title"]


def test_every_mapping_with_known_keys_is_closed() -> None:
    loose = [
        path
        for path, node in _parts(SCHEMA)
        if "properties" in node and "additionalProperties" not in node
    ]
    assert loose == []


@pytest.mark.parametrize("pattern", [*PATTERNS, *NAMES])
def test_every_pattern_holds_the_whole_text_up_to_a_line_feed(pattern: str) -> None:
    whole = pattern.replace("|\\$\\{\\{", "")
    assert whole == r"\$\{\{" or (whole.startswith("^") and whole.endswith(r"$(?!\n)"))


IDS: List[Tuple[str, bool]] = [
    ("a", True),
    ("_", True),
    ("a-b_C9", True),
    ("a" * 64, True),
    ("a" * 65, False),
    ("a" * 300, False),
    ("", False),
    ("-a", False),
    ("9a", False),
    (".", False),
    ("..", False),
    ("../../etc/x", False),
    ("a/b", False),
    ("a.b", False),
    ("a b", False),
    ("a\n", False),
    ("a\r", False),
    ("a\0", False),
    ("é", False),
    ("e\u0301", False),
    ("a\u2028", False),
    ("٣", False),
    ("\u202ea", False),
]


@pytest.mark.parametrize(("id", "is_good"), IDS)
def test_an_id_is_letters_digits_underscore_and_minus(id: str, is_good: bool) -> None:
    data = {"steps": {id: {"run": "x"}}}
    assert (accept.is_workflow(data), VALIDATOR.is_valid(data)) == (is_good, is_good)


def test_accept_py_is_what_the_schema_generates() -> None:
    with open(accept.__file__, encoding="utf-8") as file:
        assert file.read() == generate.generate(SCHEMA)


def test_accept_cases_py_is_what_the_schema_of_tests_generates() -> None:
    with open(accept_cases.__file__, encoding="utf-8") as file:
        assert file.read() == generate.generate_cases(CASES)


def test_the_schema_of_tests_is_one_and_its_examples_are_accepted_by_both() -> None:
    jsonschema.Draft202012Validator.check_schema(CASES)
    examples = {
        place: [
            _around(place, key, example)
            for key, rules in CASES["$defs"][place]["properties"].items()
            for example in rules["examples"]
        ]
        for place in ("given", "expect")
    }
    files = [file for found in examples.values() for file in found]
    assert [accept_cases.is_test_file(file) for file in files] == [True] * len(files)
    assert [CASE_VALIDATOR.is_valid(file) for file in files] == [True] * len(files)


def _around(place: str, key: str, example: Any) -> Dict[str, Any]:
    return {"workflow": "p.yaml", "cases": {"a": {place: {key: example}}}}


def test_every_key_of_a_test_says_what_it_is_and_shows_it() -> None:
    rules = [
        rules
        for name in ("case", "given", "results", "expect", "expected_step")
        for rules in CASES["$defs"][name]["properties"].values()
    ]
    assert [bool(each["description"] and each["examples"]) for each in rules] == [True] * len(rules)


@pytest.mark.parametrize(
    "case",
    [
        {"given": {"steps": {"a": "sucess"}}},
        {"given": {"steps": {"a": []}}},
        {"given": {"steps": {"a": [256]}}},
        {"given": {"steps": {"a": {"signal": "KILL"}}}},
        {"given": {"steps": {"a": {"duration": 3}}}},
        {"given": {"stop_at": "soon"}},
        {"given": {"started_at": "today"}},
        {"expect": {"state": "skipped"}},
        {"expect": {"order": ["a, b"]}},
        {"expect": {"steps": {"a": {"state": []}}}},
        {"expect": {"alerts": ["never"]}},
        {"expects": {}},
    ],
)
def test_what_is_no_test_is_refused_by_both(case: Any) -> None:
    data = {"workflow": "p.yaml", "cases": {"a": case}}
    assert (accept_cases.is_test_file(data), CASE_VALIDATOR.is_valid(data)) == (False, False)


@pytest.mark.parametrize(
    "rules",
    [
        {"oneOf": [{"type": "string"}]},
        {"type": "object", "properties": {"a": {"const": 1}}},
        {"type": "object", "properties": {}, "patternProperties": {"a": True}},
        {"type": "object", "patternProperties": {"a": True}},
        {"items": {"format": "date"}},
    ],
)
def test_a_rule_that_the_generator_does_not_know_is_refused(rules: Any) -> None:
    with pytest.raises(ValueError, match=r"not known here|must stand alone"):
        generate.generate({**rules, "$defs": {"step": {}}})


@settings(max_examples=examples(300), deadline=None)
@given(WORKFLOWS)
def test_the_generated_tests_and_jsonschema_agree_on_every_workflow(data: Any) -> None:
    assert accept.is_workflow(data) == VALIDATOR.is_valid(data)


@settings(max_examples=examples(300), deadline=None)
@given(STEPS)
def test_the_generated_tests_and_jsonschema_agree_on_every_step(data: Any) -> None:
    assert accept.is_step(data) == VALIDATOR.evolve(schema=SCHEMA["$defs"]["step"]).is_valid(data)


@settings(max_examples=examples(200), deadline=None)
@given(WORKFLOWS)
def test_what_is_no_workflow_has_a_problem(data: Any) -> None:
    assert bool(check(data).problems) == (not VALIDATOR.is_valid(data))


@pytest.mark.parametrize("data", [None, 1, "x", [], {}, {"steps": None}, {"steps": []}])
def test_data_without_steps_are_no_workflow(data: Any) -> None:
    assert (accept.is_workflow(data), VALIDATOR.is_valid(data)) == (False, False)


def test_no_pattern_is_slow_on_a_long_text() -> None:
    found = [re.search(p, "1" * 100_000 + "=\n") for p in PATTERNS]
    assert not any(found)
