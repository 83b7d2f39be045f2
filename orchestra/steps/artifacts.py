"""Copies files that a step leaves into the run's folder, slice by slice. Never follows links.

Files are opened from folder to folder below the step's working_dir, never by a path, so that what
is put in the place of a folder meanwhile leads nowhere. The copies get their name all at once, when
the last of them is whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from typing import Generator, Iterator, List, NamedTuple, Optional, Sequence

from orchestra.engine.ports import Kept
from orchestra.model.masking import Masker
from orchestra.model.patterns import Patterns, States
from orchestra.model.run import KeptFile
from orchestra.model.units import format_amount


class Limits(NamedTuple):
    """How many files of one step are kept, how many bytes in all, and how many names looked at."""

    files: int = 10_000
    size_bytes: int = 10 * 2**30
    looked_at: int = 1_000_000


LIMITS = Limits()
"""What holds for every step."""


BLOCK_BYTES = 1 << 20
"""What one slice copies at most: about 3 ms."""

_NAMES_A_SLICE = 500
_DEEPEST = 64
_MOST_NOTES = 5
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_OPEN_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAKE_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class _UnreadableError(Exception):
    """One file or folder cannot be read; the others can."""


class ArtifactCopy:
    """A copy of all files below `source` that match, to the folder `target`, made anew.

    `run_dir` is what the paths of the copies are relative to; `target` lies in it. A file
    whose name holds a secret that `masker` knows is left out.
    """

    def __init__(
        self,
        source: str,
        patterns: Sequence[str],
        run_dir: str,
        target: str,
        limits: Limits = LIMITS,
        masker: Optional[Masker] = None,
    ) -> None:
        self._masker = masker
        self._source = source
        self._patterns = Patterns(patterns)
        self._shown = ", ".join(patterns)
        self._run_dir = run_dir
        self._target = target
        self._limits = limits
        self._partial = target + ".partial"
        self._files: List[KeptFile] = []
        self._notes: List[str] = []
        self._bytes = 0
        self._looked_at = 0
        self._links = 0
        self._odd = 0
        self._is_full = False
        self._slices: Generator[None, None, None] = self._copy()

    def advance(self) -> Optional[Kept]:
        """Do a slice of the work, some milliseconds; what was kept once all is done."""
        try:
            next(self._slices)
            return None
        except StopIteration:
            return self._result()
        except OSError as fault:
            shutil.rmtree(os.path.join(self._run_dir, self._partial), ignore_errors=True)
            self._files.clear()
            self._notes.insert(0, "the artifacts could not be kept: %s" % fault.strerror)
            return self._result()

    def give_up(self) -> Kept:
        """Stop here and keep nothing."""
        self._slices.close()
        shutil.rmtree(os.path.join(self._run_dir, self._partial), ignore_errors=True)
        return Kept((), ("the artifacts were not kept: the run was stopped",))

    def _result(self) -> Kept:
        left_out = [
            "%d %s" % (count, words)
            for count, words in ((self._links, "links"), (self._odd, "special files"))
            if count
        ]
        if left_out:
            self._notes.append("artifacts: %s were left out" % " and ".join(left_out))
        if not self._files and not self._notes:
            self._notes.append("artifacts: no file matches %s" % self._shown)
        more = len(self._notes) - _MOST_NOTES
        notes = self._notes[:_MOST_NOTES] + (["artifacts: %d more notes" % more] * (more > 0))
        return Kept(tuple(self._files), tuple(notes))

    def _copy(self) -> Generator[None, None, None]:
        partial = os.path.join(self._run_dir, self._partial)
        target = os.path.join(self._run_dir, self._target)
        for path in (partial, target):  # of an attempt before
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(path)
        try:
            folder = os.open(self._source, _OPEN_FOLDER)
        except OSError as fault:
            raise OSError(fault.errno, "its working_dir: %s" % fault.strerror) from fault
        try:
            yield from self._walk(folder, "", self._patterns.start, 0)
        finally:
            os.close(folder)
        if self._files:
            os.rename(partial, target)

    def _walk(self, folder: int, path: str, states: States, depth: int) -> Iterator[None]:
        """Copy what matches in an open folder, and below it."""
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
        for name in names:
            self._looked_at += 1
            if self._looked_at % _NAMES_A_SLICE == 0:
                yield
            if self._looked_at > self._limits.looked_at:
                self._fill("there are more than %d files to look at" % self._limits.looked_at)
            if self._is_full:
                return
            reached = self._patterns.step(states, name)
            if reached:
                try:
                    yield from self._take(folder, path, name, reached, depth)
                except _UnreadableError as fault:
                    self._notes.append("artifacts: %s%s: %s" % (path, name, fault))

    def _take(
        self, folder: int, path: str, name: str, reached: States, depth: int
    ) -> Iterator[None]:
        try:
            mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return  # it has gone meanwhile
        if stat.S_ISDIR(mode):
            if depth >= _DEEPEST:
                raise _UnreadableError("it is too deep and was left out")
            inner = _open(name, _OPEN_FOLDER | os.O_NOFOLLOW, folder)
            try:
                yield from self._walk(inner, "%s%s/" % (path, name), reached, depth + 1)
            finally:
                os.close(inner)
        elif not self._patterns.matches(reached):
            return
        elif stat.S_ISREG(mode) and self._holds_secret(path + name):
            self._notes.append("artifacts: a file is not kept, its name holds a secret")
        elif stat.S_ISREG(mode):
            yield from self._copy_file(folder, path + name, name)
        elif stat.S_ISLNK(mode):
            self._links += 1
        else:
            self._odd += 1

    def _holds_secret(self, path: str) -> bool:
        raw = os.fsencode(path)
        return self._masker is not None and self._masker.mask(raw) != raw

    def _copy_file(self, folder: int, path: str, name: str) -> Iterator[None]:
        source = _open(name, _OPEN_FILE, folder)
        try:
            found = os.fstat(source)
            if not stat.S_ISREG(found.st_mode):
                self._odd += 1
                return
            if len(self._files) >= self._limits.files:
                self._fill("more than %d files match" % self._limits.files)
                return
            if self._bytes + found.st_size > self._limits.size_bytes:
                most = format_amount("memory", self._limits.size_bytes)
                self._fill("they have more than %s" % most)
                return
            target = os.path.join(self._run_dir, self._partial, path)
            _make_folders(os.path.dirname(target))
            digest = hashlib.blake2b(digest_size=32)
            size = 0
            with open(os.open(target, _MAKE_FILE, 0o600), "wb") as copy:
                while size <= found.st_size:  # who goes on writing must not keep us for ever
                    block = _read(source)
                    if not block:
                        break
                    copy.write(block)
                    digest.update(block)
                    size += len(block)
                    yield
        finally:
            os.close(source)
        self._bytes += size
        kept = "%s/%s" % (self._target, path)
        self._files.append(KeptFile(kept, size, digest.hexdigest()))

    def _fill(self, why: str) -> None:
        self._is_full = True
        self._notes.append("artifacts: %s, the rest was left out" % why)


def _open(name: str, flags: int, folder: int) -> int:
    try:
        return os.open(name, flags, dir_fd=folder)
    except OSError as fault:
        raise _UnreadableError(fault.strerror) from fault


def _read(source: int) -> bytes:
    try:
        return os.read(source, BLOCK_BYTES)
    except OSError as fault:
        raise _UnreadableError(fault.strerror) from fault


def _make_folders(path: str) -> None:
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        os.mkdir(folder, 0o700)
