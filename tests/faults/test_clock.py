"""A clock that jumps, a machine that sleeps: no time is negative, order is that of the numbers."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any, Dict, List

import pytest

from tests.faults.trial import Trial, engine_of, wait_until

STEPS = """
version: 1
steps:
  a: {run: sleep 0.2, timeout: 30s}
  b: {needs: a, run: '[ $ORCHESTRA_ATTEMPT = 2 ]', retry: {max: 1, delay: 200ms}}
  c: {needs: b, run: sleep 0.1}
"""
LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


def under_another_clock(folder: Path) -> Trial:
    """A trial whose wall clock is what the file `clock` says; the monotonic one is the true one."""
    if not LIBRARIES:
        pytest.skip("libfaketime is not installed")
    trial = Trial(folder, STEPS)
    (folder / "clock").write_text("+0")
    trial.environ.update(
        LD_PRELOAD=str(LIBRARIES[0]),
        FAKETIME_DONT_FAKE_MONOTONIC="1",
        FAKETIME_NO_CACHE="1",
        FAKETIME_TIMESTAMP_FILE=str(folder / "clock"),
    )
    return trial


def times(report: Dict[str, Any]) -> List[float]:
    """All durations of a report."""
    attempts = [attempt for step in report["steps"] for attempt in step["attempts"]]
    return [report["elapsed_s"], *(attempt["queued_s"] for attempt in attempts)]


@pytest.mark.parametrize("jump", ["-1h", "+1h", "-20y", "+70y", "-262s", "+262s"])
def test_a_clock_that_jumps_in_mid_run_changes_no_order_and_no_duration(
    tmp_path: Path, jump: str
) -> None:
    trial = under_another_clock(tmp_path)
    process = trial.start("run", "p.yaml", "--output", "json", "--report", "json=r.json")
    wait_until(lambda: "AttemptLaunched" in trial.text("out.out"), "no step began")

    (tmp_path / "clock").write_text(jump)

    ended = trial.end(process)
    events = [json.loads(line) for line in ended.out.splitlines()]
    report = json.loads(trial.text("r.json"))
    assert (ended.code, ended.err) == (0, "")
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    assert min(times(report)) >= 0
    assert report["elapsed_s"] < 100
    assert trial.report(report["run_id"]) == report


@pytest.mark.parametrize("start", ["1970-01-01 00:00:10", "2100-02-28 23:59:59"])
def test_a_run_in_another_century_is_one_like_any_other(tmp_path: Path, start: str) -> None:
    trial = under_another_clock(tmp_path)
    (tmp_path / "clock").write_text("@" + start)

    ended = trial.run("run", "p.yaml", "--report", "json=r.json")

    report = json.loads(trial.text("r.json"))
    assert (ended.code, ended.err) == (0, "")
    assert report["started_at"].startswith(start[:4])
    assert min(times(report)) >= 0


def test_runs_after_the_clock_went_back_are_still_the_latest(tmp_path: Path) -> None:
    trial = under_another_clock(tmp_path)
    (tmp_path / "clock").write_text("+2d")
    trial.run("run", "p.yaml")
    (tmp_path / "clock").write_text("+0")

    ended = trial.run("run", "p.yaml", "--report", "json=r.json")

    assert (ended.code, ended.err) == (0, "")
    assert json.loads(trial.text("r.json"))["run_id"] in trial.run_ids()
    assert len(trial.run_ids()) == 2


def test_one_that_was_stopped_for_a_time_goes_on_as_before(tmp_path: Path) -> None:
    waits = "echo $$ > pid; until test -e go; do sleep 0.02; done"
    trial = Trial(tmp_path, STEPS.replace("30s", "5s").replace("sleep 0.2", "'%s'" % waits))
    process = trial.start("run", "p.yaml", "--output", "json")
    wait_until(lambda: trial.text("pid"), "no step began")
    engine, step = engine_of(process.pid), int(trial.text("pid"))

    os.kill(engine, signal.SIGSTOP)
    wait_until(lambda: state_of(engine) == "T", "it does not stop")
    (tmp_path / "go").touch()
    wait_until(lambda: state_of(step) == "Z", "the step does not end")
    # that it stands still for longer than the step has time is what is tried here
    time.sleep(5.0)
    os.kill(engine, signal.SIGCONT)

    ended = trial.end(process)
    assert (ended.code, ended.err) == (0, "")


def state_of(pid: int) -> str:
    return Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()[0]
