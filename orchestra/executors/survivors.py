"""Processes of a run that its orchestrator left behind when it died. Linux only; elsewhere none.

A process belongs to the attempt that its environment names, or that of a process above it. Such a
process is not ours to wait for: it is held by a descriptor before anything is done to it, and
looked at once more then.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Container, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from orchestra.executors.pidfd import hold
from orchestra.executors.proc import Proc
from orchestra.executors.sentry import keepers
from orchestra.model.errand import ELSEWHERE
from orchestra.model.run import AttemptKey

_DEATH_S = 5.0
_GRACE_S = 10.0
_NAP_S = 0.02
_EARLIER_S = 1.0
_LATER_S = 0.05

_RUN, _STEP, _ATTEMPT = b"ORCHESTRA_RUN_ID", b"ORCHESTRA_STEP", b"ORCHESTRA_ATTEMPT"


def end_survivors(folder: str, run_id: str) -> None:
    """End all that goes on of a run whose orchestrator died, in order; `folder` is the run's.

    What a keeper sees to is ended by that, which writes down that it was asked to.
    """
    deadline = time.monotonic() + _GRACE_S
    survivors = Survivors(run_id)
    for pid in keepers(folder):
        survivors.signal([pid], signal.SIGTERM)
    if not keepers(folder):
        for named in survivors.by_attempt().values():
            survivors.signal(survivors.tree_of(named), signal.SIGTERM)
    while survivors.by_attempt() and time.monotonic() < deadline:
        time.sleep(_NAP_S)
    survivors.end_all_but(())


class Found(NamedTuple):
    """A process, and when it began, in seconds since the machine was started."""

    pid: int
    began_s: float


class Survivors:
    """Those of one run."""

    def __init__(self, run_id: str, proc: Optional[Proc] = None) -> None:
        self._run_id = os.fsencode(run_id)
        self._proc = proc or Proc()

    def by_attempt(self) -> Dict[AttemptKey, List[Found]]:
        """The living ones by the attempts that they name, the oldest first."""
        found: Dict[AttemptKey, List[Found]] = {}
        spared = self._own_line()
        for pid in self._proc.pids():
            key = None if pid in spared else self.attempt_of(pid)
            began_s = None if key is None else self._proc.began_s(pid)
            if key is not None and began_s is not None and not self._proc.is_dead(pid):
                found.setdefault(key, []).append(Found(pid, began_s))
        for each in found.values():
            each.sort(key=lambda process: (process.began_s, process.pid))
        return found

    def attempt_of(self, pid: int) -> Optional[AttemptKey]:
        """The attempt of this run that a process names, if it names one."""
        return self.attempt_in(self._proc.environ(pid))

    def attempt_in(self, environ: bytes) -> Optional[AttemptKey]:
        """The attempt of this run that an environment names, if it names one."""
        marks = _marks(environ)
        if self.is_elsewhere(environ):
            return None
        if marks.get(_RUN) != self._run_id or not marks.get(_ATTEMPT, b"").isdigit():
            return None
        return AttemptKey(os.fsdecode(marks.get(_STEP, b"")), int(marks[_ATTEMPT]))

    def is_elsewhere(self, environ: bytes) -> bool:
        """Whether an engine of the run has such a process, which may well be on this machine."""
        return _marks(environ).get(ELSEWHERE) == self._run_id

    def main_of(
        self, key: AttemptKey, pid: Optional[int], began_s: float, named: Sequence[Found]
    ) -> Optional[int]:
        """The process that was started for an attempt, if it lives.

        `pid` is its number and `began_s` when it began, where that is known; `named` are those that
        name the attempt. A number alone says nothing: it may have become another's.
        """
        if pid is None:
            leaders = [each.pid for each in named if self._leads(each.pid)]
            return leaders[0] if leaders else None
        really_s = self._proc.began_s(pid)
        if really_s is None or self._proc.is_dead(pid):
            return None
        if not -_EARLIER_S <= really_s - began_s <= _LATER_S:
            return None
        marks = _marks(self._proc.environ(pid))
        is_named = self.attempt_of(pid) == key
        # a program may write over its own environment; then it must lead its session still
        return pid if is_named or (_RUN not in marks and self._leads(pid)) else None

    def tree_of(self, named: Sequence[Found], root: Optional[int] = None) -> List[int]:
        """All living processes of an attempt: those that name it, and what is below or `root`."""
        waiting = [each.pid for each in named]
        if root is not None and not self._proc.is_dead(root):
            waiting.append(root)
        found = dict.fromkeys(waiting)
        for pid in waiting:
            fresh = [child for child in self._proc.children(pid) if child not in found]
            found.update(dict.fromkeys(fresh))
            waiting.extend(fresh)
        return [pid for pid in found if not self._proc.is_dead(pid)]

    def signal(self, pids: List[int], number: int) -> None:
        """Send a signal to processes that were found just now."""
        for pid in pids:
            began_s = self._proc.began_s(pid)
            held = hold(pid)
            if held is None:
                continue
            try:
                if self._proc.began_s(pid) == began_s:
                    held.send(number)
            finally:
                held.close()

    def end_all_but(self, kept: Container[AttemptKey]) -> List[int]:
        """Kill the processes of all other attempts of the run; those that could not be killed."""
        deadline = time.monotonic() + _DEATH_S
        while True:
            found = self.by_attempt().items()
            left = [pid for key, named in found if key not in kept for pid in self.tree_of(named)]
            if not left or time.monotonic() > deadline:
                return left
            self.signal(left, signal.SIGKILL)
            time.sleep(_NAP_S)

    def _leads(self, pid: int) -> bool:
        """Whether a process leads its session, as those do that orchestra starts."""
        try:
            return os.getsid(pid) == pid
        except OSError:
            return False

    def _own_line(self) -> Tuple[int, ...]:
        """This process and those above it, none of which must be killed from here."""
        line = [os.getpid()]
        while line[-1] > 1 and len(line) < 64:
            line.append(self._proc.parent(line[-1]))
        return tuple(line)


def _marks(environ: bytes) -> Mapping[bytes, bytes]:
    items = environ.split(b"\0")
    pairs = (item.partition(b"=") for item in items if item.startswith(b"ORCHESTRA_"))
    return {name: value for name, _, value in pairs}
