"""Runs attempts as processes on this machine. Decides nothing: no retry, no timeout, no grace."""

from __future__ import annotations

import contextlib
import time
from signal import Signals
from typing import Callable, Collection, ContextManager, Dict, List, Optional, Sequence, Tuple

from orchestra.engine.ports import Ended, ExecutorStimulus, Handle, Launched, Unreached
from orchestra.executors.adoption import Adoption
from orchestra.executors.board import Board
from orchestra.executors.descriptors import room_for_attempts, settle_descriptors
from orchestra.executors.enforcement import NEVER, Enforcement, make_enforcement
from orchestra.executors.jobservers import JobServers
from orchestra.executors.launcher import Launcher
from orchestra.executors.peak import OwnPeak
from orchestra.executors.poller import new_poller
from orchestra.executors.proc import Proc
from orchestra.executors.process import End, kill_group, reap
from orchestra.executors.pump import IDLE_S, Pump
from orchestra.executors.servers import Servers
from orchestra.executors.started import MAXRSS_UNIT_BYTES, Started
from orchestra.executors.trees import Trees
from orchestra.executors.wakeup import Wakeup
from orchestra.model.masking import Masker
from orchestra.model.run import AttemptKey, Invocation, Limits

DRAIN_S = 5.0
"""How long it may go on writing; and how long, after that, it may take to die."""

TELL_S = 0.05
"""How long the news that attempts were launched may wait for an end: a turn less for each step."""

SWEEP_S = 1.0
"""How often orphans are looked for when nothing ends."""

WAIT_S = 0.02
"""How long `close` waits before it looks again."""


class LocalExecutor:
    """An Executor of this machine. Made once, in the main thread, before any other thread.

    A step ends when its main process ends. What it leaves behind in the background may go on
    writing until it sleeps and its pipe is silent for IDLE_S, DRAIN_S at most, and is then killed;
    a step that leaves nothing ends at once. The end is reported when all of the step's processes
    are gone.

    `on_output` is handed each block of output once it is in the log; in both of them the secrets
    that `masker` knows are masked.

    On the `board` stands what was started and has ended, for who sees to the steps if this process
    dies; `on_taken` is told what was taken over from another, `on_note` what a person should know
    though it harms no step.

    Of the process as a whole it takes: SIGCHLD, the signal wakeup descriptor (see Wakeup), the
    ends of all children, the working directory during `submit`, the parenthood of orphans.
    """

    def __init__(
        self,
        run_id: str,
        on_output: Optional[Callable[[AttemptKey, bytes], None]] = None,
        *,
        drain_s: float = DRAIN_S,
        proc: str = "/proc",
        masker: Optional[Masker] = None,
        folder: str = "",
        board: Optional[Board] = None,
        on_taken: Optional[Callable[[Handle], None]] = None,
        on_note: Optional[Callable[[str], None]] = None,
    ) -> None:
        self._board = board or Board()
        self._on_taken = on_taken
        self._run_id = run_id
        self._folder = folder
        self._adoption: Optional[Adoption] = None
        self._faults: List[str] = []
        self._masker = masker
        self._drain_s = drain_s
        self._started_by_key: Dict[AttemptKey, Started] = {}
        self._started_by_pid: Dict[int, Started] = {}
        self._ending: Dict[AttemptKey, Started] = {}
        self._stimuli: List[ExecutorStimulus] = []
        self._tell_by: Optional[float] = None
        self._sweep_at = time.monotonic() + SWEEP_S
        self._own_peak = OwnPeak()
        self._proc = Proc(proc)
        self._enforcement: Optional[Enforcement] = None
        self._closed = False
        with contextlib.ExitStack() as opened:
            settle_descriptors()
            self._poller = new_poller()
            opened.callback(self._poller.close)
            self._pump = Pump(self._poller, drain_s, on_output)
            opened.callback(self._pump.close_all)
            self._servers = Servers(self._poller, self._board, on_note or (lambda note: None))
            opened.callback(self._servers.close)
            self._trees = Trees(run_id, self._proc, self._servers.pids)
            opened.callback(self._trees.close)
            self._job_servers = JobServers(self._poller)
            opened.callback(self._job_servers.close)
            self._launcher = Launcher(
                room_for_attempts(),
                self._board,
                self._servers,
                self._note_fault,
                self._around_spawn,
                self._job_servers,
                masker,
            )
            opened.callback(self._launcher.close)
            self._wakeup = Wakeup()
            opened.callback(self._wakeup.close)
            self._poller.add(self._wakeup.fileno())
            self._opened = opened.pop_all()

    def fileno(self) -> int:
        """A descriptor that is readable when `collect` has an end, and at any signal.

        That attempts were launched is told with the next end, or when `due_in` says so.
        """
        return self._poller.fileno()

    def submit(self, batch: Sequence[Tuple[AttemptKey, Invocation]]) -> None:
        """Start all of the batch, in its order; those for which there is no room are kept."""
        for key, invocation in batch:
            self._launcher.add(key, invocation)
        if self._launch():
            self._wakeup.poke()

    def reattach(self, handles: Sequence[Handle]) -> None:
        """Take over attempts of the run that another orchestrator started on this machine."""
        if self._adoption is None:
            self._adoption = Adoption(
                self._run_id,
                self._folder,
                self._proc,
                self._poller,
                self._note_fault,
                self._pump.tell,
                self._masker,
                self._on_taken,
            )
        self._adoption.take(handles)
        self._job_servers.take_over(handles)
        self._wakeup.poke()

    def hire(self, pid: int) -> None:
        """Leave a child alone, a helper; who started it sees that it ends before `close`."""
        self._servers.hire(pid)

    def lend(self, key: AttemptKey, tokens: int) -> None:
        """Let an attempt with a job server have so many tokens; see `Executor`."""
        self._job_servers.allow(key, tokens)

    def collect(self) -> List[ExecutorStimulus]:
        """What has happened since the last call, in order; never blocks."""
        now = time.monotonic()
        sweep = woken = now >= self._sweep_at
        for fd in self._poller.ready():
            if self._pump.attend(fd, now):
                continue
            if self._adoption is not None and self._adoption.owns(fd):
                self._adoption.attend(fd, self._pump.block, now)
            elif self._job_servers.owns(fd):
                self._job_servers.attend(fd)
            elif self._servers.owns(fd):
                self._servers.attend(fd)
            else:
                self._wakeup.drain()
                woken = True
        ended = woken and self._reap(now)
        if sweep or (ended and self._trees.sees_orphans):
            self._look_for_orphans()
            self._sweep_at = now + SWEEP_S
        if self._ending or self._trees.have_orphans():
            self._settle(now)
        if self._enforcement is not None and now >= self._enforcement.sample_at:
            self._enforce(self._enforcement, now)
        served = self._servers.have_news(now)
        if served:
            self._launcher.recall()
        if len(self._launcher) and (ended or served or now >= self._launcher.retry_at):
            self._launch()
        if self._adoption is not None:
            self._stimuli.extend(self._adoption.collect(self._pump.block, now))
        stimuli, self._stimuli = self._stimuli, []
        if self._job_servers:
            self._job_servers.close_ended(stimuli)
            stimuli.extend(self._job_servers.news(now))
        self._tell_by = None
        return stimuli

    def due_in(self) -> Optional[float]:
        """In how many seconds `collect` should be called though `fileno` is not readable."""
        now = time.monotonic()
        times = [due for each in self._ending.values() for due in each.due() if due > now]
        if self._started_by_key or self._trees.have_orphans():
            times.append(self._sweep_at)
        if self._enforcement is not None and self._enforcement.sample_at != NEVER:
            times.append(self._enforcement.sample_at)
        if self._tell_by is not None:
            times.append(self._tell_by)
        if self._job_servers:
            times.append(self._job_servers.look_at)
        if len(self._launcher):
            times.append(self._launcher.retry_at)
            times.append(self._servers.due_at)
        adopted_s = None if self._adoption is None else self._adoption.due_in(now)
        if adopted_s is not None:
            times.append(now + adopted_s)
        return max(0.0, min(times) - now) if times else None

    def stop(self, key: AttemptKey, signal: str) -> None:
        """Send the signal, by name, to all processes of an attempt; then they are continued.

        From then on the attempt ends with the last of them. After `SIGKILL` nothing is waited for
        but their death. An attempt that still waits for room ends as refused. Does nothing where
        it has already ended.
        """
        if self._launcher.drop(key):
            self._stimuli.append(Ended(key, refusal="it was stopped before it could start"))
            self._wakeup.poke()
        number = Signals[signal]
        if self._adoption is not None:
            self._adoption.stop(key, number)
        started = self._started_by_key.get(key)
        if started is None:
            return
        self._look_for_orphans()
        if number == Signals.SIGKILL:
            self._kill(started)
        else:
            started.stopping = True
            self._trees.signal(started, (number, Signals.SIGCONT), self._started_by_pid)

    def faults(self) -> List[str]:
        """The logs that could not be written, the processes that could not be killed; each once."""
        faults, self._faults = self._faults, []
        return faults

    def unreached(self) -> List[Unreached]:
        """None: this machine always answers."""
        return []

    def running(self) -> int:
        """How many attempts have been submitted and not yet been reported as ended."""
        adopted = 0 if self._adoption is None else len(self._adoption)
        return len(self._started_by_key) + len(self._launcher) + adopted

    def close(self) -> None:
        """Kill whatever still runs and give everything back. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._adoption is not None:
                self._adoption.close(time.monotonic() + self._drain_s)
            self._kill_all(time.monotonic() + self._drain_s)
        finally:
            self._opened.close()

    def _kill_all(self, deadline: float) -> None:
        self._launcher.clear()
        for started in self._started_by_key.values():
            self._kill(started)
        self._trees.look_last(self._started_by_pid, self._started_by_key.values())
        while self._started_by_key or self._trees.have_orphans():
            if time.monotonic() > deadline:
                self._tell_of_survivors([*self._started_by_pid, *self._trees.survivors()])
                return
            self._poller.ready(WAIT_S)
            self.collect()
            self._look_for_orphans()

    def _launch(self) -> bool:
        """Start what there is room for; whether any of it has ended by that."""
        all_started, refused = self._launcher.launch(len(self._started_by_key))
        for started in all_started:
            self._started_by_key[started.key] = started
            self._started_by_pid[started.pid] = started
            self._pump.add(started)
            self._stimuli.append(Launched(started.key, started.pid, started.began_s))
        if all_started and self._tell_by is None:
            self._tell_by = time.monotonic() + TELL_S
        if refused:
            self._tell_by = 0.0  # there may be nothing else under way to be told with
        self._stimuli.extend(refused)
        return bool(refused)

    def _reap(self, now: float) -> bool:
        """Take the ends of all children that have ended; whether there were any."""
        ended = False
        for end in reap(self._started_by_pid, self._before_reaping):
            self._note_end(end, now)
            ended = True
        return ended

    def _before_reaping(self, pid: int) -> None:
        """While its number is held, kill the group of a step of which nothing else can still write.

        After a stop what is left has its grace period. Where orphans are not seen at once this is
        the only moment for the others too.
        """
        started = self._started_by_pid.get(pid)
        if started is None:
            return
        if started.output is not None:
            started.output.let_go()
        self._pump.empty(started, time.monotonic())
        silent = started.output is None and not started.stopping
        if silent or started.killed or not self._trees.sees_orphans:
            kill_group(pid, Signals.SIGKILL)

    def _note_end(self, end: End, now: float) -> None:
        started = self._started_by_pid.pop(end.pid, None)
        if started is None:
            self._servers.note_end(end.pid)
            self._trees.forget(end.pid)
            return
        started.end = end
        self._board.ended(
            started.place,
            end.status,
            end.usage.ru_utime + end.usage.ru_stime,
            end.usage.ru_maxrss * MAXRSS_UNIT_BYTES,
            started.stopping or started.killed,
        )
        started.drained_by = now + IDLE_S
        started.gone_by = now + 2 * self._drain_s
        self._ending[started.key] = started

    def _give_time(self, now: float) -> None:
        """Let what has something to do go on: on a busy machine it may be silent for long."""
        for started in self._ending.values():
            silent = started.output is not None and not started.killed and started.is_over(now)
            last = started.gone_by - self._drain_s
            if silent and now < last and self._trees.are_busy(started):
                started.drained_by = min(now + IDLE_S, last)

    def _settle(self, now: float) -> None:
        """Kill the orphans whose time is over, report the attempts of which nothing is left."""
        self._give_time(now)
        awaited: Collection[AttemptKey] = ()
        if self._trees.have_orphans():
            serving = (key for key, each in self._started_by_key.items() if not each.is_over(now))
            awaited = self._trees.kill_doomed(serving, self._started_by_pid)
        for started in list(self._ending.values()):
            over = started.is_over(now)
            if started.key in awaited and not (over and now >= started.gone_by):
                continue
            if started.output is not None and not started.killed and now < started.drained_by:
                continue
            if started.output is not None:
                self._pump.empty(started, now)
            if started.output is not None:
                self._pump.close(started)
            if started.key in awaited:
                self._tell_of_survivors(self._trees.survivors(started.key))
            del self._ending[started.key]
            del self._started_by_key[started.key]
            self._stimuli.append(self._report(started))

    def _report(self, started: Started) -> Ended:
        ended = started.ended(self._own_peak)
        return ended if self._enforcement is None else self._enforcement.settle(ended)

    def _around_spawn(self, key: AttemptKey, limits: Limits) -> ContextManager[None]:
        if self._enforcement is None:
            self._enforcement = make_enforcement(self._proc)
            self._opened.callback(self._enforcement.close)
        return self._enforcement.around_spawn(key, limits)

    def _enforce(self, enforcement: Enforcement, now: float) -> None:
        """Kill the attempts that hold more memory than they may."""
        self._look_for_orphans()
        for key in enforcement.sampled():
            started = self._started_by_key[key]
            if enforcement.look(key, self._trees.pids(started)):
                self._kill(started)
        enforcement.looked(now)

    def _look_for_orphans(self) -> None:
        self._trees.look(self._started_by_pid, self._started_by_key.values())

    def _kill(self, started: Started) -> None:
        """Kill all of an attempt that can be reached; what shows up later is a doomed orphan."""
        started.killed = True
        started.gone_by = time.monotonic() + self._drain_s
        if self._enforcement is not None:
            self._enforcement.kill(started.key)
        self._trees.signal(started, (Signals.SIGKILL,), self._started_by_pid)

    def _note_fault(self, fault: str) -> None:
        self._faults.append(fault)

    def _tell_of_survivors(self, pids: Sequence[int]) -> None:
        self._faults.append("processes that could not be killed: %s" % ", ".join(map(str, pids)))
