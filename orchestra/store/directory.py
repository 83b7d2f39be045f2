"""Where runs are kept: the state directory, and a folder for each run in it. Knows no event.

Folders are 0700, files 0600, whatever the umask. Nothing is followed out of the directory: what
orchestra makes in it is made anew, and a link that stands in its way is refused.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from dataclasses import dataclass
from typing import Callable, List, NamedTuple, Optional, Tuple

from orchestra.errors import StoreError, UsageError
from orchestra.store import faults

NAME = ".orchestra"

_TICKS = 65536  # a second in the last part of a run id, four hexadecimal digits


class RunFolder(NamedTuple):
    """What one run keeps beside its events; all paths are absolute.

    `logs` has the output of its attempts, `outputs` what they hand on, `private` the values that
    are handed to them; a living orchestrator holds the kernel lock on the file `lock`.
    """

    run_id: str
    path: str

    @property
    def logs(self) -> str:
        """The folder of the attempts' logs."""
        return self.path + "/logs"

    @property
    def outputs(self) -> str:
        """The folder of what the attempts hand on."""
        return self.path + "/outputs"

    @property
    def private(self) -> str:
        """The folder of the values that are handed to the attempts."""
        return self.path + "/private"

    @property
    def lock(self) -> str:
        """The file whose lock says that the run has an orchestrator; its note says which."""
        return self.path + "/lock"

    @property
    def notes(self) -> Tuple[str, ...]:
        """The files by which its processes know of each other and of what became of its steps."""
        return (self.lock, self.path + "/keeper", self.path + "/ends.jsonl")


@dataclass(frozen=True)
class StateDirectory:
    """A state directory, which need not exist yet; `path` is absolute.

    `is_named` says that a person named it, rather than that it was found.
    """

    path: str
    is_named: bool = False

    @property
    def database(self) -> str:
        """The file of all runs' events."""
        return self.path + "/runs.db"

    @property
    def has_record(self) -> bool:
        """Whether there is a record of runs, or something in its stead, or runs that lack it."""
        return os.path.lexists(self.database) or bool(self.run_ids())

    @property
    def lock(self) -> str:
        """The file to lock while the database is made, and while runs are removed."""
        return self.path + "/runs.lock"

    @property
    def runs(self) -> str:
        """The folder of the runs' folders."""
        return self.path + "/runs"

    @property
    def groups(self) -> str:
        """The folder of the places in concurrency groups."""
        return self.path + "/groups"

    @property
    def groups_lock(self) -> str:
        """The file to lock while a place in a group is taken."""
        return self.path + "/groups.lock"

    def run(self, run_id: str) -> RunFolder:
        """The folder of a run."""
        return RunFolder(run_id, "%s/%s" % (self.runs, run_id))

    def run_ids(self) -> List[str]:
        """The runs that have a folder, oldest first."""
        try:
            return sorted(os.listdir(self.runs))
        except FileNotFoundError:
            return []
        except OSError as fault:
            raise faults.from_os(fault, self.runs) from fault

    def doubts(self) -> List[str]:
        """Sentences on what makes the directory less private than it should be."""
        if os.stat(self.path).st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return ["others may write to %s; chmod go-w it" % self.path]
        return []

    def has_begun(self, run_id: str) -> bool:
        """Whether a run's folder shows that it began: steps have written, or it ended in order."""
        folder = self.run(run_id)
        try:
            if os.path.lexists(folder.lock) and not os.path.lexists(folder.private):
                return True
            return bool(os.listdir(folder.logs) or os.listdir(folder.outputs))
        except OSError:
            return False

    def planted(self, run_id: str) -> List[str]:
        """The `notes` of a run that others have put there: links, FIFOs, folders."""
        try:
            return [path for path in self.run(run_id).notes if _is_planted(path)]
        except OSError as fault:
            raise faults.from_os(fault, self.run(run_id).path) from fault

    def check_run(self, run_id: str) -> None:
        """See that what a run's folder tells of its processes can be believed.

        Raises:
            StoreError: others have put something there.
        """
        for path in self.planted(run_id):
            raise faults.planted(path)

    def check(self) -> None:
        """Refuse what must not be used as a state directory; one that is not there is fine.

        Raises:
            StoreError: it is a file, or cannot be looked at, or a link that nobody named: one that
                came with somebody's files could lead anywhere.
        """
        try:
            if not self.is_named and stat.S_ISLNK(os.lstat(self.path).st_mode):
                raise StoreError(
                    self.path,
                    "it is a symbolic link",
                    "name the folder it leads to with --state-dir",
                )
            if not stat.S_ISDIR(os.stat(self.path).st_mode):
                raise NotADirectoryError(errno.ENOTDIR, "")
            _refuse_planted(self)
        except FileNotFoundError:
            return
        except NotADirectoryError as fault:
            raise StoreError(self.path, "it is not a folder", "name another one") from fault
        except OSError as fault:
            raise faults.from_os(fault, self.path) from fault

    def create(self) -> None:
        """Make the directory where it is missing. Its parent must be there.

        Raises:
            StoreError: it cannot be made or used; says why.
        """
        self.check()
        try:
            _make_private(self.path)
            if not os.listdir(self.path):
                # only in a folder of our own: in one that was named it would hide other files
                _write_new(self.path + "/.gitignore", b"*\n")
            _make_private(self.runs)
        except OSError as fault:
            raise faults.from_os(fault, self.path) from fault
        self.check()

    def create_groups(self) -> None:
        """Make the folder of the groups where it is missing; the directory itself is there.

        Raises:
            StoreError: it cannot be made or used.
        """
        try:
            _make_private(self.groups)
        except OSError as fault:
            raise faults.from_os(fault, self.groups) from fault

    def new_run(self, now: float, is_known: Callable[[str], bool] = lambda _: False) -> RunFolder:
        """A new run's folder, named after the time `now` (UTC seconds) or the next that is free.

        An id that `is_known` is not: a run that was removed may have rows, though no folder.

        Raises:
            StoreError: it cannot be made.
        """
        ticks = int(now * _TICKS)
        try:
            while is_known(_run_id(ticks)) or not _make_new(self.run(_run_id(ticks)).path):
                ticks += 1
            folder = self.run(_run_id(ticks))
            for path in (folder.logs, folder.outputs, folder.private):
                _make_new(path)
        except OSError as fault:
            raise faults.from_os(fault, self.runs) from fault
        return folder

    def reopen_run(self, folder: RunFolder) -> None:
        """Have all folders of a run that goes on.

        Raises:
            StoreError: what stands there is no folder, or a link.
            OSError: one cannot be made.
        """
        for path in (folder.path, folder.logs, folder.outputs, folder.private):
            if not _make_new(path) and not stat.S_ISDIR(os.lstat(path).st_mode):
                raise StoreError(path, "it is no folder", "move it away")


def locate(named: Optional[str], workflow: Optional[str], here: str) -> StateDirectory:
    """The state directory to use.

    It is the one that is `named` (`--state-dir`, else `ORCHESTRA_STATE_DIR`), else the one beside
    the `workflow` file, else the nearest that exists in `here` or a folder above. Relative paths
    start at `here`.

    Raises:
        UsageError: there is none in `here` or above.
        StoreError: what was found must not be used (see `StateDirectory.check`).
    """
    if named:
        state = StateDirectory(os.path.abspath(os.path.join(here, named)), is_named=True)
    elif workflow:
        folder = os.path.dirname(os.path.abspath(os.path.join(here, workflow)))
        state = StateDirectory(os.path.join(folder, NAME))
    else:
        state = StateDirectory(_nearest(here))
    state.check()
    return state


def _nearest(here: str) -> str:
    folder = os.path.abspath(here)
    while True:
        path = os.path.join(folder, NAME)
        if os.path.lexists(path):
            return path
        if folder == os.path.dirname(folder):
            raise UsageError(
                "there is no record of runs here",
                "go to the workflow's folder, or name its state directory with --state-dir",
            )
        folder = os.path.dirname(folder)


def _run_id(ticks: int) -> str:
    # UTC, so that ids sort by time when clocks are put back in autumn
    seconds, rest = divmod(ticks, _TICKS)
    return "%s-%04x" % (time.strftime("%Y%m%d-%H%M%S", time.gmtime(seconds)), rest)


def _make_new(path: str) -> bool:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return False
    os.chmod(path, 0o700)
    return True


def _make_private(path: str) -> None:
    if not _make_new(path) and not os.path.isdir(path):
        raise NotADirectoryError(errno.ENOTDIR, "")


def _write_new(path: str, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileExistsError:
        return  # another orchestra makes the same directory
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def _refuse_planted(state: StateDirectory) -> None:
    for folder in (state.runs, state.groups):
        if os.path.islink(folder):
            raise StoreError(folder, "it is a symbolic link", "remove the link")
    databases = [state.database + end for end in ("", "-wal", "-shm", "-journal")]
    for path in (state.lock, state.groups_lock, *databases):
        if _is_planted(path):
            raise faults.planted(path)


def _is_planted(path: str) -> bool:
    """Whether it is not a plain file: a link would change one that is not ours, a FIFO hang."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    return not stat.S_ISREG(found.st_mode) or found.st_nlink > 1
