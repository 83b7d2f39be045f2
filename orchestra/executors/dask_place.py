"""Tasks of Dask: handed over, asked after, found again, stopped. Decides nothing about attempts.

Learned from kills: a worker that dies leaves the processes of its task behind, and its scheduler
runs the task again elsewhere, where its start is refused; a future that is cancelled leaves them
behind as well. So what runs is known by the claim in the task's folder, not by Dask's word.
"""

from __future__ import annotations

import os
import time
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from orchestra.executors.dask_demand import refusals, resources
from orchestra.executors.dask_followed import Clock, Followed
from orchestra.executors.dask_link import Job, Link, LinkDown, hush
from orchestra.executors.dask_survey import Survey
from orchestra.executors.errands import Claim
from orchestra.executors.places import Gone, News, Queued, Silent, Task
from orchestra.model.errand import Errand
from orchestra.model.expression import Value

_CONNECT_S = 10.0
_AGAIN_S = 3.0
_TAKEN_S = 10.0
_LOOK_S = 0.01
_PERIOD_S = 0.1
_SILENT_PERIOD_S = 2.0
_ADDRESS = "DASK_SCHEDULER_ADDRESS"
_OVER = ("memory", "erred")
_PLACED = ("released", "waiting", "no-worker", "queued", "processing")


class DaskPlace:
    """All the tasks of a run that Dask runs, on as many schedulers as its steps name.

    `here` is the name of this machine, on which nobody else need look for processes; `patience_s`
    is for a scheduler to answer at first, and for its first worker to come.
    """

    def __init__(
        self,
        settings: Mapping[str, Value],
        environ: Mapping[str, str],
        clock: Clock = time.monotonic,
        here: str = "",
        patience_s: float = _CONNECT_S,
    ) -> None:
        hush()
        self._address = settings.get("scheduler") or environ.get(_ADDRESS)
        self._clock = clock
        self._here = here or os.uname().nodename
        self._patience_s = patience_s
        self._scheduler_by_address: Dict[Optional[str], _Scheduler] = {}

    def check(self, errands: Sequence[Errand]) -> List[str]:
        """What no scheduler or no worker of theirs can do."""
        by_address: Dict[Optional[str], List[Errand]] = {}
        for errand in errands:
            by_address.setdefault(self._address_of(errand), []).append(errand)
        return [
            text
            for address, group in by_address.items()
            for text in self._scheduler(address).check(group)
        ]

    def submit(self, tasks: Sequence[Task]) -> List[News]:
        """Hand tasks over, alike ones in one message to their scheduler."""
        return [news for scheduler, group in self._split(tasks) for news in scheduler.submit(group)]

    def find(self, tasks: Sequence[Task]) -> List[News]:
        """Look for tasks by their keys, and for the claims of those that no scheduler knows."""
        return [news for scheduler, group in self._split(tasks) for news in scheduler.find(group)]

    def poll(self) -> List[News]:
        """One question to each scheduler."""
        return [
            news for scheduler in self._scheduler_by_address.values() for news in scheduler.poll()
        ]

    def stop(self, names: Sequence[str], signal: str) -> None:
        """Bar what has not been started; signal what has been, on its host."""
        for scheduler in self._scheduler_by_address.values():
            scheduler.stop(names, signal)

    def period_s(self) -> float:
        """Short: a look costs a scheduler one answer."""
        silent = any(one.is_silent for one in self._scheduler_by_address.values())
        return _SILENT_PERIOD_S if silent else _PERIOD_S

    def close(self) -> None:
        """Leave all schedulers; the run's own one ends, and the steps it started go on."""
        for scheduler in self._scheduler_by_address.values():
            scheduler.link.close()

    def _split(self, tasks: Sequence[Task]) -> List[Tuple[_Scheduler, List[Task]]]:
        by_address: Dict[Optional[str], List[Task]] = {}
        for task in tasks:
            by_address.setdefault(self._address_of(task.errand), []).append(task)
        return [(self._scheduler(address), group) for address, group in by_address.items()]

    def _address_of(self, errand: Errand) -> Optional[str]:
        address = errand.settings.get("scheduler") or self._address
        return None if address is None else str(address)

    def _scheduler(self, address: Optional[str]) -> _Scheduler:
        if address not in self._scheduler_by_address:
            self._scheduler_by_address[address] = _Scheduler(
                Link(address), self._clock, self._here, self._patience_s
            )
        return self._scheduler_by_address[address]


class _Scheduler:
    """One scheduler with the tasks that were handed to it."""

    def __init__(self, link: Link, clock: Clock, here: str, patience_s: float) -> None:
        self.link = link
        self._clock = clock
        self._patience_s = patience_s
        self._survey = Survey(link, clock, here)
        self._followed: Dict[str, Followed] = {}
        self.is_silent = False

    def check(self, errands: Sequence[Errand]) -> List[str]:
        """What is wrong with it, or with what is asked of it."""
        until = self._clock() + self._patience_s
        try:
            self.link.connect(self._patience_s)
            workers = self.link.workers()
            while not workers and self._clock() < until:  # those that are started with it
                time.sleep(_LOOK_S)
                workers = self.link.workers()
        except LinkDown as down:
            return ["%s; start one by `dask scheduler`, or name another one" % down]
        if not workers:
            return [
                "the Dask scheduler at %s has no workers; start some by `dask worker %s`"
                % (self.link.called, self.link.called)
            ]
        return ["Dask at %s: %s" % (self.link.called, text) for text in refusals(errands, workers)]

    def submit(self, tasks: Sequence[Task]) -> List[News]:
        """Told of as queued are those that the scheduler says it has."""
        try:
            self._connect(self._patience_s)
            workers = self.link.workers()
            fresh = [Followed(task, resources(task.errand, workers)) for task in tasks]
            self.link.submit([Job(one.task.name, one.task.folder, one.asked) for one in fresh])
            taken = self._taken([task.name for task in tasks])
        except LinkDown as down:
            return [self._silent(down)]
        news: List[News] = []
        for one in fresh:
            if one.task.name in taken:
                self._followed[one.task.name] = one
                one.told = Queued(one.task.name, one.task.name)
                news.append(one.told)
        if len(taken) < len(tasks):
            news.append(Silent("%s is slow to take tasks in" % self.link.called))
        return news

    def find(self, tasks: Sequence[Task]) -> List[News]:
        """Follow what is there; hold what the scheduler has."""
        names = [task.name for task in tasks]
        try:
            self.link.connect(self._patience_s)
            workers = self.link.workers()
            self._hold(names)
        except LinkDown as down:
            return [self._silent(down)]
        for task in tasks:
            self._followed[task.name] = Followed(task, resources(task.errand, workers))
        news = self._look(names)
        for one in [self._followed[name] for name in names if name in self._followed]:
            if one.told is None:  # it was started; what became of it, a later look will tell
                owner = one.claim()
                one.told = (
                    Queued(one.task.name, one.task.name) if owner is None else one.running(owner)
                )
                news.append(one.told)
        return news

    def poll(self) -> List[News]:
        """What has changed."""
        return self._look(list(self._followed)) if self._followed else []

    def stop(self, names: Sequence[str], signal: str) -> None:
        """Those that run get the signal, the others are told of as cancelled by the next look."""
        owners: Dict[Claim, Followed] = {}
        waiting: List[str] = []
        for one in [self._followed[name] for name in names if name in self._followed]:
            is_barred = one.stop_before_start()
            one.is_killed = one.is_killed or is_barred or signal == "SIGKILL"
            owner = one.claim()
            if owner is not None:
                owners[owner] = one
            elif one.is_killed:
                waiting.append(one.task.name)
            else:
                one.owed = signal
        self.link.forget(waiting)
        for owner in self._survey.send(list(owners), signal):
            owners[owner].owed = signal

    def _look(self, names: Sequence[str]) -> List[News]:
        """Ask once for all tasks; tell what is new of these."""
        news: List[News] = []
        try:
            self._connect(_AGAIN_S)
            states = self.link.states(names)
            over = [name for name in names if states[name] in _OVER]
            for name, result in self.link.results(over).items() if over else ():
                self._followed[name].result = result
            self.is_silent = False
        except LinkDown as down:
            states = {}
            news.append(self._silent(down))
        self._pay([self._followed[name] for name in names])
        for name in names:
            found = self._found(self._followed[name], states.get(name))
            told = self._followed[name].news(found)
            if told is not None:
                news.append(told)
        self._drop([one.name for one in news if isinstance(one, Gone)])
        return news

    def _pay(self, followed: Sequence[Followed]) -> None:
        """Send the signals that came while tasks were being started, or could not be sent."""
        owing = {owner: one for one in followed if one.owed and (owner := one.claim()) is not None}
        for signal in {one.owed for one in owing.values()}:
            claims = [owner for owner, one in owing.items() if one.owed == signal]
            unsent = self._survey.send(claims, signal)
            for owner in claims:
                owing[owner].owed = signal if owner in unsent else ""

    def _found(self, one: Followed, state: Optional[str]) -> Optional[News]:
        now = self._clock()
        if self.is_silent:
            return one.unasked(self._survey, now)
        if one.is_barred:
            return one.outcome(self._survey, now, cancelled=True)
        if state in _PLACED:
            one.result = None  # Dask runs it again: a worker has died
            return one.placed(str(state))
        if state in _OVER and one.result is None:
            return None
        return one.outcome(self._survey, now, self.link.is_cancelled(one.task.name))

    def _drop(self, names: Sequence[str]) -> None:
        for name in names:
            del self._followed[name]
        self.link.forget(names)

    def _connect(self, within_s: float) -> None:
        """Reach it, and hold what it has of ours when that had been lost."""
        if self.link.connect(within_s) and self._followed:
            self._hold(list(self._followed))

    def _hold(self, names: Sequence[str]) -> None:
        states = self.link.states(names)
        self.link.keep([name for name, state in states.items() if state is not None])

    def _taken(self, names: Sequence[str]) -> List[str]:
        """Those that the scheduler has, which it goes on with even without this process.

        Raises:
            LinkDown: it does not answer.
        """
        until = self._clock() + _TAKEN_S
        states = self.link.states(names)
        while None in states.values() and self._clock() < until:
            time.sleep(_LOOK_S)
            states = self.link.states(names)
        taken = [name for name, state in states.items() if state is not None]
        self.link.keep(taken)
        return taken

    def _silent(self, down: LinkDown) -> Silent:
        self.is_silent = True
        return Silent(str(down))
