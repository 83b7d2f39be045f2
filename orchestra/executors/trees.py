"""All processes of each attempt, and how signals reach them. Never reaps, never waits."""

from __future__ import annotations

import contextlib
import signal
from typing import Collection, Iterable, List, Mapping, Optional, Sequence, Set

from orchestra.executors.orphans import Children, Orphans
from orchestra.executors.proc import Proc
from orchestra.executors.process import groups_of, kill_group
from orchestra.executors.started import Started
from orchestra.executors.strays import Strays
from orchestra.executors.subreaper import Subreaper
from orchestra.model.run import AttemptKey

_MOST_PIDS = 10_000


class Trees:
    """What descends from the processes that were started here.

    `unreaped` are the attempts whose process has not been reaped, by its pid: such a pid, and that
    of an orphan, is held and cannot be another's. `sees_orphans` says that a look costs little;
    else one should look now and then. The `servers` are no attempts', while they are named.
    """

    def __init__(self, run_id: str, proc: Proc, servers: Collection[int] = ()) -> None:
        self._proc = proc
        self._strays = Strays(proc)
        with contextlib.ExitStack() as opened:
            children = Children(proc)
            opened.callback(children.close)
            self._orphans = Orphans(run_id, children, proc, servers)
            opened.callback(Subreaper().close)
            self._opened = opened.pop_all()
        self.sees_orphans = children.cheap

    def have_orphans(self) -> bool:
        """Whether there is an orphan, as far as has been looked."""
        return bool(self._orphans.owners_by_pid)

    def look(self, unreaped: Mapping[int, Started], present: Collection[Started]) -> None:
        """Find the orphans that there are now, and whose they are."""
        self._orphans.look(unreaped, present)

    def look_last(self, unreaped: Mapping[int, Started], present: Collection[Started]) -> None:
        """Find all orphans that there are, those of the run's engines too, which are gone."""
        self._orphans.disown()
        self.look(unreaped, present)

    def forget(self, pid: int) -> None:
        """An orphan has been reaped."""
        self._orphans.forget(pid)

    def signal(
        self, started: Started, numbers: Sequence[int], unreaped: Mapping[int, Started]
    ) -> None:
        """Signal what is below an attempt and its orphans, then their groups."""
        roots = self._orphans.left_by(started.key)
        groups = groups_of(roots).difference(unreaped)
        if started.end is None:
            roots.append(started.pid)
            groups.add(started.pid)
        for root in roots:
            self._strays.signal(root, numbers, groups)
        for number in numbers:
            for group in groups:
                kill_group(group, number)

    def pids(self, started: Started) -> List[int]:
        """All processes of an attempt that can be found, those that have ended too."""
        found = dict.fromkeys(self._orphans.left_by(started.key))
        if started.end is None:
            found[started.pid] = None
        waiting = list(found)
        while waiting and len(found) < _MOST_PIDS:
            for child in self._proc.children(waiting.pop()):
                if child not in found:
                    found[child] = None
                    waiting.append(child)
        return list(found)

    def are_busy(self, started: Started) -> bool:
        """Whether a process of an attempt has something to do but wait."""
        return any(self._proc.is_busy(pid) for pid in self.pids(started))

    def kill_doomed(
        self, serving: Iterable[AttemptKey], unreaped: Mapping[int, Started]
    ) -> Set[AttemptKey]:
        """Kill the orphans that serve none of these; the attempts that have orphans to wait for."""
        doomed = self._orphans.doomed(frozenset(serving))
        for group in groups_of(doomed).difference(unreaped):
            kill_group(group, signal.SIGKILL)
        awaited = self._orphans.sole_owners()
        return awaited.union(*(self._orphans.owners_by_pid[pid] for pid in doomed))

    def survivors(self, key: Optional[AttemptKey] = None) -> List[int]:
        """The orphans that are left, of one attempt or of all."""
        owners_by_pid = self._orphans.owners_by_pid.items()
        return sorted(pid for pid, owners in owners_by_pid if key is None or key in owners)

    def close(self) -> None:
        """Give everything back."""
        self._opened.close()
