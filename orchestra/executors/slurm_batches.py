"""Batches: tasks that were handed to Slurm together, and the files that say so beside them.

A batch is a job, or an array of them. Its file names its tasks by their place in the array: a job
finds its task by it, and so does whoever looks for a task after the process that submitted it has
died.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shlex
import time
from contextlib import contextmanager, suppress
from typing import Dict, Iterable, Iterator, List, NamedTuple, Sequence, Tuple

from orchestra.executors.places import Task
from orchestra.executors.slurm_rows import NOT_THERE

_FOLDER = "slurm"
_LIST = ".tasks"
_LOG_BYTES = 65536
_SCRIPT = """\
#!/bin/sh
# A job of orchestra: starts the task which its list has at the job's place.
list={list}
task=$(sed -n "$((${{SLURM_ARRAY_TASK_ID:-0}} + 1))p" "$list") || exit {not_there}
start={folder}/$task/start
if [ ! -r "$start" ]; then
  echo "$start: cannot be read on $(uname -n); is its folder one that every node sees?" >&2
  exit {not_there}
fi
exec /bin/sh "$start"
"""


class Batch(NamedTuple):
    """Tasks by their place, in the folder that all of them lie in.

    `name` is that of its jobs, and of no others.
    """

    name: str
    folder: str
    tasks: Tuple[str, ...]

    @property
    def list_path(self) -> str:
        """The file that names its tasks, one a line."""
        return os.path.join(self.folder, _FOLDER, self.name + _LIST)

    @property
    def script(self) -> str:
        """What each of its jobs runs."""
        return _SCRIPT.format(
            list=shlex.quote(self.list_path),
            folder=shlex.quote(self.folder),
            not_there=NOT_THERE,
        )

    @property
    def options(self) -> List[str]:
        """The options of sbatch which make it this batch."""
        is_array = len(self.tasks) > 1
        log = os.path.join(self.folder, _FOLDER, "job-").replace("%", "%%")
        log += "%s.log" % ("%A_%a" if is_array else "%j")
        if "\\" in log:
            log = os.devnull  # Slurm takes it for an escape, and fills in no number
        options = ["--job-name=" + self.name, "--chdir=/", "--export=ALL", "--no-requeue"]
        options += ["--parsable", "--nodes=1", "--ntasks=1"]
        options.append("--output=" + log)
        if is_array:
            options.append("--array=0-%d" % (len(self.tasks) - 1))
        return options

    def job_of(self, array: str, index: int) -> str:
        """The job of a task, as Slurm's programs take and show it."""
        return "%s_%d" % (array, index) if len(self.tasks) > 1 else array

    def write(self) -> None:
        """Make its list.

        Raises:
            OSError: it cannot be written.
        """
        os.makedirs(os.path.dirname(self.list_path), mode=0o700, exist_ok=True)
        text = "".join(task + "\n" for task in self.tasks)
        descriptor = os.open(self.list_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)

    @contextmanager
    def held(self) -> Iterator[int]:
        """A lock on its list, and on all who inherit it: sbatch may outlive this process."""
        descriptor = os.open(self.list_path, os.O_RDWR)
        try:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)


def batch_of(tasks: Sequence[Task]) -> Batch:
    """The batch of tasks whose folders lie in one; the same tasks are the same batch."""
    names = tuple(task.name for task in tasks)
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
    shown = re.sub(r"[^A-Za-z0-9._-]+", "-", tasks[0].shown).strip("-")[:24]
    name = "%s.%s" % (shown or "orchestra", digest)
    return Batch(name, os.path.dirname(tasks[0].folder), names)


def batches_in(folders: Iterable[str], limit_s: float) -> Dict[str, Tuple[Batch, int]]:
    """Where each task is that was ever handed over from these folders: its last batch, its place.

    Waits, for so long, until no sbatch is under way that a process which died has left.
    """
    deadline = time.monotonic() + limit_s
    found: Dict[str, Tuple[Batch, int]] = {}
    for folder in sorted(set(folders)):
        paths = []
        with suppress(OSError), os.scandir(os.path.join(folder, _FOLDER)) as entries:
            paths = [(each.stat().st_mtime, each.path) for each in entries if _is_list(each.name)]
        for _, path in sorted(paths):
            with suppress(OSError):
                batch = _read(folder, path, deadline)
                found.update({task: (batch, index) for index, task in enumerate(batch.tasks)})
    return found


def log_of(folder: str, job: str) -> str:
    """The end of what a job wrote besides what its task did; empty where there is nothing."""
    with suppress(OSError), open(_log_path(folder, job), "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        stream.seek(max(0, size - _LOG_BYTES))
        return stream.read().decode("utf-8", "replace")
    return ""


def tidy(folder: str, job: str) -> None:
    """Remove the log of a job that is over, if nothing is in it."""
    path = _log_path(folder, job)
    with suppress(OSError):
        if os.stat(path).st_size == 0:
            os.unlink(path)


def _log_path(folder: str, job: str) -> str:
    return os.path.join(folder, _FOLDER, "job-%s.log" % job)


def _is_list(name: str) -> bool:
    return name.endswith(_LIST)


def _read(folder: str, path: str, deadline: float) -> Batch:
    with open(path, encoding="utf-8") as stream:
        while not _is_free(stream.fileno()) and time.monotonic() < deadline:
            time.sleep(0.05)
        tasks = tuple(stream.read().split())
    return Batch(os.path.basename(path)[: -len(_LIST)], folder, tasks)


def _is_free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
