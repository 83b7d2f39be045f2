"""Attempts that another orchestrator started, followed to their ends. They are no children of ours.

How one ended is told by whoever took its end (see `ends`), else by the kernel where it does; else
it is lost. Its output goes on into its log, which is seen to here unless a keeper that lives does.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from signal import SIGCONT, SIGKILL
from typing import Callable, Dict, List, Optional, Sequence

from orchestra.engine.ports import Ended, ExecutorStimulus, Handle, Lost, Reattached
from orchestra.executors.ends import RecordedEnd, read_ends
from orchestra.executors.outlets import claim, open_outlet
from orchestra.executors.output import Output
from orchestra.executors.pidfd import Held, hold
from orchestra.executors.poller import Poller
from orchestra.executors.proc import Proc, since_boot_s
from orchestra.executors.process import signal_name
from orchestra.executors.sentry import keepers
from orchestra.executors.survivors import Found, Survivors
from orchestra.model.masking import Masker
from orchestra.model.run import AttemptKey

LOOK_S = 0.05
"""How often it is looked whether what is left of an attempt has died, and how it ended."""

PATIENCE_S = 2.0
"""How long it may take until it can be told how a process ended."""

DEATH_S = 5.0
"""How long what is left of an attempt may take to die."""

OUTLET_S = 1.0
"""How often it is looked whether another still moves their output to the logs."""


class Adopted:
    """An attempt that was taken over; `held` is None once its process has ended.

    `outlet` is where its output can be read, until it is: by the `output` then.
    """

    def __init__(self, handle: Handle, pid: Optional[int], held: Optional[Held]) -> None:
        self.key = handle.key
        self.handle = handle
        self.pid = pid
        self.held = held
        self.outlet: Optional[int] = None
        self.output: Optional[Output] = None
        self.killed = False
        self.ended_at = 0.0
        self.status: Optional[int] = None

    @property
    def is_closing(self) -> bool:
        """Whether it has ended, or is to: what is left of it is looked for."""
        return self.held is None or self.killed

    @property
    def root(self) -> Optional[int]:
        """Its process, None if it had gone before."""
        return None if self.held is None else self.pid


class Adoption:
    """Follows them. `on_fault` is told what goes wrong, `on_output` what they write.

    `on_taken` is told of each that still runs when it is taken over.
    """

    def __init__(
        self,
        run_id: str,
        folder: str,
        proc: Proc,
        poller: Poller,
        on_fault: Callable[[str], None],
        on_output: Callable[[AttemptKey, bytes], None],
        masker: Optional[Masker],
        on_taken: Optional[Callable[[Handle], None]] = None,
    ) -> None:
        self._on_taken = on_taken or (lambda handle: None)
        self._folder = folder
        self._proc = proc
        self._poller = poller
        self._on_fault = on_fault
        self._on_output = on_output
        self._masker = masker
        self._survivors = Survivors(run_id, proc)
        self._adopted_by_key: Dict[AttemptKey, Adopted] = {}
        self._adopted_by_fd: Dict[int, Adopted] = {}
        self._stimuli: List[ExecutorStimulus] = []
        self._look_at = 0.0
        self._outlets_at = 0.0

    def __len__(self) -> int:
        return len(self._adopted_by_key)

    def take(self, handles: Sequence[Handle]) -> None:
        """Take attempts over; what became of each comes through `collect`."""
        named_by_key = self._survivors.by_attempt()
        for handle in handles:
            named = named_by_key.get(handle.key, [])
            pid = self._survivors.main_of(handle.key, handle.pid, handle.began_s, named)
            held = None if pid is None else hold(pid)
            if held is not None and pid is not None and self._proc.is_dead(pid):
                held.close()
                held = None
            self._follow(handle, pid, held)
            if held is None or pid is None:
                continue
            began_s = self._proc.began_s(pid)
            elapsed_s = 0.0 if began_s is None else since_boot_s() - began_s
            self._stimuli.append(Reattached(handle.key, max(0.0, elapsed_s)))
            self._on_taken(Handle(handle.key, pid, began_s or handle.began_s, handle.log_path))

    def take_held(self, handle: Handle, held: Held, outlet: Optional[int]) -> None:
        """Take over one whose process has been held from when it was known to be the right one."""
        self._follow(handle, handle.pid, held).outlet = outlet

    def owns(self, fd: int) -> bool:
        """Whether a descriptor is that of an attempt here."""
        return fd in self._adopted_by_fd

    def attend(self, fd: int, block: memoryview, now: float) -> None:
        """See to a descriptor that is readable."""
        adopted = self._adopted_by_fd[fd]
        if adopted.held is not None and fd == adopted.held.fd:
            self._note_end(adopted, now)
        elif self._pump(adopted, block) == 0:
            self._close_output(adopted)

    def collect(self, block: memoryview, now: float) -> List[ExecutorStimulus]:
        """What has happened since the last call; see `Executor`."""
        if now >= self._outlets_at:
            self._outlets_at = now + OUTLET_S
            for adopted in self._adopted_by_key.values():
                self._take_output(adopted)
        if now >= self._look_at:
            self._look_at = now + LOOK_S
            closing = [a for a in self._adopted_by_key.values() if a.is_closing]
            named_by_key = self._survivors.by_attempt() if closing else {}
            for adopted in closing:
                self._settle(adopted, named_by_key.get(adopted.key, []), block, now)
        stimuli, self._stimuli = self._stimuli, []
        return stimuli

    def due_in(self, now: float) -> Optional[float]:
        """In how many seconds `collect` should be called."""
        if self._stimuli:
            return 0.0
        if not self._adopted_by_key:
            return None
        closing = any(adopted.is_closing for adopted in self._adopted_by_key.values())
        return max(0.0, (self._look_at if closing else self._outlets_at) - now)

    def stop(self, key: AttemptKey, number: int) -> None:
        """Signal all processes of an attempt; does nothing where it is not here."""
        adopted = self._adopted_by_key.get(key)
        if adopted is None:
            return
        adopted.killed = adopted.killed or number == SIGKILL
        named = self._survivors.by_attempt().get(key, [])
        pids = self._survivors.tree_of(named, adopted.root)
        for each in (number, SIGCONT):
            self._survivors.signal(pids, each)

    def close(self, deadline: float) -> None:
        """Kill whatever still runs and give everything back."""
        while self._adopted_by_key and time.monotonic() < deadline:
            named_by_key = self._survivors.by_attempt()
            for adopted in list(self._adopted_by_key.values()):
                named = named_by_key.get(adopted.key, [])
                left = self._survivors.tree_of(named, adopted.root)
                if not left:
                    self._forget(adopted)
                self._survivors.signal(left, SIGKILL)
            time.sleep(LOOK_S)
        for adopted in list(self._adopted_by_key.values()):
            self._forget(adopted)

    def _follow(self, handle: Handle, pid: Optional[int], held: Optional[Held]) -> Adopted:
        adopted = Adopted(handle, pid, held)
        self._adopted_by_key[handle.key] = adopted
        if held is None:
            adopted.ended_at = time.monotonic()
        else:
            self._adopted_by_fd[held.fd] = adopted
            self._poller.add(held.fd)
        return adopted

    def _note_end(self, adopted: Adopted, now: float) -> None:
        """The process has ended; what it left behind has no more to do."""
        adopted.ended_at = now
        self._look_at = now
        adopted.killed = True

    def _settle(
        self, adopted: Adopted, named: Sequence[Found], block: memoryview, now: float
    ) -> None:
        """Report an attempt of which nothing is left, once it can be told how it ended."""
        left = self._survivors.tree_of(named, adopted.root)
        if left:
            self._survivors.signal(left, SIGKILL)
            if now < (adopted.ended_at or now) + DEATH_S:
                return
            pids = ", ".join(map(str, left))
            self._on_fault("processes that could not be killed: %s" % pids)
        adopted.ended_at = adopted.ended_at or now
        found = self._recorded(adopted)
        if found is None and adopted.held is not None:
            adopted.status = adopted.held.status()
            if adopted.status is None and adopted.pid is not None:
                adopted.status = self._proc.left_status(adopted.pid)
        unknown = found is None and adopted.status is None
        may_come = adopted.held is not None or bool(keepers(self._folder))
        if unknown and may_come and now < adopted.ended_at + PATIENCE_S:
            return
        self._take_output(adopted)
        while adopted.output is not None and self._pump(adopted, block):
            pass
        self._forget(adopted)
        self._stimuli.append(self._report(adopted, found))

    def _recorded(self, adopted: Adopted) -> Optional[RecordedEnd]:
        handle = adopted.handle
        pid = handle.pid if adopted.pid is None else adopted.pid
        for end in reversed(read_ends(self._folder)):
            if end.is_of(handle.key, pid, handle.began_s):
                return end
        return None

    def _report(self, adopted: Adopted, found: Optional[RecordedEnd]) -> ExecutorStimulus:
        size = _size_of(adopted.handle.log_path)
        status = adopted.status if found is None else found.status
        if status is None or (found is not None and found.stopped):
            return Lost(adopted.key, size)
        signalled = os.WIFSIGNALED(status)
        return Ended(
            adopted.key,
            exit_code=None if signalled else os.WEXITSTATUS(status),
            signal=signal_name(os.WTERMSIG(status)) if signalled else None,
            cpu_s=None if found is None else found.cpu_s,
            max_rss_bytes=None if found is None else found.max_rss_bytes,
            log_bytes=size,
            ended_at=None if found is None else found.ended_at,
        )

    def _take_output(self, adopted: Adopted) -> None:
        """Move its output from now on, unless somebody else sees to that."""
        if adopted.held is None or adopted.output is not None:
            return
        if adopted.outlet is None and adopted.pid is not None:
            adopted.outlet = open_outlet(adopted.pid)
        if adopted.outlet is None or not claim(adopted.outlet):
            return
        fd, adopted.outlet = adopted.outlet, None
        mask = None if self._masker is None else self._masker.stream()
        path = adopted.handle.log_path
        adopted.output = Output(fd, -1, path, self._on_fault, mask, adds=True)
        self._adopted_by_fd[fd] = adopted
        self._poller.add(fd)

    def _pump(self, adopted: Adopted, block: memoryview) -> Optional[int]:
        """Move a block of output; see `Output.pump`."""
        assert adopted.output is not None
        count = adopted.output.pump(block)
        if count:
            self._on_output(adopted.key, adopted.output.shown(block, count))
        return count

    def _close_output(self, adopted: Adopted) -> None:
        output, adopted.output = adopted.output, None
        if output is not None:
            self._on_output(adopted.key, output.finish())
            self._poller.remove(output.fd)
            del self._adopted_by_fd[output.fd]
            output.close()

    def _forget(self, adopted: Adopted) -> None:
        self._close_output(adopted)
        if adopted.outlet is not None:
            os.close(adopted.outlet)
        del self._adopted_by_key[adopted.key]
        if adopted.held is not None:
            self._poller.remove(adopted.held.fd)
            del self._adopted_by_fd[adopted.held.fd]
            adopted.held.close()


def _size_of(path: str) -> int:
    with contextlib.suppress(OSError):
        found = os.lstat(path)
        return found.st_size if stat.S_ISREG(found.st_mode) else 0
    return 0
