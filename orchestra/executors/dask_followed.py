"""What the folder of a task and Dask's word on it make of it. Asks no scheduler."""

from __future__ import annotations

import os
from typing import Callable, Mapping, Optional

from orchestra.executors.dask_demand import in_words
from orchestra.executors.dask_link import Result
from orchestra.executors.dask_survey import Survey, Word
from orchestra.executors.errands import Claim, forestall, read_claim, read_end
from orchestra.executors.places import Fate, Gone, News, Queued, Running, Task
from orchestra.executors.wrapper import REFUSED_SECOND

GRACE_S = 30.0
"""How long a host that nobody can look at is waited for, before what ran there counts as lost."""

_RECORD_S = 5.0  # how long an end record may take to be seen from here

_WAITING = {
    "queued": "no worker has room",
    "processing": "waits for room on its worker",
}


class Followed:
    """A task under way; `owed` is the signal that is to be sent when it says where it runs, and
    when somebody there says by which processes.
    """

    def __init__(self, task: Task, asked: Mapping[str, float]) -> None:
        self.task = task
        self.asked = asked
        self.result: Optional[Result] = None
        self.is_killed = False
        self.is_barred = False
        self.owed = ""
        self.told: Optional[News] = None
        self._unseen_since: Optional[float] = None
        self._dead_since: Optional[float] = None

    def claim(self) -> Optional[Claim]:
        """Who has started it; None as well while that is not written yet."""
        return read_claim(self.task.folder)

    def stop_before_start(self) -> bool:
        """Make sure that it is never started; False if it has been."""
        self.is_barred = self.is_barred or forestall(self.task.folder)
        return self.is_barred

    def placed(self, state: str) -> News:
        """What it is while its scheduler says that it waits or runs."""
        if isinstance(self.told, Running):
            return self.told
        owner = self.claim() if state == "processing" else None
        if owner is not None:
            return self.running(owner)
        reason = _WAITING.get(state, "")
        if state == "no-worker":
            asked = in_words(self.asked)
            reason = "no worker has %s" % asked if asked else "there are no workers"
        return Queued(self.task.name, self.task.name, reason)

    def running(self, owner: Claim) -> News:
        """That it runs where it was started."""
        return Running(self.task.name, self.task.name, owner.node)

    def unasked(self, survey: Survey, now: float) -> Optional[News]:
        """What is certain of it while its scheduler does not answer."""
        if self.is_barred:
            return self._unstarted(cancelled=False)
        owner = self.claim()
        if owner is None or survey.word(owner) is not Word.DEAD:
            return None
        return self.outcome(survey, now, cancelled=False)

    def outcome(self, survey: Survey, now: float, cancelled: bool) -> Optional[News]:
        """What it is when Dask does not run it any more; None while that cannot be told."""
        name, owner = self.task.name, self.claim()
        if read_end(self.task.folder) is not None:
            return Gone(name, Fate.ENDED)
        if owner is None:
            is_claimed = os.path.isdir(os.path.join(self.task.folder, "claim"))
            if self.is_barred or not is_claimed:
                return self._unstarted(cancelled)
            patience_s = _RECORD_S if self.is_killed else GRACE_S
            return self._unseen(now, "it was started, and does not say where", patience_s)
        word = survey.word(owner)
        if word is Word.UNSEEN:
            lost = self._unseen(now, "there is no worker on %s any more" % owner.node, GRACE_S)
            return lost or self.running(owner)
        if word is Word.UNTOLD:
            return None
        self._unseen_since = None
        if word is Word.ALIVE:
            self._dead_since = None
            return self.running(owner)
        return self._dead(owner, survey, now)

    def _unstarted(self, cancelled: bool) -> News:
        """It was never started, nor will it be."""
        name, result = self.task.name, self.result
        if self.is_killed:
            return Gone(name, Fate.CANCELLED, "cancelled before it was started")
        if result is None:
            if cancelled and self.stop_before_start():
                return Gone(name, Fate.CANCELLED, "cancelled in Dask")
            return Gone(name, Fate.UNKNOWN, "Dask does not know it, and it was never started")
        if result.workers_died:
            return Gone(name, Fate.NODE_FAILED, result.text)
        said = result.text or "its start exited with code %s" % result.code
        return Gone(name, Fate.NOT_LAUNCHED, said)

    def _unseen(self, now: float, why: str, patience_s: float) -> Optional[News]:
        if self._unseen_since is None:
            self._unseen_since = now
        if now - self._unseen_since < patience_s:
            return None
        fate = Fate.CANCELLED if self.is_killed else Fate.NODE_FAILED
        return Gone(self.task.name, fate, why)

    def _dead(self, owner: Claim, survey: Survey, now: float) -> Optional[News]:
        """What started it has gone without an end record; so must what it left."""
        name, result = self.task.name, self.result
        if self._dead_since is None:
            self._dead_since = now
        if not self.is_killed and now - self._dead_since < _RECORD_S:
            return None
        if survey.send([owner], "SIGKILL"):
            return None
        if self.is_killed:
            return Gone(name, Fate.CANCELLED, "killed")
        if result is not None and result.code not in (None, REFUSED_SECOND):
            end = "exited with code %s" % result.code
            if result.code is not None and result.code < 0:
                end = "was ended by signal %d" % -result.code
            said = "what started it on %s %s and left no end record" % (owner.node, end)
        else:
            said = "its worker on %s died, and it has gone with it" % owner.node
        return Gone(name, Fate.NODE_FAILED, said)

    def news(self, found: Optional[News]) -> Optional[News]:
        """The news if it is any."""
        if found is None or found == self.told:
            return None
        self.told = found
        return found


Clock = Callable[[], float]
"""Seconds that only grow."""
