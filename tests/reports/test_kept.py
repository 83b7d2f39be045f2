from __future__ import annotations

import json
from pathlib import Path

from jsonschema import Draft202012Validator

from orchestra.model.events import ArtifactsKept, Envelope, decode_turn, encode_turn, to_data
from orchestra.model.look import Look
from orchestra.model.run import KeptFile
from orchestra.reports.history import render_show
from orchestra.reports.json_report import report_data
from orchestra.reports.kept import render_kept
from tests.subscribers.stories import MadeLogs, Story

FILE = KeptFile("artifacts/a/dist/x.tar", 2048, "ab" * 32)


def story(*files: KeptFile) -> Story:
    told = Story().begin(["a", "b"]).start(0, "a").end_attempt(1, "a", "exit code 0")
    return told.tell(1, ArtifactsKept("a", 1, files))


def test_show_names_the_files_after_the_summary() -> None:
    shown = render_show(story(FILE).record(), 80, Look(), MadeLogs({}))
    assert shown.endswith("\n\nkept a: /run/artifacts/a/dist/x.tar (2 KiB)\n")


def test_a_run_that_kept_nothing_shows_nothing() -> None:
    assert render_kept(Story().begin(["a"]).record(), Look()) == ""


def test_no_more_than_twenty_are_named() -> None:
    files = [FILE._replace(path="artifacts/a/%d" % number) for number in range(23)]
    lines = render_kept(story(*files).record(), Look()).splitlines()
    assert (len(lines), lines[-1]) == (21, "… and 3 more files kept")


def test_names_cannot_move_the_cursor() -> None:
    assert "\x1b" not in render_kept(story(FILE._replace(path="a\x1b[2J")).record(), Look())


def test_the_report_lists_them_with_size_and_hash() -> None:
    steps = report_data(story(FILE).record(), MadeLogs({}))["steps"]
    path = "/run/artifacts/a/dist/x.tar"
    assert [step["artifacts"] for step in steps] == [
        [{"path": path, "size_bytes": 2048, "blake2b": "ab" * 32, "until": None}],
        [],
    ]


def test_the_event_is_recorded_and_told_as_its_schema_says() -> None:
    envelope = Envelope(3, 5.0, ArtifactsKept("a", 1, (FILE,)))
    assert decode_turn(encode_turn([envelope])) == [envelope]
    schema = json.loads(
        (Path(__file__).parents[2] / "schemas/event.schema.json").read_text("utf-8")
    )
    data = {"format": 1, **to_data(envelope)}
    assert list(Draft202012Validator(schema).iter_errors(data)) == []
    assert data["files"] == [FILE._asdict()]
