"""What becomes of the steps of an orchestrator that died: they go on, and their ends are kept.

Their output goes on into their logs, how they end into the run's folder. Nothing is decided here:
who goes on with the run reads it. What a step leaves behind when it ends is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from typing import Any, Collection, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from orchestra.engine.ports import Ended, Handle
from orchestra.engine.signals import Echoes
from orchestra.executors.adoption import Adoption
from orchestra.executors.board import NOT_YET, Posted
from orchestra.executors.ends import RecordedEnd, add_end
from orchestra.executors.orphans import Children
from orchestra.executors.outlets import take_outlet
from orchestra.executors.output import BLOCK_BYTES, Output
from orchestra.executors.pidfd import Held
from orchestra.executors.poller import new_poller
from orchestra.executors.proc import Proc
from orchestra.executors.process import End, kill_group, reap, signal_name, signal_number
from orchestra.executors.sentry import keepers, stand_guard
from orchestra.executors.survivors import Survivors
from orchestra.model.masking import Masker
from orchestra.model.run import SERVER_MARK, AttemptKey
from orchestra.model.secret_forms import needles_of

BROKEN = 3

_TICK_S = 0.5
_SAME_S = 1.0
_BIRTH_S = 1.0
_NAP_S = 0.005
_GRACE_S = 10.0
_BLOCKS_AT_END = 32
_SHOW_CURSOR = "\r\x1b[?25h\x1b[0m\n"


class Watched(NamedTuple):
    """A step that an engine took over: its process, and the end to read of its output."""

    handle: Handle
    process: Held
    outlet: Optional[int]


class Ward(NamedTuple):
    """A step that goes on; `key` is None where its attempt is not known."""

    pid: int
    key: Optional[AttemptKey]
    began_s: float


class Custody:
    """The steps that an engine left, until the last of them has ended.

    `inherited` are the children that this process got, as they were found first: pid, the end to
    read of its output (None for none), environment; `posted` is what the engine told of those that
    it started, `servers` are those that are no steps. The others it had taken over itself: `held`
    are those of which it told. Their output goes into the logs of `folder`, the forms of secrets
    masked by `masker`.
    """

    def __init__(
        self,
        run_id: str,
        folder: str,
        masker: Optional[Masker],
        inherited: Sequence[Tuple[int, Optional[int], bytes]],
        held: Sequence[Watched] = (),
        posted: Sequence[Posted] = (),
        servers: Collection[int] = (),
    ) -> None:
        self._folder = folder
        self._masker = masker
        self._proc = Proc()
        self._survivors = Survivors(run_id, self._proc)
        self._children = Children(self._proc)
        self._poller = new_poller()
        self._ward_by_pid: Dict[int, Ward] = {}
        self._output_by_pid: Dict[int, Output] = {}
        self._pid_by_fd: Dict[int, int] = {}
        self._block = memoryview(bytearray(BLOCK_BYTES))
        self._asked = 0
        self._echoes = Echoes()
        self._kill_at: Optional[float] = None
        self.faults: List[str] = []
        self._posted_by_pid = {each.pid: each for each in posted}
        known = {pid: (outlet, environ) for pid, outlet, environ in inherited}
        self._wait_for_births()
        for pid in self._children.pids():
            outlet, environ = known.get(pid, (None, b""))
            if pid not in servers and not self._is_elsewhere(pid):
                self._receive(pid, outlet, environ)
            elif outlet is not None:
                os.close(outlet)
        self._handle_by_key: Dict[AttemptKey, Handle] = {}
        self._adoption = Adoption(
            run_id, folder, self._proc, self._poller, self.faults.append, _unshown, masker
        )
        self._adopt(held)

    @property
    def running(self) -> int:
        """How many steps have not ended."""
        return len(self._ward_by_pid) + len(self._adoption)

    def keep(self, wakeup: int) -> None:
        """See to all until the last has ended; `wakeup` gives the numbers of signals."""
        self._poller.add(wakeup)
        self._reap()
        self._record_adopted()
        while self.running:
            for fd in self._poller.ready(self._due_in()):
                if fd == wakeup:
                    self._heed(os.read(wakeup, 4096))
                elif self._adoption.owns(fd):
                    self._adoption.attend(fd, self._block, time.monotonic())
                else:
                    self._pump(self._pid_by_fd[fd])
            self._reap()
            self._record_adopted()
            if self._kill_at is not None and time.monotonic() >= self._kill_at:
                self._signal(signal.SIGKILL)
        self._end_orphans()

    def _wait_for_births(self) -> None:
        """See that what was forked and not yet named is a step now, or has gone."""
        deadline = time.monotonic() + _BIRTH_S
        while True:
            environ_by_pid = {pid: self._proc.environ(pid) for pid in self._children.pids()}
            unborn = [pid for pid, each in environ_by_pid.items() if each.startswith(SERVER_MARK)]
            if not unborn:
                return
            if time.monotonic() > deadline:
                for pid in unborn:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                return
            time.sleep(_NAP_S)

    def _receive(self, pid: int, fd: Optional[int], environ: bytes) -> None:
        began_s = self._proc.began_s(pid)
        if began_s is None or not self._leads(pid):
            if fd is not None:
                os.close(fd)
            return
        key = self._survivors.attempt_in(environ) or self._survivors.attempt_of(pid)
        key = key or self._posted(pid, began_s)
        if environ.startswith(SERVER_MARK):
            if fd is not None:
                os.close(fd)  # that of its server, which it had when it was seen first
            if key is None:
                return
            fd = take_outlet(pid)
        self._ward_by_pid[pid] = Ward(pid, key, began_s)
        if fd is not None and key is not None:
            path = "%s/%s" % (self._folder, key.log)
            mask = None if self._masker is None else self._masker.stream()
            self._output_by_pid[pid] = Output(fd, -1, path, self.faults.append, mask, adds=True)
            self._pid_by_fd[fd] = pid
            self._poller.add(fd)
        elif fd is not None:
            os.close(fd)

    def _adopt(self, held: Sequence[Watched]) -> None:
        """Follow what is of the run and no child of anybody who would see to it."""
        for each in held:
            self._handle_by_key[each.handle.key] = each.handle
            self._adoption.take_held(*each)
        cared_for = {ward.key for ward in self._ward_by_pid.values()}.union(self._handle_by_key)
        others = keepers(self._folder)
        for key, named in self._survivors.by_attempt().items():
            pid = self._survivors.main_of(key, None, 0.0, named)
            if pid is None or key in cared_for or self._proc.parent(pid) in others:
                continue
            began_s = self._proc.began_s(pid)
            if began_s is not None:
                path = "%s/%s" % (self._folder, key.log)
                self._handle_by_key[key] = Handle(key, pid, began_s, path)
        self._adoption.take([h for k, h in self._handle_by_key.items() if k not in cared_for])

    def _is_elsewhere(self, pid: int) -> bool:
        return self._survivors.is_elsewhere(self._proc.environ(pid))

    def _posted(self, pid: int, began_s: float) -> Optional[AttemptKey]:
        """The attempt for which the engine said that it started the process, or was about to."""
        posted = self._posted_by_pid.get(pid) or self._posted_by_pid.pop(NOT_YET, None)
        if posted is None or abs(posted.began_s - began_s) > _SAME_S:
            return None
        return AttemptKey(posted.step, posted.number)

    def record_ended(self) -> None:
        """Write down the ends that the engine took, and may have told nobody else of."""
        for posted in self._posted_by_pid.values():
            if posted.ended:
                self._write(
                    RecordedEnd(
                        posted.pid,
                        posted.began_s,
                        posted.status,
                        posted.cpu_s,
                        posted.max_rss_bytes,
                        time.time(),
                        posted.step,
                        posted.number,
                        posted.stopped,
                    )
                )

    def _leads(self, pid: int) -> bool:
        try:
            return os.getsid(pid) == pid
        except OSError:
            return False

    def _pump(self, pid: int) -> Optional[int]:
        output = self._output_by_pid[pid]
        count = output.pump(self._block)
        if count == 0:
            self._close_output(pid)
        return count

    def _close_output(self, pid: int) -> None:
        output = self._output_by_pid.pop(pid, None)
        if output is not None:
            del self._pid_by_fd[output.fd]
            self._poller.remove(output.fd)
            output.finish()
            output.close()

    def _reap(self) -> None:
        for end in reap(self._ward_by_pid, self._before_reaping):
            ward = self._ward_by_pid.pop(end.pid, None)
            if ward is not None:
                self._record(ward, end)

    def _before_reaping(self, pid: int) -> None:
        """While its number is held, take the rest of a step's output and kill what it left."""
        if pid not in self._ward_by_pid:
            return
        kill_group(pid, signal.SIGKILL)
        for _ in range(_BLOCKS_AT_END):
            if pid not in self._output_by_pid or not self._pump(pid):
                break
        self._close_output(pid)

    def _record(self, ward: Ward, end: End) -> None:
        key = ward.key or AttemptKey("", 0)
        usage = end.usage
        recorded = RecordedEnd(
            ward.pid,
            ward.began_s,
            end.status,
            usage.ru_utime + usage.ru_stime,
            usage.ru_maxrss * 1024,
            time.time(),
            *key,
            stopped=bool(self._asked),
        )
        self._write(recorded)

    def _record_adopted(self) -> None:
        """Write down how those ended that are no children of this process, where it was told."""
        for end in self._adoption.collect(self._block, time.monotonic()):
            if type(end) is not Ended:
                continue
            status = signal_number(end.signal) if end.signal else (end.exit_code or 0) << 8
            handle = self._handle_by_key[end.key]
            assert handle.pid is not None
            recorded = RecordedEnd(
                handle.pid,
                handle.began_s,
                status,
                end.cpu_s,
                end.max_rss_bytes,
                end.ended_at or time.time(),
                *end.key,
                stopped=bool(self._asked),
            )
            self._write(recorded)

    def _due_in(self) -> float:
        """In how many seconds to look, whatever happens."""
        adopted_s = self._adoption.due_in(time.monotonic())
        return _TICK_S if adopted_s is None else min(_TICK_S, adopted_s)

    def _write(self, recorded: RecordedEnd) -> None:
        try:
            add_end(self._folder, recorded)
        except OSError as fault:
            self.faults.append("the end of a step could not be kept: %s" % fault.strerror)

    def _heed(self, numbers: bytes) -> None:
        """End the steps if that is asked for, at once the second time."""
        for number in numbers:
            if number not in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
                continue
            if not self._echoes.is_echo(number):
                self._asked += 1
                at_once = self._asked > 1
                self._signal(signal.SIGKILL if at_once else signal.SIGTERM)
                self._kill_at = time.monotonic() + (0 if at_once else _GRACE_S)

    def _signal(self, number: int) -> None:
        for pid in self._ward_by_pid:
            kill_group(pid, number)
            kill_group(pid, signal.SIGCONT)
        for key in self._handle_by_key:
            self._adoption.stop(key, number)

    def _end_orphans(self) -> None:
        """Kill what the steps have left behind; those of engines go on, to be found again."""
        deadline = time.monotonic() + _GRACE_S
        while time.monotonic() < deadline:
            pids = [pid for pid in self._children.pids() if not self._is_elsewhere(pid)]
            if not pids:
                return
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
            for _ in reap((), lambda pid: None):
                pass


def take_custody(
    status: int,
    news: Mapping[str, Any],
    wakeup: int,
    inherited: Sequence[Tuple[int, Optional[int], bytes]],
    held: Sequence[Watched],
    posted: Sequence[Posted],
    servers: Collection[int],
) -> int:
    """Say what happened to the engine, keep its steps to their ends; the exit code.

    `news` is what it told last: `run_id`, `folder`, `resume` (the command), `secrets`.
    """
    how = signal_name(os.WTERMSIG(status))
    if sys.stderr is not None and sys.stderr.isatty():
        _say(_SHOW_CURSOR)
    if not news:
        _say("error: orchestra was killed by %s before the run had begun\n" % how)
        return BROKEN
    secrets: List[str] = news["secrets"]
    masker = Masker(needles_of(secrets)) if secrets else None
    guard = stand_guard(news["folder"])
    custody = Custody(news["run_id"], news["folder"], masker, inherited, held, posted, servers)
    custody.record_ended()
    steps = "1 step goes" if custody.running == 1 else "%d steps go" % custody.running
    _say("error: orchestra was killed by %s" % how)
    if custody.running:
        _say("; %s on, how they end is kept (Ctrl-C ends them)" % steps)
    _say("\n  help: `%s` goes on with the run\n" % news["resume"])
    custody.keep(wakeup)
    for fault in custody.faults:
        _say("error: %s\n" % fault)
    if guard is not None:
        os.close(guard)
    return BROKEN


def _unshown(key: AttemptKey, output: bytes) -> None:
    """Nobody watches any more."""


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(2, text.encode("utf-8", "backslashreplace"))
