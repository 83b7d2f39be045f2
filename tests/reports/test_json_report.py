from __future__ import annotations

import json

import pytest

from orchestra.reports.json_report import iso_time, render_json_report, report_data
from tests.subscribers.stories import T0, MadeLogs, Story


def test_the_report_of_a_run_that_goes_on() -> None:
    story = Story().begin(["a", "b"], resources={"cpu": 500, "memory": 1024}).start(1, "a")
    assert report_data(story.record()) == {
        "format": 1,
        "run_id": "r1",
        "workflow": "wf",
        "state": "running",
        "cut_off": False,
        "exit_code": None,
        "started_at": "1970-01-12T13:46:40.000Z",
        "elapsed_s": None,
        "lower_bound_s": None,
        "predicted_s": None,
        "policy": "path",
        "budget": {"cpu": 4.0},
        "steps": [
            {
                "id": "a",
                "state": "running",
                "reason": "",
                "needs": [],
                "resources": {"cpu": 1.0},
                "expected_s": None,
                "duration_s": None,
                "cpu_s": None,
                "max_rss_bytes": None,
                "outputs": {},
                "artifacts": [],
                "reused_from": None,
                "attempts": [
                    {
                        "number": 1,
                        "outcome": None,
                        "exit_code": None,
                        "signal": None,
                        "started_at": "1970-01-12T13:46:41.000Z",
                        "ended_at": None,
                        "queued_s": 0.0,
                        "cpu_s": None,
                        "max_rss_bytes": None,
                        "log": None,
                        "summary": None,
                        "summary_bytes": 0,
                    }
                ],
                "owner": "",
                "role": "step",
            },
            {
                "id": "b",
                "state": "pending",
                "reason": "",
                "needs": [],
                "resources": {"cpu": 0.5, "memory": 1024},
                "expected_s": None,
                "duration_s": None,
                "cpu_s": None,
                "max_rss_bytes": None,
                "outputs": {},
                "artifacts": [],
                "reused_from": None,
                "attempts": [],
                "owner": "",
                "role": "step",
            },
        ],
        "alerts": [],
    }


def test_the_path_of_a_log_is_absolute() -> None:
    story = Story().begin(["a"]).start(1, "a").end(2, "a", "failed", "no", "logs/a.1.log")
    attempt = report_data(story.record(), MadeLogs({}))["steps"][0]["attempts"][0]
    assert attempt["log"] == "/run/logs/a.1.log"


def test_what_a_step_left_is_valid_json_whatever_it_is() -> None:
    record = Story().begin(["a"]).record()
    outputs = {"nan": float("nan"), "half": "\ud83d", "esc": "\x1b[2J\u202e", "deep": [{"a": None}]}
    record.step_by_id["a"].outputs = outputs
    text = render_json_report(record)
    assert text.isascii()
    assert text.endswith("}\n")
    assert json.loads(text)["steps"][0]["outputs"] == {**outputs, "nan": None}


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (T0 + 0.2504, "1970-01-12T13:46:40.250Z"),
        (1795342500.9996, "2026-11-22T10:15:00.999Z"),
    ],
)
def test_times_are_utc_to_the_millisecond(at: float, text: str) -> None:
    assert iso_time(at) == text
