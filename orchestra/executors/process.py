"""Starting processes and taking their ends. Must never fork, start a thread, or wait."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
from typing import (
    Any,
    Callable,
    Collection,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Set,
    Tuple,
)

from orchestra.executors.jobserver import fifos_of
from orchestra.executors.programs import not_found, program_places, why_not
from orchestra.model.run import JOB_DESCRIPTORS, Invocation

NO_ROOM = frozenset((errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM))
"""What the kernel says when it has no room at present: no fault of a step."""

CAN_PEEK = hasattr(os, "waitid")
"""Python has it on macOS from 3.13 on."""


class NotStarted(Exception):
    """No process can be started for an invocation; `reason` names the path and says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotYet(Exception):
    """It may work later: the machine has no room, or (`busy`) the program is being written."""

    def __init__(self, reason: str, busy: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.busy = busy


class End(NamedTuple):
    """How a child ended; `status` as wait(2) gives it."""

    pid: int
    status: int
    usage: resource.struct_rusage


_Actions = Tuple[Tuple[Any, ...], ...]


class Spawner:
    """Starts processes in sessions of their own, with default signals and descriptors 0 to 2.

    Whoever uses it keeps all descriptors above 2 close-on-exec, and has 0 to 2 open. It changes the
    working directory of this process; `go_home` goes back.
    """

    def __init__(self) -> None:
        self._null = os.open(os.devnull, os.O_RDONLY)
        self._home = os.open(".", getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY)
        self._home_path = ""
        with contextlib.suppress(OSError):
            self._home_path = os.getcwd()
        self._here = self._home_path
        self._own_session = True
        self._signals = ignored_signals()

    def spawn(self, invocation: Invocation, output_fd: int) -> int:
        """The pid of a new process that writes both its streams to `output_fd`.

        Raises:
            NotStarted: it cannot be started.
            NotYet: not now.
        """
        self.go_to(invocation.working_dir)
        actions: _Actions = (
            (os.POSIX_SPAWN_DUP2, self._null, 0),
            (os.POSIX_SPAWN_DUP2, output_fd, 1),
            (os.POSIX_SPAWN_DUP2, output_fd, 2),
        )
        if invocation.job_server is not None:
            actions = (*actions, *_open_fifos(invocation.job_server))
        env = invocation.env
        try:
            return self._start(invocation.argv, invocation.executable or b"", env, actions)
        except NotStarted:
            if invocation.fallback is None:
                raise
            return self._start(invocation.fallback, b"", env, actions)

    def go_home(self) -> None:
        """Go back to the directory in which this process was."""
        if self._here != self._home_path:
            os.fchdir(self._home)
            self._here = self._home_path

    def close(self) -> None:
        """Give the descriptors back."""
        os.close(self._null)
        os.close(self._home)

    def go_to(self, directory: str) -> None:
        """Have this process work there, and what it starts.

        Raises:
            NotStarted: it cannot.
        """
        if directory == self._here:
            return
        try:
            os.chdir(directory)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise NotStarted("working_dir %s: %s" % (directory, reason)) from error
        self._here = directory

    def _start(
        self,
        argv: Tuple[bytes, ...],
        executable: bytes,
        env: Mapping[bytes, bytes],
        actions: _Actions,
    ) -> int:
        """Try each place where the program may be, as execvp(3) does."""
        places = [executable] if executable else program_places(argv[0], env)
        sought = len(places) > 1
        for path in places:
            if sought and not os.access(path, os.X_OK):
                continue
            try:
                return self._posix_spawn(path, argv, env, actions)
            except ValueError as error:
                raise NotStarted("%s: %s" % (os.fsdecode(path), error)) from error
            except OSError as error:
                if error.errno in NO_ROOM or error.errno == errno.ETXTBSY:
                    reason = "%s: %s" % (os.fsdecode(path), why_not(path, error.errno))
                    raise NotYet(reason, error.errno == errno.ETXTBSY) from error
                if error.errno != errno.EACCES or path == places[-1]:
                    reason = why_not(path, error.errno or errno.EIO)
                    raise NotStarted("%s: %s" % (os.fsdecode(path), reason)) from error
        raise NotStarted(not_found(argv[0], places))

    def _posix_spawn(
        self,
        path: bytes,
        argv: Tuple[bytes, ...],
        env: Mapping[bytes, bytes],
        actions: _Actions,
    ) -> int:
        if self._own_session:
            try:
                return os.posix_spawn(
                    path,
                    argv,
                    env,
                    file_actions=actions,
                    setsid=True,
                    setsigmask=(),
                    setsigdef=self._signals,
                )
            except NotImplementedError:
                self._own_session = False
        return os.posix_spawn(
            path,
            argv,
            env,
            file_actions=actions,
            setpgroup=0,
            setsigmask=(),
            setsigdef=self._signals,
        )


def _open_fifos(job_server: str) -> _Actions:
    """What opens the fifos of a job server in a child.

    To read and to write, so that it meets no end of file if this process dies.
    """
    found = zip(JOB_DESCRIPTORS, fifos_of(job_server))
    return tuple((os.POSIX_SPAWN_OPEN, fd, path, os.O_RDWR, 0) for fd, path in found)


def reap(
    known: Collection[int], before: Callable[[int], None], peek: bool = CAN_PEEK
) -> Iterator[End]:
    """The children that have ended, each taken from the process table as it is given.

    `before` is called with the pid while the dead process still holds its number, so that its group
    can be signalled. Without `peek` it is called just after, and only the `known` are looked at.
    """
    if not peek:
        for pid in tuple(known):
            end = End(*os.wait4(pid, os.WNOHANG))
            if end.pid:
                before(pid)
                yield end
        return
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    while True:
        try:
            found = os.waitid(os.P_ALL, 0, options)
        except ChildProcessError:
            return
        if found is None:
            return
        before(found.si_pid)
        yield End(*os.wait4(found.si_pid, 0))


def signal_name(number: int) -> str:
    """The name of a signal: `SIGKILL`, `SIGRTMIN+3`."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return "SIGRTMIN+%d" % (number - signal.SIGRTMIN)


def signal_number(name: str) -> int:
    """The signal of a name that `signal_name` gave."""
    known = getattr(signal, name, None)
    return signal.SIGRTMIN + int(name.partition("+")[2]) if known is None else int(known)


def ignored_signals() -> List[int]:
    """The signals that this process ignores: a child would too, while handlers end at its exec.

    Python ignores SIGPIPE and SIGXFSZ. Those that a live view on a terminal may ignore later are
    named anyway.
    """
    later = {signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
    ignored = {each for each in signal.valid_signals() if signal.getsignal(each) is signal.SIG_IGN}
    return sorted(map(int, later | ignored))


def kill_group(group: int, number: int) -> bool:
    """Signal a group whose number is held; whether there was one, not another user's."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def groups_of(children: Iterable[int]) -> Set[int]:
    """The groups of children that are not reaped, which until then hold the numbers."""
    groups: Set[int] = set()
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            groups.add(os.getpgid(pid))
    return groups
