"""The workflow of forty steps is what the oracle takes it for, and keeps all promises unharmed."""

from __future__ import annotations

import json
from pathlib import Path

from tests.faults.trial import STEP, History, Trial
from tests.faults.workflows import BUDGET, forty_steps, rules_of, workflow_text


def test_forty_steps_unharmed_keep_every_promise(tmp_path: Path) -> None:
    trial = Trial(tmp_path, workflow_text(forty_steps(), STEP, BUDGET))
    history = History(trial, rules_of(forty_steps(), BUDGET))

    ended = trial.run("run", "p.yaml", "-j4", "--output", "json", "--report", "json=r.json")

    (run_id,) = trial.run_ids()
    history.look(run_id, trial.printed_successes())
    report = json.loads(trial.text("r.json"))
    assert (ended.code, ended.err) == (0, "")
    assert history.judge(run_id, ended, report) == []
    assert len(report["steps"]) > 60
    assert len(trial.ledger.lines()) > 150
