"""The process that a user starts: it keeps the engine, and the engine's steps if that dies.

It forks before the engine imports anything, and imports little itself. What the terminal and others
send to it goes on to the engine, which is in a process group of its own, so that nothing reaches it
twice. Linux only: elsewhere nobody inherits the steps of a process that dies.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from itertools import chain
from types import FrameType
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from orchestra.executors.board import Board
from orchestra.executors.outlets import open_outlet, take_outlet
from orchestra.executors.standard_streams import open_standard_streams
from orchestra.executors.subreaper import Subreaper

if TYPE_CHECKING:
    from orchestra.engine.ports import Handle
    from orchestra.executors.custody import Watched

BROKEN = 3

_FORWARDED = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGWINCH,
    signal.SIGTSTP,
    signal.SIGCONT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
_IGNORED_STAYS = frozenset([signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP])
_ASKS_TO_END = frozenset([signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
_BLOCK = 1 << 16
_SPARE_PIPES = 3
_HALT_S = 2.0
_NAP_S = 0.005
_TAKEN = "taken"


class Link(NamedTuple):
    """The engine's end: what it writes to the keeper, and what ends when the keeper does.

    On the `board` it tells of the processes that it starts; `group` is the process group that a
    shell has as its job.
    """

    writer: int
    lifeline: int
    keeper: int
    board: Board
    group: int

    def wake(self) -> None:
        """Let the keeper see the end of the engine, should somebody have halted it."""
        if os.getppid() == self.keeper:
            os.kill(self.keeper, signal.SIGCONT)

    def tell_of(self, taken: Handle) -> None:
        """Have the keeper watch a step that this engine took over from another."""
        self.tell({_TAKEN: taken})

    def tell(self, news: Mapping[str, Any]) -> None:
        """Have the keeper know what it needs if the engine dies."""
        data = json.dumps(news).encode() + b"\n"
        with contextlib.suppress(OSError):  # it has died itself; the lifeline tells
            while data:
                data = data[os.write(self.writer, data) :]


class Inherited(NamedTuple):
    """A child that the engine left: the end to read of its output, and its environment."""

    pid: int
    output: Optional[int]
    environ: bytes


class Ear:
    """What the engine tells: the `news`, by name, and the steps that it took over.

    Those are no children of this process: they are `watched` from when it hears of them, so that it
    is told how they end, and nothing of their output is lost.
    """

    def __init__(self, reader: int) -> None:
        self.news: Dict[str, Any] = {}
        self.watched: List[Watched] = []
        self._reader = reader
        self._rest = b""
        os.set_blocking(reader, False)

    def listen(self) -> bool:
        """Take in what was told; whether there may be more."""
        with contextlib.suppress(BlockingIOError):
            for block in iter(lambda: os.read(self._reader, _BLOCK), b""):
                *lines, self._rest = (self._rest + block).split(b"\n")
                for line in lines:
                    self._understand(json.loads(line))
            return False
        return True

    def _understand(self, told: Dict[str, Any]) -> None:
        taken = told.pop(_TAKEN, None)
        self.news.update(told)
        if taken is not None:
            self._watch(*taken)

    def _watch(self, key: List[Any], pid: int, began_s: float, log_path: str, *more: Any) -> None:
        outlet = open_outlet(pid)
        # only now, for an engine that goes on with no run never needs it; what is slow last
        from orchestra.executors.pidfd import hold

        held = hold(pid)
        from orchestra.engine.ports import Handle
        from orchestra.executors.custody import Watched
        from orchestra.executors.proc import Proc
        from orchestra.model.run import AttemptKey

        if held is not None and Proc().began_s(pid) == began_s:
            handle = Handle(AttemptKey(*key), pid, began_s, log_path)
            self.watched.append(Watched(handle, held, outlet))
        elif outlet is not None:
            os.close(outlet)


def split() -> Optional[Link]:
    """Become the keeper, which never returns from here, and the engine, which has a link to it.

    None where there is no room for a second process: then nobody keeps the engine.
    """
    open_standard_streams()
    pipes = _pipes(2)
    if pipes is None:
        return None
    (reader, writer), (lifeline, held) = pipes
    keeper, group, board = os.getpid(), os.getpgrp(), Board()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {*_FORWARDED, signal.SIGCHLD})
    try:
        engine = os.fork()
    except OSError:
        engine = -1
    if engine > 0:
        os.close(writer)
        os.close(lifeline)
        with contextlib.suppress(OSError):
            os.setpgid(engine, engine)
        os._exit(_keep(engine, reader, board, blocked))
    os.close(reader)
    os.close(held)
    if engine == 0:
        os.setpgid(0, 0)
        # a background group: what writes to the terminal all the same must not be halted
        for number in (signal.SIGTTOU, signal.SIGTTIN):
            signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    if engine < 0:
        os.close(writer)
        os.close(lifeline)
        return None
    return Link(writer, lifeline, keeper, board, group)


def _pipes(count: int) -> Optional[List[Tuple[int, int]]]:
    """As many pipes, or none at all where there would be no room left for what is imported."""
    pipes: List[Tuple[int, int]] = []
    with contextlib.suppress(OSError):
        while len(pipes) < count + _SPARE_PIPES:
            pipes.append(os.pipe())
    kept = pipes[:count] if len(pipes) == count + _SPARE_PIPES else []
    for end in chain(*pipes[len(kept) :]):
        os.close(end)
    return kept or None


def _keep(engine: int, reader: int, board: Board, blocked: Any) -> int:
    """Wait for the engine and pass on what comes; the exit code."""
    Subreaper()  # until this process ends
    wakeup, waker = os.pipe()
    os.set_blocking(wakeup, False)
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    for number in (*_FORWARDED, signal.SIGCHLD):
        if number in _IGNORED_STAYS and signal.getsignal(number) is signal.SIG_IGN:
            continue
        signal.signal(number, _noted)
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    ear = Ear(reader)
    status = _watch(engine, reader, ear, wakeup)
    if os.WIFEXITED(status):
        return os.WEXITSTATUS(status)
    if not ear.news and os.WTERMSIG(status) in _ASKS_TO_END:
        _die_of(os.WTERMSIG(status))
    inherited = receive_children()
    # only now, for an engine that ends as it should never needs it
    from orchestra.executors.custody import take_custody

    try:
        posted, servers = board.read(), board.servers()
        news = ear.news if not ear.news or _is_recorded(ear.news) else {}
        return take_custody(status, news, wakeup, inherited, ear.watched, posted, servers)
    except BaseException as fault:
        _say("error: the steps that go on are kept by nobody: %s" % type(fault).__name__)
        return BROKEN


def _is_recorded(news: Mapping[str, Any]) -> bool:
    """Whether the run is one that can go on; of one that never began nothing is kept."""
    import shutil

    from orchestra.errors import StoreError
    from orchestra.store.directory import StateDirectory
    from orchestra.store.sqlite import RunStore

    store = RunStore(StateDirectory(news["state"]))
    try:
        is_recorded = any(True for _ in store.envelopes(news["run_id"]))
    except StoreError:
        return True  # it cannot be told
    finally:
        store.close()
    if not is_recorded:
        shutil.rmtree(news["folder"], ignore_errors=True)
    return is_recorded


def _die_of(number: int) -> None:
    """End as the engine did, which was asked to before the run had begun."""
    signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)


def _watch(engine: int, reader: int, ear: Ear, wakeup: int) -> int:
    """Wait until the engine has ended; its status, as wait(2) gives it."""
    poller = select.poll()
    poller.register(reader, select.POLLIN)
    poller.register(wakeup, select.POLLIN)
    while True:
        ready = {fd for fd, _ in poller.poll()}
        if reader in ready and not ear.listen():
            poller.unregister(reader)
        if wakeup not in ready:
            continue
        for number in os.read(wakeup, _BLOCK):
            if number != signal.SIGCHLD:
                _pass_on(engine, signal.Signals(number))
        # the end is taken last: until then its number is no other's
        pid, status = os.waitpid(engine, os.WNOHANG)
        if pid:
            ear.listen()
            return status


def _pass_on(engine: int, number: signal.Signals) -> None:
    if number is signal.SIGTSTP:
        _halt(engine)
    elif number is signal.SIGCONT:
        os.killpg(engine, number)
    else:
        os.kill(engine, number)


def _halt(engine: int) -> None:
    """Halt the engine, and this process after it, so that what continues one continues both."""
    os.killpg(engine, signal.SIGTSTP)
    deadline = time.monotonic() + _HALT_S
    of_interest = os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT
    while os.waitid(os.P_PID, engine, of_interest) is None and time.monotonic() < deadline:
        time.sleep(_NAP_S)
    os.killpg(engine, signal.SIGSTOP)  # whatever it made of the first
    os.kill(os.getpid(), signal.SIGSTOP)


def receive_children() -> List[Inherited]:
    """The children that the engine left, looked at before one of them ends and says no more."""
    found: List[Inherited] = []
    with contextlib.suppress(OSError), open("/proc/self/task/%d/children" % os.getpid()) as file:
        for pid in map(int, file.read().split()):
            found.append(Inherited(pid, take_outlet(pid), _environ(pid)))
    return found


def _environ(pid: int) -> bytes:
    with contextlib.suppress(OSError), open("/proc/%d/environ" % pid, "rb") as file:
        return file.read()
    return b""


def _noted(number: int, frame: Optional[FrameType]) -> None:
    """Nothing: the interpreter's C handler has already written the signal's number."""


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        os.write(2, text.encode("utf-8", "backslashreplace") + b"\n")
