"""A place that runs tasks as processes of this machine, so many at once: what a place has to be.

It is as good an engine as can be had without one, and a template for others.
"""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Dict, List, Mapping, Sequence

from orchestra.executors.errands import is_running_here, read_claim, signal_group
from orchestra.executors.places import (
    Fate,
    Gone,
    News,
    PlaceFault,
    Queued,
    Running,
    Task,
)
from orchestra.model.errand import Errand
from orchestra.model.expression import Value

SETTINGS = {
    "type": "object",
    "properties": {"slots": {"type": "integer", "minimum": 1}},
    "additionalProperties": False,
}


class ProcessPlace:
    """Tasks in the order they come, `slots` at once, each in a session of its own."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._node = os.uname().nodename
        self._waiting: Dict[str, Task] = {}
        self._process_by_name: Dict[str, subprocess.Popen[bytes]] = {}
        self._found: Dict[str, Task] = {}
        self._news: List[News] = []

    def check(self, errands: Sequence[Errand]) -> List[str]:
        """It has no GPUs, and only the cores of this machine."""
        cores = os.cpu_count() or 1
        problems = ["there are no GPUs here" for errand in errands if errand.gpus][:1]
        most = max((errand.cpu for errand in errands), default=0)
        if most > cores * 1000:
            problems.append("a step asks for %g cores, there are %d" % (most / 1000, cores))
        return problems

    def submit(self, tasks: Sequence[Task]) -> List[News]:
        """Put them in the queue; who waits is told why."""
        news: List[News] = []
        for task in tasks:
            start = task.folder + "/start"
            if not os.access(start, os.R_OK):
                news.append(Gone(task.name, Fate.NOT_LAUNCHED, "%s: cannot be read" % start))
                continue
            self._waiting[task.name] = task
            news.append(Queued(task.name, "process " + task.name, self._reason()))
        self._start()
        return news

    def find(self, tasks: Sequence[Task]) -> List[News]:
        """Look at the claims: what has none was in the queue of a process that is gone."""
        news: List[News] = []
        for task in tasks:
            claim = read_claim(task.folder)
            if claim is None:
                news.append(Gone(task.name, Fate.UNKNOWN))
            elif is_running_here(claim):
                self._found[task.name] = task
                news.append(Running(task.name, "process " + task.name, claim.node))
            else:
                news.append(Gone(task.name, Fate.ENDED))
        return news

    def poll(self) -> List[News]:
        """What has been started and what has ended since."""
        for name, process in list(self._process_by_name.items()):
            if process.poll() is not None:
                del self._process_by_name[name]
                self._news.append(Gone(name, Fate.ENDED))
        for name, task in list(self._found.items()):
            claim = read_claim(task.folder)
            if claim is None or not is_running_here(claim):
                del self._found[name]
                self._news.append(Gone(name, Fate.ENDED))
        self._start()
        news, self._news = self._news, []
        return news

    def stop(self, names: Sequence[str], signal: str) -> None:
        """Cancel what waits, signal the group of what runs."""
        for name in names:
            if name in self._waiting:
                del self._waiting[name]
                self._news.append(Gone(name, Fate.CANCELLED, "it was cancelled"))
            elif name in self._process_by_name:
                self._signal(self._process_by_name[name], signal)
            elif name in self._found:
                signal_group(self._found[name].folder, signal)

    def period_s(self) -> float:
        """It costs nothing to ask."""
        return 0.02

    def close(self) -> None:
        """What runs goes on; what waits never begins."""
        self._waiting.clear()

    def _start(self) -> None:
        while self._waiting and len(self._process_by_name) < self._slots:
            name = next(iter(self._waiting))
            task = self._waiting.pop(name)
            self._process_by_name[name] = subprocess.Popen(
                ["sh", task.folder + "/start"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._news.append(Running(name, "process " + name, self._node))

    def _reason(self) -> str:
        ahead = len(self._waiting) - 1 + len(self._process_by_name) - self._slots
        return "" if ahead < 0 else "all %d slots are taken" % self._slots

    def _signal(self, process: subprocess.Popen[bytes], name: str) -> None:
        if process.poll() is None:  # its number is held until its end is taken
            os.killpg(process.pid, getattr(signal, name))


def open_place(settings: Mapping[str, Value], run_id: str) -> ProcessPlace:
    """The place, with so many slots as the settings say."""
    slots = settings.get("slots", 8)
    if not isinstance(slots, int) or slots < 1:
        raise PlaceFault("slots: must be a number over 0")
    return ProcessPlace(slots)
