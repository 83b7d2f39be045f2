"""Drives a place as its helper does: makes tasks, whose scripts are the tests' own, and polls."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path
from typing import Callable, List, Optional, Sequence

from orchestra.executors.errands import current_umask, make_errand
from orchestra.executors.places import Gone, News, Place, Queued, Running, Silent, Task
from orchestra.model.errand import Errand
from orchestra.model.run import Invocation

LIMIT_S = 200.0  # Slurm tries again after 2 minutes to start what it could not


class PlaceDriver:
    """A place, and the folder of a run whose tasks it is given. All that it told is in `told`."""

    def __init__(self, place: Place, folder: Path, errand: Optional[Errand] = None) -> None:
        self.place = place
        self.folder = folder
        self.told: List[News] = []
        self._errand = errand or Errand("elsewhere")
        self._mark = uuid.uuid4().hex[:8]

    def task(self, name: str, script: str, errand: Optional[Errand] = None) -> Task:
        """A task that runs a script, in which `$folder` is its own folder."""
        unique = "%s-%s" % (name, self._mark)
        folder = self.folder / "errands" / unique
        words = [b"sh", b"-c", ("folder='%s'\n%s\n" % (folder, script)).encode()]
        invocation = Invocation(tuple(words), dict(os.environb), str(folder), str(folder) + ".log")
        make_errand(str(folder), invocation, current_umask())
        return Task(unique, str(folder), name, errand or self._errand)

    def submit(self, *tasks: Task) -> List[News]:
        """Hand tasks over once; what was told in answer."""
        news = self.place.submit(tasks)
        self.told.extend(news)
        return news

    def find(self, *tasks: Task) -> List[News]:
        """Look for tasks once; what was told in answer."""
        news = self.place.find(tasks)
        self.told.extend(news)
        return news

    def poll(self) -> List[News]:
        """Ask once."""
        news = self.place.poll()
        self.told.extend(news)
        return news

    def until(self, is_so: Callable[[], bool]) -> None:
        """Ask, as often as the place wants it, until it is so."""
        deadline = time.monotonic() + LIMIT_S
        while not is_so():
            assert time.monotonic() < deadline, "told so far: %s" % self.told
            self.poll()
            time.sleep(min(self.place.period_s(), 0.2))

    def end(self, *tasks: Task) -> List[Gone]:
        """Ask until all of them are over; how each ended."""
        self.until(lambda: all(self.gone(task) for task in tasks))
        return [self.gone(task)[0] for task in tasks]

    def start(self, *tasks: Task) -> None:
        """Ask until all of them run, and have said so by a file `began` in their folders."""
        self.until(lambda: all(self.running(task) for task in tasks))
        self.until(lambda: all((Path(task.folder) / "began").exists() for task in tasks))

    def gone(self, task: Task) -> List[Gone]:
        """Each time that it was told to be over."""
        return [each for each in self.told if isinstance(each, Gone) and each.name == task.name]

    def running(self, task: Task) -> List[Running]:
        """Each time that it was told to run."""
        return [each for each in self.told if isinstance(each, Running) and each.name == task.name]

    def queued(self, task: Task) -> List[Queued]:
        """Each time that it was told to wait."""
        return [each for each in self.told if isinstance(each, Queued) and each.name == task.name]

    def silences(self) -> Sequence[Silent]:
        """Each time that there was no answer."""
        return [each for each in self.told if isinstance(each, Silent)]
