"""Kills orchestra in the middle of a run, resumes until it is done, asks the oracle.

At each journal write in turn (strace kills the engine as it enters the system call), or at random
moments: the engine, the keeper that was started, or both at once.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import time
from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence, Tuple

from tests.faults import oracle
from tests.faults.oracle import Report
from tests.faults.trial import (
    STEP,
    Ended,
    History,
    Trial,
    engine_of,
    kill,
    wait_until,
)
from tests.faults.workflows import BUDGET, Task, forty_steps, rules_of, slow_steps, workflow_text

WRITES = ("pwrite64", "fdatasync", "ftruncate", "rename", "unlink")
RESUMES = 6
NOTHING_THERE = 2
_NEVER = 60_000
_CALL = re.compile(r"^\d+ +(%s)\(" % "|".join(WRITES), re.MULTILINE)


class Point(NamedTuple):
    """A journal write: the n-th of its kind."""

    call: str
    number: int


class Verdict(NamedTuple):
    """What came of a run that was killed; `hit` tells whether it was, `broken` what went wrong."""

    hit: bool
    broken: List[str]


def small_steps() -> List[Task]:
    """The first layer alone: as many kinds of steps, a quarter of the writes."""
    return forty_steps()[:10]


def strace(folder: Path, point: Optional[Point] = None) -> List[str]:
    """What goes before a command to trace its journal writes, and to kill it at one of them."""
    database = str(folder / ".orchestra" / "runs.db")
    call, number = point or Point(WRITES[0], _NEVER)
    inject = "inject=%s:signal=KILL:when=%d" % (call, number)
    paths = [word for end in ("", "-wal", ".new", ".new-wal") for word in ("-P", database + end)]
    # -D: the command itself is our child, and what it leaves behind holds nobody up
    trace = ["strace", "-f", "-D", "-q", "-o", str(folder / "strace")]
    return [*trace, *paths, "-e", "trace=" + ",".join(WRITES), "-e", inject]


def points_of(folder: Path, tasks: Sequence[Task]) -> List[Point]:
    """The journal writes of a run that nobody kills."""
    trial = Trial(folder, workflow_text(tasks, STEP, BUDGET))
    ended = trial.run("run", "p.yaml", "-j4", "--output", "quiet", under=strace(folder))
    assert ended.code == 0, ended
    calls = _CALL.findall(trial.text("strace"))
    return [Point(call, calls[: at + 1].count(call)) for at, call in enumerate(calls)]


def kill_at(folder: Path, tasks: Sequence[Task], point: Point) -> Verdict:
    """Kill a run at a journal write and resume it to its end; every second time at once."""
    killing = Killing(folder, tasks, at_once=point.number % 2 == 0)
    ended = killing.run(under=strace(folder, point))
    hit = ended.code != 0
    return Verdict(hit, killing.finish(ended))


def kill_at_random(folder: Path, chance: random.Random) -> Verdict:
    """Kill a run at random moments, at most three times, and resume it to its end.

    Every second one has steps that outlive the crash, and is resumed while they do.
    """
    at_once = chance.random() < 0.5
    killing = Killing(folder, slow_steps() if at_once else forty_steps(), at_once)
    ended = killing.run_and_kill(chance)
    hit = ended.code != 0
    for _ in range(chance.choice((0, 0, 1, 2))):
        if ended.code == 0 or killing.history.broken:
            break
        ended = killing.resume_and_kill(chance)
    return Verdict(hit, killing.finish(ended))


class Killing:
    """One run under fire, from its start to its judgement.

    With `at_once` nobody looks at it between a crash and the resume, so that what survived the
    crash still runs then.
    """

    def __init__(self, folder: Path, tasks: Sequence[Task], at_once: bool) -> None:
        self._at_once = at_once
        self._longest_s = 5.0 if at_once else 2.2
        self._trial = Trial(folder, workflow_text(tasks, STEP, BUDGET))
        self.history = History(self._trial, rules_of(tasks, BUDGET))
        self._how = ["--output", "json", "-j4"]

    def run(self, under: Sequence[str] = ()) -> Ended:
        """Run, under a program that may kill it."""
        process = self._trial.start("run", "p.yaml", *self._how, under=under)
        return self._take_down(self._trial.end(process))

    def run_and_kill(self, chance: random.Random) -> Ended:
        """Run and kill at a random moment."""
        return self._kill(chance, "run", "p.yaml", *self._how)

    def resume_and_kill(self, chance: random.Random) -> Ended:
        """Resume and kill at a random moment."""
        return self._kill(chance, *self._resumption())

    def finish(self, ended: Ended) -> List[str]:
        """Resume until it is done; what was broken on the way."""
        report: Optional[Report] = None
        for _ in range(RESUMES):
            if ended.code == 0 or self.history.broken:
                break
            ended = self._trial.run(*self._resumption(), "--report", "json=r.json")
            if ended.code == NOTHING_THERE:
                ended = self._trial.run("run", "p.yaml", *self._how, "--report", "json=r.json")
            ended = self._take_down(ended)
            report = json.loads(self._trial.text("r.json") or "null")
        if ended.code != 0:
            return [*self.history.broken, "it does not come to its end: %s" % (ended,)]
        (run_id,) = self._trial.run_ids()
        return self.history.judge(run_id, ended, report)

    def _resumption(self) -> List[str]:
        # one that was killed before it had a record has nothing to go on with
        if not (self._trial.folder / ".orchestra" / "runs.db").exists():
            return ["run", "p.yaml", *self._how]
        return ["resume", *self._how]

    def _kill(self, chance: random.Random, *arguments: str) -> Ended:
        process = self._trial.start(*arguments)
        # the moment is what is random here, so that this is no wait for anything
        _pass(process, chance.uniform(0.0, self._longest_s))
        whom = chance.choice(("engine", "keeper", "both"))
        keeper, engine = process.pid, engine_of(process.pid)
        if process.poll() is None:
            for pid in _victims(whom, keeper, engine):
                kill(pid)
        ended = self._trial.end(process)
        if whom != "both" and engine != keeper:
            # the one that is left sees that it is alone, and records what still runs
            mark = b"LEDGER=" + os.fsencode(self._trial.ledger.path)
            wait_until(lambda: not oracle.leftovers(mark), "processes are left")
            taken_up_s = self._trial.taken_up_s(engine)
            if taken_up_s is not None:
                lines = len(self._trial.ledger.lines())
                self.history.spare(lines, taken_up_s, self._trial.taken_over())
        return self._take_down(ended)

    def _take_down(self, ended: Ended) -> Ended:
        if "Traceback" in ended.err:
            self.history.broken.append("a traceback: " + ended.err[-2000:])
        if self._at_once:
            self.history.hear(self._trial.printed_successes())
            return ended
        run_ids = self._trial.run_ids()
        if run_ids:
            self.history.look(run_ids[0], self._trial.printed_successes())
        return ended


def _victims(whom: str, keeper: int, engine: int) -> Tuple[int, ...]:
    return {"engine": (engine,), "keeper": (keeper,), "both": (keeper, engine)}[whom]


def _pass(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Let so much time pass, or less if the process ends."""
    until = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.001)
