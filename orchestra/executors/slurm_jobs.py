"""The jobs that are followed, and which row of squeue's answer tells of which. Asks nobody."""

from __future__ import annotations

from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, Union

from orchestra.executors.errands import forestall
from orchestra.executors.places import Queued, Running, Task
from orchestra.executors.slurm_batches import Batch
from orchestra.executors.slurm_rows import Row

# A job's reason goes to and fro between these as others come and go.
_ALIKE = {"Priority": "Resources"}


class Job:
    """A task that Slurm has: as an element of an array, or as a job of its own.

    `seen_at` is when an answer told of it last, UTC seconds;
    `unseen` and `hopeless` count the answers in a row which did not tell of it, and which said that
    it waits for what will not come; `gap_s` is the time between the last which did and the first
    which did not. One that `is_barred` never begins, whatever Slurm does with it.
    """

    def __init__(self, task: Task, batch: Batch, array: str, index: int, seen_at: float) -> None:
        self.task = task
        self.batch = batch
        self.array = array
        self.index: Optional[int] = index if len(batch.tasks) > 1 else None
        self.id = batch.job_of(array, index)
        self.node = ""
        self.seen_at = seen_at
        self.unseen = 0
        self.gap_s = 0.0
        self.hopeless = 0
        self.is_barred = False
        self._reason = ""

    def untold_by(self, answer_after_s: float) -> None:
        """Count an answer that did not tell of it, so long after the one before."""
        self.unseen += 1
        if self.unseen == 1:
            self.gap_s = answer_after_s

    def bar(self) -> bool:
        """Make sure that it never begins; False if it has."""
        self.is_barred = self.is_barred or forestall(self.task.folder)
        return self.is_barred

    @property
    def queued(self) -> Queued:
        """That it waits, as when it has just been taken in."""
        return Queued(self.task.name, self.id)

    def told_by(self, row: Row) -> List[Union[Queued, Running]]:
        """What is new of it; its row says that it is not over."""
        self.unseen = 0
        self.hopeless = self.hopeless + 1 if row.never_runs else 0
        if row.is_waiting:
            reason = _ALIKE.get(row.reason, row.reason)
            is_new = bool(self.node) or reason != self._reason
            self.node, self._reason = "", reason
            return [Queued(self.task.name, self.id, row.reason)] if is_new else []
        is_new = row.node != self.node
        self.node = row.node
        return [Running(self.task.name, self.id, row.node)] if is_new else []


class Jobs:
    """All jobs that are followed, by the names of their tasks."""

    def __init__(self) -> None:
        self._job_by_name: Dict[str, Job] = {}

    def __len__(self) -> int:
        return len(self._job_by_name)

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._job_by_name.values()))

    def add(self, job: Job) -> Job:
        """Follow a job from now on."""
        self._job_by_name[job.task.name] = job
        return job

    def drop(self, job: Job) -> None:
        """Follow it no longer."""
        self._job_by_name.pop(job.task.name, None)

    def named(self, names: Iterable[str]) -> List[Job]:
        """Those of these tasks which are followed."""
        found = (self._job_by_name.get(name) for name in names)
        return [job for job in found if job is not None]

    @property
    def batch_names(self) -> Sequence[str]:
        """The names that they have in Slurm."""
        return sorted({job.batch.name for job in self._job_by_name.values()})


class Sighting:
    """Rows, looked up by job."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._row_by_place: Dict[Tuple[str, str, Optional[int]], Row] = {
            (row.name, row.job, row.element): row for row in rows
        }

    def of(self, job: Job) -> Optional[Row]:
        """The row that tells of a job; None if there is none.

        The elements of an array that waited when all of it was cancelled share one.
        """
        row = self._row_by_place.get((job.batch.name, job.array, job.index))
        if row is None and job.index is not None:
            shared = self._row_by_place.get((job.batch.name, job.array, None))
            row = shared if shared is not None and shared.is_over else None
        return row

    def array_of(self, batch: Batch) -> Optional[str]:
        """The number under which Slurm has a batch that it has not refused; None if it has not."""
        arrays = {
            row.job
            for (name, _, _), row in self._row_by_place.items()
            if name == batch.name and not row.was_refused
        }
        return min(arrays, key=lambda array: (len(array), array)) if arrays else None
