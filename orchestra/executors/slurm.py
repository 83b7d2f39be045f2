"""Steps on Slurm, by its programs: alike ones together as an array, one question about all."""

from __future__ import annotations

import os
import time
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from orchestra.executors.places import Fate, Gone, News, Objection, Place, Silent, Task
from orchestra.executors.slurm_accounts import rows_kept_of
from orchestra.executors.slurm_batches import Batch, batch_of, batches_in, log_of, tidy
from orchestra.executors.slurm_check import problems_of
from orchestra.executors.slurm_client import SlurmClient, SlurmRefusal, SlurmSilence
from orchestra.executors.slurm_facts import SlurmFacts
from orchestra.executors.slurm_jobs import Job, Jobs, Sighting
from orchestra.executors.slurm_request import options_of
from orchestra.executors.slurm_rows import FORMAT, Row, end_of, rows_of
from orchestra.model.errand import Errand
from orchestra.model.expression import Value

_PERIOD_S = 0.3
_PERIOD_PER_JOB_S = 0.0015
_MOST_PERIOD_S = 5.0
_SILENT_PERIOD_S = 1.0
_MOST_SILENT_PERIOD_S = 15.0
_GROWTH = 1.2
_ANSWERS = 2  # so many in a row are believed when they do not tell of a job
_SUBMIT_S = 5.0  # then all else has its turn, stops above all
_SUBMISSION_S = 15.0  # an sbatch that a dead process has left takes no longer
_MOST_NAMES_BYTES = 100_000  # one argument has 131,071 at most


def open_place(settings: Mapping[str, Value], run_id: str) -> Place:
    """The cluster that Slurm's programs find by themselves."""
    return SlurmPlace(settings, SlurmClient(os.environ))


class SlurmPlace:
    """A place whose jobs are Slurm's."""

    def __init__(self, settings: Mapping[str, Value], client: SlurmClient) -> None:
        self._settings = settings
        self._client = client
        self._facts = SlurmFacts(client)
        self._jobs = Jobs()
        self._doubtful: Dict[str, Tuple[Batch, int]] = {}
        self._quiet = 0
        self._silent = 0
        self._owed: Dict[str, str] = {}
        self._answered_at = time.monotonic()

    def check(self, errands: Sequence[Errand]) -> Sequence[Objection]:
        """Programs that are missing, no controller, what no node can give."""
        return problems_of(self._client, self._facts, errands, self._settings)

    def submit(self, tasks: Sequence[Task]) -> List[News]:
        """Alike ones as arrays; one that may have been taken in is looked for first."""
        self._quiet = 0
        news: List[News] = []
        try:
            self._knock()
            rest = self._settle(tasks, news)
            until = time.monotonic() + _SUBMIT_S
            for options, some in self._alike(rest):
                self._hand_over(options, some, news)
                if time.monotonic() >= until:
                    break
        except SlurmSilence as silence:
            news.append(self._hushed(silence))
        return news

    def find(self, tasks: Sequence[Task]) -> List[News]:
        """By the lists of the batches, and the names that these have in Slurm."""
        folders = [os.path.dirname(task.folder) for task in tasks]
        place_by_name = batches_in(folders, _SUBMISSION_S)
        news: List[News] = []
        try:
            for task in self._looked_for(tasks, place_by_name, news):
                news.append(Gone(task.name, Fate.UNKNOWN, "Slurm does not know it"))
        except SlurmSilence as silence:
            return [self._hushed(silence)]
        return news

    def poll(self) -> List[News]:
        """What is new; nothing is asked while nothing is followed."""
        if not self._jobs:
            return []
        try:
            rows = self._rows(self._jobs.batch_names)
            memory_s = self._facts.memory_s
        except SlurmSilence as silence:
            return [self._hushed(silence)]
        now = time.monotonic()
        news = self._news_in(Sighting(rows), now - self._answered_at, memory_s)
        self._answered_at = now
        self._quiet = 0 if news else self._quiet + 1
        self._pay()
        return news

    def stop(self, names: Sequence[str], signal: str) -> None:
        """Those that have not begun are cancelled; the rest is, too, by SIGKILL.

        What has begun is known by its claim: the last answer may be older than that. A job that
        Slurm does not tell of is left alone: its number may be another's by now.
        """
        jobs = [job for job in self._jobs.named(names) if not job.unseen]
        ended = {job.id for job in jobs if job.bar() or signal == "SIGKILL"}
        if self._silent:
            try:
                sighting = Sighting(self._rows(self._jobs.batch_names))
            except SlurmSilence:
                self._owed.update((job.task.name, signal) for job in jobs)
                return
            jobs = [job for job in jobs if sighting.of(job) is not None]
        doomed = [job.id for job in jobs if job.id in ended]
        if doomed:
            self._client.cancel(doomed)
        told = [job.id for job in jobs if job.id not in ended]
        if told:
            self._client.signal(told, signal)
        self._quiet = 0

    def period_s(self) -> float:
        """Short for few jobs of which there is news; long for many, in quiet and in silence."""
        if self._silent:
            return _grown(_SILENT_PERIOD_S, self._silent - 1, _MOST_SILENT_PERIOD_S)
        period_s = _PERIOD_S + _PERIOD_PER_JOB_S * len(self._jobs)
        return _grown(period_s, self._quiet, _MOST_PERIOD_S)

    def close(self) -> None:
        """Nothing is held."""

    def _pay(self) -> None:
        """Send the signals that came while nobody answered."""
        owed, self._owed = self._owed, {}
        for signal in sorted(set(owed.values())):
            self.stop([name for name in owed if owed[name] == signal], signal)

    def _alike(self, tasks: Iterable[Task]) -> List[Tuple[Tuple[str, ...], List[Task]]]:
        """Tasks that ask for the same and lie in one folder, as many as an array may have."""
        groups: Dict[Tuple[str, ...], List[Task]] = {}
        for task in tasks:
            licenses = self._facts.licenses if task.errand.named else ()
            options = options_of(task.errand, self._settings, licenses)
            groups.setdefault((os.path.dirname(task.folder), *options), []).append(task)
        most = max(1, self._facts.most_in_array) if groups else 1
        return [
            (key[1:], group[begin : begin + most])
            for key, group in groups.items()
            for begin in range(0, len(group), most)
        ]

    def _hand_over(self, options: Sequence[str], tasks: Sequence[Task], news: List[News]) -> None:
        batch = batch_of(tasks)
        places = [(task, index) for index, task in enumerate(tasks)]
        try:
            batch.write()
            with batch.held() as held:
                words = ("sbatch", *options, *batch.options)
                array = self._client.ask(*words, stdin=batch.script, held=held)
        except SlurmSilence:
            self._doubtful.update({task.name: (batch, index) for task, index in places})
            raise
        except (OSError, SlurmRefusal) as refusal:
            reason = "refused by Slurm: %s" % refusal
            if isinstance(refusal, OSError):
                reason = "%s: %s" % (batch.list_path, refusal.strerror)
            news.extend(Gone(task.name, Fate.NOT_LAUNCHED, reason) for task in tasks)
            return
        number = array.strip().partition(";")[0]  # a cluster's name may follow
        for task, index in places:
            news.append(self._jobs.add(Job(task, batch, number, index, time.time())).queued)

    def _settle(self, tasks: Sequence[Task], news: List[News]) -> List[Task]:
        """Those of the tasks that Slurm does not have; the others are followed."""
        in_doubt = [task for task in tasks if task.name in self._doubtful]
        if not in_doubt:
            return list(tasks)
        absent = self._looked_for(in_doubt, self._doubtful, news)
        for task in in_doubt:
            del self._doubtful[task.name]
        found = {task.name for task in in_doubt} - {task.name for task in absent}
        return [task for task in tasks if task.name not in found]

    def _looked_for(
        self,
        tasks: Sequence[Task],
        place_by_name: Mapping[str, Tuple[Batch, int]],
        news: List[News],
    ) -> List[Task]:
        """Those of which there is no trace; the others are followed or over."""
        known = [(task, *place_by_name[task.name]) for task in tasks if task.name in place_by_name]
        names = sorted({batch.name for _, batch, _ in known})
        rows = self._rows(names) if names else []
        arrays = {batch.name: Sighting(rows).array_of(batch) for _, batch, _ in known}
        if None in arrays.values():
            rows = [*self._kept_rows(names), *rows]
            arrays = {batch.name: Sighting(rows).array_of(batch) for _, batch, _ in known}
        sighting = Sighting(rows)
        for task, batch, index in known:
            array = arrays[batch.name]
            if array is not None:
                job = self._jobs.add(Job(task, batch, array, index, time.time()))
                news.extend(self._traced(job, sighting.of(job)))
        absent = {task.name for task, batch, _ in known if arrays[batch.name] is None}
        return [task for task in tasks if task.name in absent or task.name not in place_by_name]

    def _traced(self, job: Job, row: Optional[Row]) -> List[News]:
        """What is told of a job whose batch was found."""
        if row is None:
            self._jobs.drop(job)
            return [Gone(job.task.name, Fate.UNKNOWN, "Slurm no longer knows it")]
        if row.is_over:
            return [self._gone(job, row)]
        return [*job.told_by(row)] or [job.queued]

    def _news_in(self, sighting: Sighting, since_s: float, memory_s: float) -> List[News]:
        """What an answer says that came so long after the last, of a controller that remembers."""
        news: List[News] = []
        missing: List[Job] = []
        hopeless: List[Job] = []
        at = time.time()
        for job in self._jobs:
            row = sighting.of(job)
            if row is not None:
                job.seen_at = at
            if row is None:
                job.untold_by(since_s)
                if job.unseen >= _ANSWERS:
                    missing.append(job)
            elif row.is_over:
                news.append(self._gone(job, row))
            else:
                news.extend(job.told_by(row))
                if job.hopeless >= _ANSWERS:
                    hopeless.append(job)
                    reason = "Slurm would never start it: %s" % row.reason
                    news.append(self._dropped(job, Fate.NOT_LAUNCHED, reason))
        if hopeless:
            self._client.cancel([job.id for job in hopeless])
        if missing:
            news.extend(self._missed(missing, memory_s))
        return news

    def _missed(self, jobs: Sequence[Job], memory_s: float) -> List[News]:
        """What is told of jobs that the controller no longer has."""
        kept = Sighting(self._kept_rows(sorted({job.batch.name for job in jobs})))
        try:
            boot_at = self._facts.boot_at()
        except SlurmSilence:
            return []  # with the next answer
        news: List[News] = []
        for job in jobs:
            row = kept.of(job)
            if row is not None and row.is_over:
                news.append(self._gone(job, row))
            elif boot_at is not None and job.seen_at < boot_at:
                reason = "Slurm was restarted, and no longer knows it"
                news.append(self._dropped(job, Fate.UNKNOWN, reason))
            elif not job.node and job.gap_s < memory_s:
                # of an element that is cancelled while it waits, Slurm keeps nothing
                reason = "cancelled in Slurm while it waited"
                news.append(self._dropped(job, Fate.CANCELLED, reason))
            else:
                news.append(self._dropped(job, Fate.UNKNOWN, "Slurm no longer knows it"))
        return news

    def _gone(self, job: Job, row: Row) -> Gone:
        folder = job.batch.folder
        tidy(folder, job.id)
        if job.is_barred:
            return self._dropped(job, Fate.CANCELLED, "cancelled before it was started")
        end = end_of(row, "" if row.state == "COMPLETED" else log_of(folder, job.id))
        return self._dropped(job, end.fate, end.reason, end.max_rss_bytes)

    def _dropped(
        self, job: Job, fate: Fate, reason: str, max_rss_bytes: Optional[int] = None
    ) -> Gone:
        self._jobs.drop(job)
        return Gone(job.task.name, fate, reason, max_rss_bytes)

    def _rows(self, names: Sequence[str]) -> List[Row]:
        """What the controller says of the jobs of these names.

        Raises:
            SlurmSilence: it does not answer, or not to this.
        """
        self._knock()
        words = ["squeue", "-h", "-r", "-t", "all", "-u", str(os.getuid()), "-O", FORMAT]
        listed = ",".join(names)
        if len(listed) <= _MOST_NAMES_BYTES:
            words.append("--name=" + listed)
        try:
            rows = list(rows_of(self._client.ask(*words)))
        except SlurmRefusal as refusal:
            raise SlurmSilence(str(refusal)) from None
        self._silent = 0
        return rows

    def _kept_rows(self, names: Sequence[str]) -> List[Row]:
        """What the accounts say of them, if there are any and they answer."""
        try:
            if self._facts.is_accounting:
                return rows_kept_of(self._client, names)
        except SlurmSilence:
            pass
        return []

    def _knock(self) -> None:
        """Where nobody answered last: a question that fails at once, before one that takes 9 s.

        Raises:
            SlurmSilence: there is still nobody.
        """
        if self._silent and not self._client.is_up():
            raise SlurmSilence("its controller is not reached")

    def _hushed(self, silence: SlurmSilence) -> Silent:
        self._silent += 1
        return Silent(str(silence))


def _grown(period_s: float, times: int, most_s: float) -> float:
    return min(most_s, period_s * _GROWTH ** min(times, 50))
