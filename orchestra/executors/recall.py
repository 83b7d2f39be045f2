"""Ends what a run whose orchestrator died has left at an engine. Waits for it."""

from __future__ import annotations

import os
import time
from typing import Dict, List, Mapping, NamedTuple, Sequence, Set

from orchestra.executors.errands import (
    errands_of,
    forestall,
    read_end,
    remove_errand,
    task_name,
)
from orchestra.executors.known import Opening
from orchestra.executors.places import Gone, News, Place, Queued, Running, Silent, Task
from orchestra.model.errand import Errand
from orchestra.model.expression import Value
from orchestra.model.run import AttemptKey

GRACE_S = 10.0
"""How long what is asked to end may take to."""

LIMIT_S = 30.0
"""How long all of it may take, asked and killed."""

_NAP_S = 0.1


class Abandoned(NamedTuple):
    """An attempt that had not ended when its orchestrator died.

    `job` is what the engine calls it, empty where that was not recorded; `settings` are those of
    its step for that engine.
    """

    key: AttemptKey
    job: str
    settings: Mapping[str, Value] = {}


class Left(NamedTuple):
    """The jobs that may still run, and why it cannot be told; both empty where none does."""

    jobs: Sequence[str] = ()
    reason: str = ""


def recall(
    opening: Opening,
    settings: Mapping[str, Value],
    run_id: str,
    folder: str,
    attempts: Sequence[Abandoned],
    limit_s: float = LIMIT_S,
) -> Left:
    """End these attempts of a run, whose folder is at `folder`: asked first, then killed.

    What has not begun never will, even where the engine does not answer. What has ended by itself
    is left as it is, for whoever goes on with the run; all others have never ended, for him.

    Raises:
        BrokenExecutor: the code of the engine cannot be loaded.
        PlaceFault: the engine cannot be used.
    """
    errands = errands_of(folder)
    jobs: Dict[str, str] = {}
    tasks: List[Task] = []
    for key, job, own in attempts:
        name = task_name(run_id, key)
        path = "%s/%s" % (errands, name)
        if os.path.isdir(path) and read_end(path) is None:
            tasks.append(Task(name, path, key.step, Errand(opening.name, own)))
            jobs[name] = job or name
    if not tasks:
        return Left()
    never = {task.name for task in tasks if forestall(task.folder)}
    place = opening.open_place()(settings, run_id)
    try:
        ending = _Ending(place, tasks)
        ending.wait(limit_s)
    finally:
        place.close()
    for task in tasks:
        if task.name in never or task.name not in ending.open:
            remove_errand(task.folder)
    left = sorted(jobs[name] for name in ending.open if name not in never)
    return Left(left, ending.silence) if left else Left()


class _Ending:
    """Tasks until each is told of as over; those that are not are `open`."""

    def __init__(self, place: Place, tasks: Sequence[Task]) -> None:
        self._place = place
        self.open = {task.name: task for task in tasks}
        self._unfound = dict(self.open)
        self._asked: Set[str] = set()
        self.silence = ""

    def wait(self, limit_s: float) -> None:
        began = time.monotonic()
        while self.open and time.monotonic() - began < limit_s:
            if self._unfound:
                self._hear(self._place.find(list(self._unfound.values())))
            self._stop(time.monotonic() - began >= GRACE_S)
            self._hear(self._place.poll())
            if self.open:
                time.sleep(min(_NAP_S, self._place.period_s()))

    def _stop(self, at_once: bool) -> None:
        found = [name for name in self.open if name not in self._unfound]
        if at_once and found:
            self._place.stop(found, "SIGKILL")
        asked = [name for name in found if name not in self._asked]
        if asked and not at_once:
            self._asked.update(asked)
            self._place.stop(asked, "SIGTERM")

    def _hear(self, all_news: Sequence[News]) -> None:
        for news in all_news:
            if isinstance(news, Silent):
                self.silence = news.reason
                continue
            self.silence = ""
            self._unfound.pop(news.name, None)
            if isinstance(news, Gone):
                self.open.pop(news.name, None)
            else:
                assert isinstance(news, (Queued, Running))
