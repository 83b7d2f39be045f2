"""Stops a short run with INT, TERM or HUP, once or twice, at a chosen millisecond."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import List, NamedTuple

from orchestra.engine.signals import ONE_S
from tests.faults import oracle
from tests.faults.trial import STEP, Ended, Trial
from tests.faults.workflows import Task, workflow_text

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
IN_MAIN = re.compile(r'app\.py", line \d+, in main$', re.MULTILINE)
SPAN_MS = 700
"""From the start of Python to after the end of the run, on a machine that is not busy."""


class Stop(NamedTuple):
    """Which signal, how often, after how many milliseconds."""

    signal: signal.Signals
    times: int
    at_ms: int

    def __str__(self) -> str:
        return "%s x%d at %d ms" % (self.signal.name, self.times, self.at_ms)


def all_stops(step_ms: int) -> List[Stop]:
    """Every signal, once and twice, every so many milliseconds."""
    return [
        Stop(number, times, at_ms)
        for at_ms in range(0, SPAN_MS, step_ms)
        for number in SIGNALS
        for times in (1, 2)
    ]


def short_steps() -> List[Task]:
    """A run of a third of a second, with a retry, handlers and a fan-out."""
    return [
        Task("a", (), 0.02, handlers=("on_success",)),
        Task("b", (), 0.05, fails=1),
        Task("c", ("a",), 0.05, instances=3),
        Task("d", ("b", "c"), 0.02, fallback=True, handlers=("on_cancel", "finally")),
    ]


def stop_at(folder: Path, stop: Stop) -> List[str]:
    """Run, stop, and what is wrong with how that ended."""
    trial = Trial(folder, workflow_text(short_steps(), STEP, {"cpu": 4}))
    process = trial.start("run", "p.yaml", "--output", "plain", "--report", "json=r.json")
    until = time.monotonic() + stop.at_ms / 1000
    for _ in range(stop.times):
        while process.poll() is None and time.monotonic() < until:
            time.sleep(0.0005)
        send(process, stop.signal)
        until += 1.2 * ONE_S
    return judge(trial, trial.end(process), stop)


def send(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send the signal, unless the process has ended."""
    if process.poll() is None:
        process.send_signal(number)


def judge(trial: Trial, ended: Ended, stop: Stop) -> List[str]:
    """What is wrong: a traceback, a wrong code, a record that tells something else, a leftover."""
    broken = []
    is_ours = IN_MAIN.search(ended.err)
    if "Traceback" in ended.err and not is_ours:
        return []  # of Python itself, before the first line of orchestra
    if "Traceback" in ended.err + ended.out:
        broken.append("a traceback: " + ended.err[-1500:])
    run_ids = trial.run_ids()
    if not run_ids:
        if ended.code not in (128 + stop.signal, -stop.signal):
            broken.append("code %d, nothing recorded: %s" % (ended.code, ended.err))
        return broken + oracle.leftovers(b"LEDGER=" + os.fsencode(trial.ledger.path))
    if ended.code not in (0, 128 + stop.signal):
        broken.append("exit code %d: %s" % (ended.code, ended.err))
    shown, entry = trial.report(run_ids[0]), trial.entry(run_ids[0])
    report = json.loads(trial.text("r.json") or "null")
    if report is None:
        broken.append("there is no report")
    broken += oracle.disagreeing(ended.code, report or shown, shown, entry)
    lines = trial.ledger.lines()
    broken += oracle.unaccounted(lines, shown)
    return broken + oracle.leftovers(b"LEDGER=" + os.fsencode(trial.ledger.path))
