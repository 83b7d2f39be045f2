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
import stat
from itertools import chain
from types import FrameType
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from orchestra.executors.board import Board
from orchestra.executors.standard_streams import open_standard_streams
from orchestra.executors.subreaper import Subreaper

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


class Link(NamedTuple):
    """The engine's end: what it writes to the keeper, and what ends when the keeper does.

    On the `board` it tells of the processes that it starts.
    """

    writer: int
    lifeline: int
    keeper: int
    board: Board

    def wake(self) -> None:
        """Let the keeper see the end of the engine, should somebody have halted it."""
        if os.getppid() == self.keeper:
            os.kill(self.keeper, signal.SIGCONT)

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


class EngineEnd(NamedTuple):
    """What is left to do for a keeper whose engine has ended, with this status of wait(2)."""

    status: int
    news: Mapping[str, Any]
    wakeup: int


def split() -> Optional[Link]:
    """Become the keeper, which never returns from here, and the engine, which has a link to it.

    None where there is no room for a second process: then nobody keeps the engine.
    """
    open_standard_streams()
    pipes = _pipes(2)
    if pipes is None:
        return None
    (reader, writer), (lifeline, held) = pipes
    keeper, board = os.getpid(), Board()
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
    return Link(writer, lifeline, keeper, board)


def _pipes(count: int) -> Optional[List[Tuple[int, int]]]:
    """As many pipes, or none at all where there is no room for them."""
    pipes: List[Tuple[int, int]] = []
    try:
        while len(pipes) < count:
            pipes.append(os.pipe())
    except OSError:
        for end in chain(*pipes):
            os.close(end)
        return None
    return pipes


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
    end = _watch(engine, reader, wakeup)
    if os.WIFEXITED(end.status):
        return os.WEXITSTATUS(end.status)
    if not end.news and os.WTERMSIG(end.status) in _ASKS_TO_END:
        _die_of(os.WTERMSIG(end.status))
    inherited = receive_children()
    # only now, for an engine that ends as it should never needs it
    from orchestra.executors.custody import take_custody

    try:
        return take_custody(end.status, end.news, end.wakeup, inherited, board.read())
    except BaseException as fault:
        _say("error: the steps that go on are kept by nobody: %s" % type(fault).__name__)
        return BROKEN


def _die_of(number: int) -> None:
    """End as the engine did, which was asked to before the run had begun."""
    signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)


def _watch(engine: int, reader: int, wakeup: int) -> EngineEnd:
    """Wait until the engine has ended."""
    text = b""
    poller = select.poll()
    poller.register(reader, select.POLLIN)
    poller.register(wakeup, select.POLLIN)
    while True:
        ready = {fd for fd, _ in poller.poll()}
        if reader in ready:
            block = os.read(reader, _BLOCK)
            text += block
            if not block:
                poller.unregister(reader)
        if wakeup not in ready:
            continue
        for number in os.read(wakeup, _BLOCK):
            if number != signal.SIGCHLD:
                _pass_on(engine, signal.Signals(number))
        # the end is taken last: until then its number is no other's
        pid, status = os.waitpid(engine, os.WNOHANG)
        if pid:
            return EngineEnd(status, _last_news(text + _rest(reader)), wakeup)


def _rest(reader: int) -> bytes:
    """What an engine wrote that has ended."""
    os.set_blocking(reader, False)
    text = b""
    with contextlib.suppress(BlockingIOError):
        for block in iter(lambda: os.read(reader, _BLOCK), b""):
            text += block
    return text


def _pass_on(engine: int, number: signal.Signals) -> None:
    os.killpg(engine, number) if number in _OF_GROUP else os.kill(engine, number)
    if number is signal.SIGTSTP:
        os.kill(os.getpid(), signal.SIGSTOP)


_OF_GROUP = frozenset([signal.SIGTSTP, signal.SIGCONT])


def _last_news(text: bytes) -> Dict[str, Any]:
    """The last whole line that the engine wrote; nothing where there is none."""
    lines: List[bytes] = text.split(b"\n")[:-1]
    news: Dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return news


def receive_children() -> List[Inherited]:
    """The children that the engine left, looked at before one of them ends and says no more."""
    found: List[Inherited] = []
    with contextlib.suppress(OSError), open("/proc/self/task/%d/children" % os.getpid()) as file:
        for pid in map(int, file.read().split()):
            output = None
            with contextlib.suppress(OSError):
                path = "/proc/%d/fd/1" % pid
                if stat.S_ISFIFO(os.stat(path).st_mode):
                    output = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            found.append(Inherited(pid, output, _environ(pid)))
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
