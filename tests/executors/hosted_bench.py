"""A hosted executor over processes of this machine, and all that it tells."""

from __future__ import annotations

import os
import select
import time
import uuid
from pathlib import Path
from typing import Any, Callable, List, Tuple

from orchestra.engine.ports import ExecutorStimulus, Handle
from orchestra.executors.errands import errands_of, task_name
from orchestra.executors.hosted import HostedExecutor
from orchestra.executors.known import Opening
from orchestra.model.errand import Errand
from orchestra.model.run import AttemptKey, Invocation

LIMIT_S = 180.0


class Bench:
    """A hosted executor over processes, and all that it tells."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.run_id = options.pop("run_id", uuid.uuid4().hex)
        self.seen: List[Tuple[AttemptKey, bytes]] = []
        self.notes: List[str] = []
        self.pids: List[int] = []
        self.told: List[ExecutorStimulus] = []
        module = options.pop("module", "tests.executors.process_place")
        self.executor = HostedExecutor(
            Opening("process", module),
            options.pop("settings", None) or {"slots": options.pop("slots", 4)},
            self.run_id,
            str(folder),
            environ=dict(os.environb),
            on_output=lambda key, block: self.seen.append((key, block)),
            on_note=self.notes.append,
            on_hired=self.pids.append,
            **{"close_s": LIMIT_S, **options},
        )

    def invocation(self, key: AttemptKey, script: str) -> Invocation:
        env = {b"PATH": b"/usr/bin:/bin", b"ORCHESTRA_RUN_ID": self.run_id.encode()}
        argv = (b"sh", b"-c", script.encode())
        log = str(self.folder / ("%s.log" % key.step))
        return Invocation(argv, env, str(self.folder), log, errand=Errand("process"))

    def submit(self, **scripts: str) -> None:
        keys = {AttemptKey(step, 1): script for step, script in scripts.items()}
        self.executor.submit([(key, self.invocation(key, keys[key])) for key in keys])

    def handle(self, key: AttemptKey) -> Handle:
        log = str(self.folder / ("%s.log" % key.step))
        return Handle(key, None, 0.0, log, executor="process", job="process " + key.step)

    def until(self, enough: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not enough():
            assert time.monotonic() < deadline, self.told
            due = self.executor.due_in()
            select.select([self.executor.fileno()], [], [], 1.0 if due is None else min(due, 1.0))
            self.told.extend(self.executor.collect())

    def of(self, kind: type) -> List[Any]:
        return [each for each in self.told if type(each) is kind]

    def errand(self, key: AttemptKey) -> Path:
        return Path(errands_of(str(self.folder)), task_name(self.run_id, key))

    def log(self, key: AttemptKey) -> bytes:
        return (self.folder / ("%s.log" % key.step)).read_bytes()


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.01)
