"""A place of Dask under test, the folders of its tasks, and all that it tells."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import subprocess
from pathlib import Path
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Union

from orchestra.executors.dask import open_place
from orchestra.executors.errands import EndRecord, forestall, make_errand, read_claim, read_end
from orchestra.executors.places import Gone, News, Place, Queued, Running, Silent, Task
from orchestra.model.errand import Errand
from orchestra.model.run import Invocation
from tests.dask.waiting import until

PLAIN = Errand("dask")


class Desk:
    """Tasks run `sh -c SCRIPT` in the folder `ground`."""

    def __init__(
        self, folder: Path, settings: Mapping[str, object] = {}, place: Optional[Place] = None
    ) -> None:
        self.folder = folder
        self.ground = folder.parent / "ground"
        self.ground.mkdir(exist_ok=True)
        self.place = place or open_place(settings, "run")  # type: ignore[arg-type]  # as given
        self.told: List[News] = []
        self.names: List[str] = []

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *raised: object) -> None:
        self.end()

    def task(self, name: str, script: str, errand: Optional[Errand] = None) -> Task:
        path = str(self.folder / name)
        invocation = Invocation(
            (b"sh", b"-c", script.encode()),
            {b"PATH": os.environb[b"PATH"]},
            str(self.ground),
            path + ".log",
            errand=errand or PLAIN,
        )
        make_errand(path, invocation, 0o022)
        return Task(name, path, name, errand or PLAIN)

    def known(self, name: str) -> Task:
        """A task that another process has made here."""
        return Task(name, str(self.folder / name), name, PLAIN)

    def submit(self, *tasks: Task) -> None:
        self.names.extend(task.name for task in tasks)
        self.told.extend(self.place.submit(tasks))

    def find(self, *tasks: Task) -> List[News]:
        self.names.extend(task.name for task in tasks)
        found = self.place.find(tasks)
        self.told.extend(found)
        return found

    def until(self, look: Callable[[], object]) -> None:
        """Poll until the look gives something."""
        until(lambda: self._poll() or look())

    def until_gone(self, *names: str) -> Dict[str, Gone]:
        self.until(lambda: all(self.gone(name) for name in names))
        return {name: news for name in names for news in [self.gone(name)] if news}

    def until_running(self, name: str) -> Running:
        self.until(lambda: self.last(name, Running))
        found = self.last(name, Running)
        assert isinstance(found, Running)
        return found

    def gone(self, name: str) -> Optional[Gone]:
        found = self.last(name, Gone)
        assert found is None or isinstance(found, Gone)
        return found

    def last(self, name: str, kind: type) -> Optional[News]:
        told = [one for one in self.told if isinstance(one, kind) and _name(one) == name]
        return told[-1] if told else None

    def end_of(self, name: str) -> Optional[EndRecord]:
        return read_end(str(self.folder / name))

    def pid_of(self, name: str) -> int:
        """Of the script that started the task."""
        folder = str(self.folder / name)
        claim = until(lambda: read_claim(folder))
        return claim.pid

    def lines(self, name: str) -> Sequence[str]:
        """Of a file that steps wrote."""
        path = self.ground / name
        return path.read_text().splitlines() if path.exists() else ()

    def end(self) -> None:
        """Nothing of a task is left, whatever a test did."""
        for name in self.names:
            forestall(str(self.folder / name))  # what waits would begin when there is room
            claim = read_claim(str(self.folder / name))
            if claim is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(claim.pid, signal.SIGKILL)
        self.place.close()

    def _poll(self) -> None:
        self.told.extend(self.place.poll())


def _name(news: Union[Queued, Running, Gone, Silent]) -> str:
    return "" if isinstance(news, Silent) else news.name


def place(address: str, **options: object) -> Place:
    """A place with options that only tests give."""
    module = importlib.import_module("orchestra.executors.dask_place")  # it needs Dask
    made: Place = module.DaskPlace({"scheduler": address}, {}, **options)
    return made


def is_alive(pid: int) -> bool:
    """Whether a process runs; a dead one that waits to be reaped does not."""
    state = subprocess.run(["ps", "-o", "state=", "-p", str(pid)], capture_output=True, check=False)
    return state.stdout.strip()[:1] not in (b"", b"Z")
