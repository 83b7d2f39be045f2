"""What is kept for the case that a run is killed: comes back as it was, and holds no value."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestra.model.expression import parse_text
from orchestra.model.workflow import (
    AlertWhen,
    Channel,
    FromCommand,
    FromFile,
    FromVariable,
    NotifyEntry,
    Workflow,
)
from orchestra.subscribers.owed import Owed, owed_text, read_owed, used_secrets

ENTRY = NotifyEntry(
    1,
    Channel.COMMAND,
    ("page", parse_text("${{ env.TOKEN }}"), parse_text("$${{ literal")),
    (AlertWhen.FAILURE, AlertWhen.SLOW),
    "on-call",
    5.0,
    600.0,
)
WORKFLOW = Workflow(
    path="/w/p.yaml",
    folder="/w",
    name="p",
    step_by_id={},
    env={"A": parse_text("x${{ params.a }}"), "B": "b"},
    env_files=("base.env",),
    secrets={"T": FromVariable("T"), "F": FromFile("f"), "C": FromCommand(("pass", "c"))},
    notify=(ENTRY,),
)


def test_what_was_kept_comes_back():
    owed = Owed(WORKFLOW, {"base": [1, "x"]})
    assert read_owed(owed_text(owed)) == owed


def test_expressions_are_kept_as_they_were_written():
    assert '{"template": "${{ env.TOKEN }}"}' in owed_text(Owed(WORKFLOW, {}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": 2}',
        '{"format": 1}',
        owed_text(Owed(WORKFLOW, {})).replace("command", "pigeon"),
        owed_text(Owed(WORKFLOW, {})).replace("env.TOKEN }}", "env.TOKEN"),
        owed_text(Owed(WORKFLOW, {})).replace('["page"', '[["page"]'),
    ],
)
def test_what_is_something_else_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011  # its words are shown to nobody
        read_owed(text)


def test_secrets_that_no_alert_uses_are_not_read_for_it():
    address = NotifyEntry(0, Channel.WEBHOOK, (parse_text("${{ secrets.F }}"),))
    env = {"A": parse_text("${{ secrets.C }}")}
    assert used_secrets(replace(WORKFLOW, notify=(address,), env=env)) == {
        "F": FromFile("f"),
        "C": FromCommand(("pass", "c")),
    }
