"""A place without an engine: each task is a process of this machine, known by its folder."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import Dict, List, Optional, Sequence

from orchestra.executors.places import Fate, Gone, News, Queued, Running, Task
from orchestra.model.errand import Errand

_PID = "pid"
_NODE = "here"


class ProcessPlace:
    """Starts tasks at once; one that another has started is found by a file in its folder."""

    def __init__(self) -> None:
        self._process_by_name: Dict[str, subprocess.Popen[bytes]] = {}
        self._task_by_name: Dict[str, Task] = {}
        self._untold: List[News] = []

    def check(self, errands: Sequence[Errand]) -> List[str]:
        """One sentence for each errand that asks for more than this machine has."""
        most = (os.cpu_count() or 1) * 1000
        return ["%d cores are not here" % (each.cpu // 1000) for each in errands if each.cpu > most]

    def submit(self, tasks: Sequence[Task]) -> List[News]:
        """Start them."""
        return [self._started(task) for task in tasks]

    def find(self, tasks: Sequence[Task]) -> List[News]:
        """By the numbers of their processes."""
        return [self._found(task) for task in tasks]

    def poll(self) -> List[News]:
        """What has ended, and once what has begun."""
        news, self._untold = self._untold, []
        for name, task in list(self._task_by_name.items()):
            if not self._is_alive(name, task):
                del self._task_by_name[name]
                news.append(Gone(name, Fate.ENDED))
        return news

    def stop(self, names: Sequence[str], signal: str) -> None:
        """To the process group of each."""
        for task in [self._task_by_name[name] for name in names if name in self._task_by_name]:
            self._kill(task, signal)

    def period_s(self) -> float:
        """Soon."""
        return 0.02

    def close(self) -> None:
        """Let them go on."""
        for process in self._process_by_name.values():
            process.poll()
            process.returncode = (
                process.returncode or 0
            )  # else it complains of who is not waited for

    def _started(self, task: Task) -> News:
        start = os.path.join(task.folder, "start")
        if not os.access(start, os.R_OK):
            return Gone(task.name, Fate.NOT_LAUNCHED, "%s: cannot be read" % start)
        process = subprocess.Popen(["/bin/sh", start], start_new_session=True)
        with open(os.path.join(task.folder, _PID), "w") as stream:
            stream.write(str(process.pid))
        self._process_by_name[task.name] = process
        self._task_by_name[task.name] = task
        self._untold.append(Running(task.name, str(process.pid), _NODE))
        return Queued(task.name, str(process.pid))

    def _found(self, task: Task) -> News:
        pid = _pid_of(task)
        if pid is None:
            return Gone(task.name, Fate.UNKNOWN, "it was never started")
        if not self._is_alive(task.name, task):
            return Gone(task.name, Fate.ENDED)
        self._task_by_name[task.name] = task
        return Running(task.name, str(pid), _NODE)

    def _is_alive(self, name: str, task: Task) -> bool:
        process = self._process_by_name.get(name)
        if process is not None:
            return process.poll() is None
        return _is_running(_pid_of(task))

    def _kill(self, task: Task, name: str) -> None:
        pid = _pid_of(task)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(pid, getattr(signal, name))


def _pid_of(task: Task) -> Optional[int]:
    with suppress(OSError, ValueError), open(os.path.join(task.folder, _PID)) as stream:
        return int(stream.read())
    return None


def _is_running(pid: Optional[int]) -> bool:
    """Whether there is such a process which is not yet one that has ended."""
    if pid is None:
        return False
    with suppress(OSError), open("/proc/%d/stat" % pid) as stream:
        return stream.read().rpartition(")")[2].split()[0] != "Z"
    return False
