"""What an alert says of a run: by cause, of bounded size, harmless to whoever shows it."""

from __future__ import annotations

import json
from typing import Any, Dict, Mapping

import pytest

from orchestra.engine.replay import fold
from orchestra.model.events import (
    AttemptEnded,
    AttemptStarted,
    Envelope,
    PlannedEntry,
    RunFinished,
    RunStarted,
    StepEnded,
)
from orchestra.model.log_excerpt import LogExcerpt, cut_excerpt
from orchestra.model.record import RunRecord
from orchestra.model.workflow import AlertWhen
from orchestra.reports.alert import MOST_TEXT_BYTES, Alert, AlertFacts, make_alert

FACTS = AlertFacts(200.0, "orchestra show r")


class Logs:
    """Logs that are there by the words they hold."""

    def __init__(self, data_by_log: Mapping[str, bytes] = {}, default: bytes = b"") -> None:
        self._data_by_log = data_by_log
        self._default = default

    def path(self, log: str) -> str:
        return "/runs/r/" + log

    def read(self, log: str, head_bytes: int, tail_bytes: int) -> LogExcerpt:
        data = self._data_by_log.get(log, self._default)
        cut = max(0, len(data) - head_bytes - tail_bytes)
        tail = data[-tail_bytes:] if cut else data[head_bytes:]
        return cut_excerpt(self.path(log), data[:head_bytes], cut, tail)


def run(
    reason_by_step: Mapping[str, str],
    state: str = "failed",
    owner_by_step: Mapping[str, str] = {},
    workflow: str = "nightly",
    total: int = 0,
) -> RunRecord:
    """A run in which these steps failed; a `state` of "" is one that goes on."""
    steps = [
        PlannedEntry(id, id, (), {}, owner_by_step.get(id, ""), "instance")
        if id in owner_by_step
        else PlannedEntry(id, id, (), {})
        for id in [*reason_by_step, *("good%d" % n for n in range(total))]
    ]
    events: Any = [
        RunStarted("r", workflow, "/w.yaml", {}, {}, None, None, "atlas", 1, "0", {}, tuple(steps))
    ]
    for id, reason in reason_by_step.items():
        log = "logs/%s.1.log" % id
        events += [
            AttemptStarted(id, 1, 0.0, ()),
            AttemptEnded(id, 1, "failed", 1, None, reason, None, None, log, 9),
            StepEnded(id, "failed", reason, {}),
        ]
    if state:
        events.append(RunFinished(state, 1, ""))
    record = fold(Envelope(seq, 100.0 + seq, event) for seq, event in enumerate(events, 1))
    assert record is not None
    return record


def alert(record: RunRecord, logs: Logs, facts: AlertFacts = FACTS) -> Alert:
    return make_alert(record, AlertWhen.FAILURE, facts, logs)


def test_failures_are_grouped_by_cause_and_the_most_frequent_comes_first():
    record = run({"a": "exit code 2", "b": "timeout", "c": "exit code 2"})
    logs = Logs({"logs/a.1.log": b"no such header\n", "logs/b.1.log": b"waiting\n"})
    assert alert(record, logs).data["failures"] == [
        {
            "reason": "exit code 2",
            "steps": ["a", "c"],
            "count": 2,
            "log": "/runs/r/logs/a.1.log",
            "first_lines": ["no such header"],
            "last_lines": [],
        },
        {
            "reason": "timeout",
            "steps": ["b"],
            "count": 1,
            "log": "/runs/r/logs/b.1.log",
            "first_lines": ["waiting"],
            "last_lines": [],
        },
    ]


def test_a_thousand_failures_of_one_cause_are_one_group_with_the_first_ids():
    record = run({"s%d" % n: "exit code 2" for n in range(1000)})
    told = alert(record, Logs(default=b"no\n"))
    assert told.title == "nightly failed: 1000 of 1000 steps"
    assert told.data["failures"][0]["steps"] == ["s0", "s1", "s2", "s3", "s4"]
    assert "exit code 2: s0, s1, s2, s3, s4 and 995 more\n" in told.text
    assert len(told.text) < 600


@pytest.mark.parametrize("letter", ["x", '"', "\x1b", "é", "\u4e2d", "\U0001f600", "\udc80"])
def test_a_thousand_causes_with_long_logs_stay_within_what_a_process_can_be_handed(letter: str):
    record = run(
        {"%d%s" % (n, letter * 300): "%d%s" % (n, letter * 3000) for n in range(1000)},
        workflow=letter * 1000,
    )
    log = (letter * 5000 + "\n").encode("utf-8", "surrogateescape") * 30
    told = alert(record, Logs(default=log))
    assert len(told.text.encode("utf-8")) <= MOST_TEXT_BYTES
    assert len(json.dumps(told.data, ensure_ascii=False).encode("utf-8")) < 120_000
    assert (len(told.data["failures"]), told.data["more_failures"]) == (10, 990)


def test_a_step_that_failed_for_its_parts_is_told_by_them():
    record = run(
        {"test": "1 of 2 failed", "test[1]": "exit code 1"}, owner_by_step={"test[1]": "test"}
    )
    assert [g["steps"] for g in alert(record, Logs()).data["failures"]] == [["test[1]"]]


def test_what_a_step_wrote_cannot_do_harm_where_it_is_shown():
    told = alert(
        run({"a": "exit code 1"}), Logs(default=b"\x1b]0;mine\x07\xff\n\x1b[31mred\x1b[0m\n")
    )
    assert told.data["failures"][0]["first_lines"] == ["\\e]0;mine\\x07\\xff", "red"]


def test_a_long_log_is_told_from_both_ends():
    log = b"".join(b"line %d\n" % n for n in range(5000))
    (group,) = alert(run({"a": "exit code 1"}), Logs(default=log)).data["failures"]
    assert group["first_lines"] == ["line 0", "line 1", "line 2", "line 3", "line 4"]
    assert group["last_lines"] == ["line 4997", "line 4998", "line 4999"]


def test_no_line_of_a_short_log_is_told_twice():
    log = b"1\n2\n3\n4\n5\n6\n7\n"
    (group,) = alert(run({"a": "exit code 1"}), Logs(default=log)).data["failures"]
    assert (group["first_lines"], group["last_lines"]) == (["1", "2", "3", "4", "5"], ["6", "7"])


@pytest.mark.parametrize(
    ("when", "state", "facts", "title"),
    [
        (AlertWhen.SUCCESS, "succeeded", {}, "nightly succeeded"),
        (AlertWhen.RECOVERY, "succeeded", {"before": "q"}, "nightly works again"),
        (AlertWhen.SLOW, "", {"limit_s": 90.0}, "nightly is slow: over 1m30s"),
        (AlertWhen.FAILURE, "", {"cut_off": True}, "nightly was cut off"),
        (AlertWhen.FAILURE, "failed", {}, "nightly failed"),
    ],
)
def test_the_title_says_what_it_is_about(when, state, facts: Dict[str, Any], title: str):
    told = make_alert(run({}, state, total=2), when, FACTS._replace(**facts), Logs())
    assert (told.title, told.text.splitlines()[0]) == (title, title)


def test_a_run_that_goes_on_is_told_with_the_time_until_now():
    told = make_alert(run({}, "", total=1), AlertWhen.SLOW, FACTS, Logs())
    assert (told.data["state"], told.data["elapsed_s"]) == ("running", 99.0)
    assert "running   1m39s\n" in told.text
