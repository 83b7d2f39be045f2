"""The children of this process that it did not start: what steps left behind. Signals nothing."""

from __future__ import annotations

import contextlib
import os
from typing import (
    Collection,
    Dict,
    FrozenSet,
    List,
    Mapping,
    Optional,
    Protocol,
    Set,
    Tuple,
)

from orchestra.executors.proc import Proc
from orchestra.model.errand import ELSEWHERE
from orchestra.model.run import AttemptKey, Invocation

# The kernel hands the list of children out by pages. Source: seq_read_iter() in fs/seq_file.c
_PAGE_BYTES = 4096

_RUN_MARK = b"ORCHESTRA_RUN_ID"


class Children:
    """The pids of the children of this process, from the kernel's own list where there is one.

    `cheap` says that there is: 2 µs and 0.2 µs a child. Else all of /proc is looked through; where
    there is no /proc (macOS) no child is ever seen.
    """

    def __init__(self, proc: Proc) -> None:
        self._proc = proc
        self._list: Optional[int] = None
        with contextlib.suppress(OSError):
            path = "%s/self/task/%d/children" % (proc.folder, os.getpid())
            self._list = os.open(path, os.O_RDONLY)
        self.cheap = self._list is not None

    def count(self) -> int:
        """How many there are."""
        return self._read_list().count(b" ") if self.cheap else len(self._scan())

    def pids(self) -> List[int]:
        """All of them, the dead that are not reaped too."""
        return list(map(int, self._read_list().split())) if self.cheap else self._scan()

    def close(self) -> None:
        """Give the descriptor back."""
        if self._list is not None:
            os.close(self._list)

    def _read_list(self) -> bytes:
        assert self._list is not None
        text = block = os.pread(self._list, _PAGE_BYTES, 0)
        while len(block) > _PAGE_BYTES // 2:
            block = os.pread(self._list, _PAGE_BYTES, len(text))
            text += block
        return text

    def _scan(self) -> List[int]:
        own = os.getpid()
        return [pid for pid in self._proc.pids() if self._proc.parent(pid) == own]


class Present(Protocol):
    """An attempt that has not been reported as ended; `pid` is the one it had."""

    key: AttemptKey
    pid: int
    invocation: Invocation


class Orphans:
    """Who is among the children without having been started here, and whose it is.

    An orphan belongs to the attempt in whose session it is, else to the attempt that its
    environment names (ORCHESTRA_RUN_ID, ORCHESTRA_STEP, ORCHESTRA_ATTEMPT), else to any of the
    attempts that were there when it was first seen. As long as one of these runs it is left alone:
    a server that a step starts in the background serves that step. After that it is doomed.
    What was a child before the run, or is in the session of this process, is no step's, nor are
    the `servers`, which are there as long as they are named.

    One that an engine of the run has started on this machine is that engine's, and is left alone
    until `disown` says that there is none any more.
    """

    def __init__(
        self, run_id: str, children: Children, proc: Proc, servers: Collection[int] = ()
    ) -> None:
        self._run_id = os.fsencode(run_id)
        self._proc = proc
        self._children = children
        self._servers = servers
        self._strangers = set(children.pids())
        self._session = os.getsid(0)
        self._unsure: Set[int] = set()
        self._elsewhere: Set[int] = set()
        self._has_engines = True
        self.owners_by_pid: Dict[int, FrozenSet[AttemptKey]] = {}

    def look(self, unreaped: Collection[int], present: Collection[Present]) -> None:
        """Bring `owners_by_pid` up to date. `unreaped` are the pids that were started here."""
        nobody = not (self.owners_by_pid or self._strangers or self._elsewhere)
        if nobody and self._children.count() == len(unreaped) + len(self._servers):
            return
        pids = self._children.pids()
        self._strangers.intersection_update(pids)
        self._elsewhere.intersection_update(pids)
        spared = self._strangers | self._elsewhere
        orphans = set(pids).difference(spared, unreaped, self._servers)
        for pid in self.owners_by_pid.keys() - orphans:
            del self.owners_by_pid[pid]
        self._unsure &= orphans
        for pid in orphans:
            if pid not in self.owners_by_pid or pid in self._unsure:
                self._adopt(pid, present)

    def _adopt(self, pid: int, present: Collection[Present]) -> None:
        try:
            session = os.getsid(pid)
        except ProcessLookupError:
            return
        if session == self._session:
            return
        owners = frozenset(each.key for each in present if each.pid == session)
        environ = b"" if owners else self._proc.environ(pid) or self._proc.environ(session)
        if self._has_engines and ELSEWHERE + b"=" + self._run_id in environ.split(b"\0"):
            self._elsewhere.add(pid)
            self._unsure.discard(pid)
            self.owners_by_pid.pop(pid, None)
        elif owners or environ:
            self._unsure.discard(pid)
            self.owners_by_pid[pid] = owners or self._named(environ, present)
        elif pid not in self.owners_by_pid:
            # Empty also while it goes through exec or exit: it is looked at again.
            self._unsure.add(pid)
            self.owners_by_pid[pid] = frozenset(each.key for each in present)

    def disown(self) -> None:
        """From now on what engines of the run have started is like all that steps left behind."""
        self._has_engines = False
        self._elsewhere.clear()

    def forget(self, pid: int) -> None:
        """A child has been reaped: its number may become another's."""
        self.owners_by_pid.pop(pid, None)
        self._elsewhere.discard(pid)

    def left_by(self, key: AttemptKey) -> List[int]:
        """The pids that belong to the attempt and to no other."""
        only = frozenset((key,))
        return [pid for pid, owners in self.owners_by_pid.items() if owners == only]

    def sole_owners(self) -> Set[AttemptKey]:
        """The attempts that have one of which nobody else can be the owner."""
        return {key for owners in self.owners_by_pid.values() if len(owners) == 1 for key in owners}

    def doomed(self, serving: Collection[AttemptKey]) -> List[int]:
        """The pids that belong to none of the attempts named."""
        return [pid for pid, owners in self.owners_by_pid.items() if owners.isdisjoint(serving)]

    def _named(self, environ: bytes, present: Collection[Present]) -> FrozenSet[AttemptKey]:
        """Whom the marks name, nobody if that has gone; without marks all that are there."""
        value_by_name = _values(environ)
        if value_by_name.get(_RUN_MARK) != self._run_id:
            return frozenset(each.key for each in present)
        marks = _attempt_marks(value_by_name)
        return frozenset(
            each.key for each in present if _attempt_marks(each.invocation.env) == marks
        )


def _values(environ: bytes) -> Dict[bytes, bytes]:
    return dict(item.partition(b"=")[::2] for item in environ.split(b"\0"))


def _attempt_marks(env: Mapping[bytes, bytes]) -> Tuple[Optional[bytes], Optional[bytes]]:
    return env.get(b"ORCHESTRA_STEP"), env.get(b"ORCHESTRA_ATTEMPT")
