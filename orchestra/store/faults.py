"""Words what the system and SQLite refuse as StoreErrors a person can act on. Does no I/O."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Mapping, Tuple

from orchestra.errors import StoreDamaged, StoreError

if TYPE_CHECKING:
    import sqlite3

_LONGEST_DATABASE_PATH = 500
"""Bytes; SQLite's MAX_PATHNAME is 512 and the names of its side files must fit as well."""

_FREE_SPACE = "free some space on its file system"
_PLANTED = ("it is not a plain file of its own", "move it away")
_OS_WORDS: Mapping[int, Tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", _FREE_SPACE),
    errno.EDQUOT: ("the disk quota is used up", _FREE_SPACE),
    errno.EFBIG: ("a file would grow over the limit set for files", "see ulimit -f"),
    errno.EROFS: ("the file system is read-only", "name another folder with --state-dir"),
    errno.EACCES: ("there is no permission", "name another folder with --state-dir"),
    errno.EPERM: ("the system does not allow it", "name another folder with --state-dir"),
    errno.ENOENT: ("the folder it belongs in does not exist", "make that folder first"),
    errno.ENOTDIR: ("a part of its path is a file", "name another folder with --state-dir"),
    errno.ELOOP: ("it is a symbolic link", "remove the link"),
    errno.EISDIR: _PLANTED,
    errno.ENXIO: _PLANTED,
    errno.ENAMETOOLONG: ("its path is too long", "name a shorter one with --state-dir"),
    errno.ENOLCK: ("its file system has no locks", "name a local folder with --state-dir"),
    errno.EOPNOTSUPP: ("its file system has no locks", "name a local folder with --state-dir"),
}

_DAMAGED = "move it away, or put a copy of it back, before the next run"
_SQLITE_WORDS: Tuple[Tuple[str, str, str], ...] = (
    ("database or disk is full", "the disk is full", _FREE_SPACE),
    ("disk i/o error", "the disk gives an error, or is full", ""),
    ("attempt to write a readonly", "it cannot be written", "see its owner and its permissions"),
    ("database is locked", "another program keeps it locked", "end that program and try again"),
    ("locking protocol", "its locks do not work", "name a local folder with --state-dir"),
    ("unable to open database", "it cannot be opened", "see its owner and its permissions"),
)
_DAMAGED_WORDS = ("malformed", "not a database", "no such table", "no such column", "file is enc")


def from_os(fault: OSError, path: str) -> StoreError:
    """The system refused something at `path`."""
    message, hint = _OS_WORDS.get(fault.errno or 0, (os.strerror(fault.errno or 0), ""))
    return StoreError(path, message, hint)


def from_sqlite(fault: sqlite3.Error, path: str) -> StoreError:
    """SQLite refused something in the database at `path`.

    Python before 3.11 hands on no error codes; the texts are those of `sqlite3_errstr`.
    """
    said = str(fault)
    lower = said.lower()
    if any(words in lower for words in _DAMAGED_WORDS):
        return damaged(path, said)
    size = len(os.fsencode(path))
    if "unable to open database" in lower and size > _LONGEST_DATABASE_PATH:
        return from_os(OSError(errno.ENAMETOOLONG, ""), path)
    for start, message, hint in _SQLITE_WORDS:
        if lower.startswith(start):
            return StoreError(path, message, hint)
    return StoreError(path, said)


def planted(path: str) -> StoreError:
    """What stands at `path` is a link, a FIFO or the like: it came from others."""
    return StoreError(path, *_PLANTED)


def lost(path: str, run_id: str, folder: str) -> StoreDamaged:
    """The record of runs at `path` lacks a run that has a folder."""
    hint = "put a copy of the record back; what is left of the run is in %s" % folder
    return StoreDamaged(path, "store damaged: run %s is not in it any more" % run_id, hint)


def damaged(path: str, what: str) -> StoreDamaged:
    """What stands at `path` is no record of runs, or is one no longer."""
    return StoreDamaged(path, "store damaged: %s" % what, _DAMAGED)
