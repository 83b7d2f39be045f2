"""What programs read is what `schemas/` says: every field, and no other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from orchestra.model import events
from orchestra.model.events import EVENTS_FORMAT
from orchestra.model.run import Outcome, RunState, StepState
from orchestra.reports.alert import ALERT_FORMAT
from orchestra.reports.comparison_json import AGAINST_FORMAT
from orchestra.reports.history import RUNS_FORMAT
from orchestra.reports.json_report import REPORT_FORMAT
from orchestra.reports.plan_json import PLAN_FORMAT
from orchestra.reports.pruned import PRUNE_FORMAT
from orchestra.reports.trials_json import TRIALS_FORMAT
from orchestra.reports.why import WHY_FORMAT
from orchestra.subscribers.run_log import LOG_FORMAT
from tests.golden.recorded import HERE

SCHEMAS = Path(__file__).parents[2] / "schemas"
PRODUCED = {
    "against": json.loads((HERE / "expected" / "against.json").read_text("utf-8")),
    "alert": json.loads((HERE / "expected" / "alert.json").read_text("utf-8")),
    "plan": json.loads((HERE / "expected" / "plan.json").read_text("utf-8")),
    "prune": json.loads((HERE / "expected" / "prune.json").read_text("utf-8")),
    "report": json.loads((HERE / "expected" / "report.json").read_text("utf-8")),
    "runs": json.loads((HERE / "expected" / "runs.json").read_text("utf-8")),
    "trials": json.loads((HERE / "expected" / "trials.json").read_text("utf-8")),
    "why": json.loads((HERE / "expected" / "why.json").read_text("utf-8")),
}
ELSEWHERE = {
    "report": "elsewhere-report.json",
    "report in the middle": "elsewhere-middle.json",
    "why": "elsewhere-why-middle.json",
}


def lines_of(*names: str) -> Any:
    texts = [(HERE / "expected" / name).read_text("utf-8") for name in names]
    return [json.loads(line) for text in texts for line in text.splitlines()]


EVENTS = lines_of("events-output.jsonl", "elsewhere-events.jsonl")
LOG = lines_of("log.jsonl", "elsewhere-log.jsonl")
KINDS = [
    getattr(events, name)
    for name in json.loads((SCHEMAS / "event.schema.json").read_text("utf-8"))["$defs"]
]


def schema_of(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((SCHEMAS / (name + ".schema.json")).read_text("utf-8"))
    return schema


def closed(schema: Any) -> Any:
    """The schema with every object that lists its properties closed to others."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(part) for key, part in schema.items()}
    if "required" in made:
        made["additionalProperties"] = False
    return made


@pytest.mark.parametrize("name", [*PRODUCED, "faults", "event", "log"])
def test_each_schema_is_one_and_tells_what_each_field_is(name: str) -> None:
    schema = schema_of(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == name + ".schema.json"
    assert list(undescribed(schema)) == []


def undescribed(schema: Any, path: str = "") -> Any:
    if isinstance(schema, dict):
        for name, part in schema.get("properties", {}).items():
            if isinstance(part, dict) and not ({"const", "items"} & set(part)):
                yield from [] if "description" in part else [path + "/" + name]
        for key, part in schema.items():
            if key not in ("if", "allOf"):
                yield from undescribed(part, "%s/%s" % (path, key))


@pytest.mark.parametrize("name", sorted(PRODUCED))
def test_what_is_written_has_exactly_the_fields_of_its_schema(name: str) -> None:
    assert list(Draft202012Validator(closed(schema_of(name))).iter_errors(PRODUCED[name])) == []


@pytest.mark.parametrize("what", sorted(ELSEWHERE))
def test_what_is_told_of_other_machines_is_in_the_schema(what: str) -> None:
    data = json.loads((HERE / "expected" / ELSEWHERE[what]).read_text("utf-8"))
    schema = closed(schema_of(what.partition(" ")[0]))
    assert list(Draft202012Validator(schema).iter_errors(data)) == []


@pytest.mark.parametrize("line", LOG, ids=lambda line: str(line["event"]))
def test_each_line_of_a_log_has_exactly_the_fields_of_its_schema(line: dict[str, Any]) -> None:
    schema = schema_of("log")
    assert list(Draft202012Validator(schema).iter_errors(line)) == []
    assert set(line) == set(schema["properties"])


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: "%(seq)s-%(event)s" % event)
def test_each_event_has_exactly_the_fields_of_its_kind(event: dict[str, Any]) -> None:
    schema = schema_of("event")
    assert list(Draft202012Validator(schema).iter_errors(event)) == []
    head = set(schema["properties"])
    kind = schema["$defs"][event["event"]]
    elsewhere = set() if event.get("node") else {"node", "ago_s"}  # of other machines alone
    assert set(event) - head == set(kind["properties"]) - elsewhere


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_schema_lists_the_fields_of_each_kind_of_event(kind: Any) -> None:
    properties = schema_of("event")["$defs"][kind.__name__]["properties"]
    assert tuple(properties) == kind._fields


def test_the_schema_knows_every_kind_of_event() -> None:
    assert set(KINDS) == {*events.Event.__args__, events.PlannedEntry}


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("against", AGAINST_FORMAT),
        ("alert", ALERT_FORMAT),
        ("plan", PLAN_FORMAT),
        ("prune", PRUNE_FORMAT),
        ("report", REPORT_FORMAT),
        ("runs", RUNS_FORMAT),
        ("trials", TRIALS_FORMAT),
        ("why", WHY_FORMAT),
        ("event", EVENTS_FORMAT),
        ("log", LOG_FORMAT),
    ],
)
def test_each_format_has_its_number(name: str, number: int) -> None:
    assert schema_of(name)["properties"]["format"]["const"] == number


def test_every_state_and_outcome_is_in_the_report_schema() -> None:
    report = schema_of("report")["properties"]
    step = report["steps"]["items"]["properties"]
    assert set(report["state"]["enum"]) == {state.value for state in RunState}
    assert set(step["state"]["enum"]) == {state.value for state in StepState}
    outcomes = step["attempts"]["items"]["properties"]["outcome"]["enum"]
    assert set(outcomes) == {None, *(outcome.value for outcome in Outcome)}
