"""Folders and all that is in them: how much room they take, and their end. Follows no link."""

from __future__ import annotations

import itertools
import os
import stat
from typing import Iterator, List

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK_BYTES = 512  # the unit of st_blocks, whatever the file system's own is


def is_folder(path: str) -> bool:
    """Whether there is a folder, and not a link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def drop(path: str) -> None:
    """Remove an empty folder, or whatever else stands in its place.

    Raises:
        OSError: it cannot be removed, or is not there.
    """
    if is_folder(path):
        os.rmdir(path)
    else:
        os.unlink(path)


def size_of(path: str) -> int:
    """The bytes on disk that come free when the folder is removed, as far as it can be looked at.

    A file that has another name elsewhere takes no less room without this one.
    """
    total, waiting = 0, [path] if is_folder(path) else []
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    found = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(found.st_mode):
                        waiting.append(entry.path)
                    elif found.st_nlink > 1:
                        continue
                    total += found.st_blocks * _BLOCK_BYTES
        except OSError:
            continue
    return total


def empty(path: str) -> None:
    """Remove all that is in the folder, whatever its depth; links themselves, not what they name.

    Does nothing where there is no folder, but a link or nothing at all.
    Every folder in it is brought to the top before it is looked into. So no path grows too long, a
    few descriptors are enough, and what is mounted in it stays: it cannot be moved. What cannot be
    removed does not keep the rest.

    Raises:
        OSError: something could not be removed; the first such thing.
    """
    if not is_folder(path):
        return
    faults: List[OSError] = []
    top = os.open(path, _OPEN)
    try:
        taken = set(os.listdir(top))
        names = (name for name in map(str, itertools.count()) if name not in taken)
        waiting = _clear(top, top, names, faults)
        while waiting:
            name = waiting.pop()
            try:
                folder = _open(name, top)
                try:
                    waiting += _clear(folder, top, names, faults)
                finally:
                    os.close(folder)
                os.rmdir(name, dir_fd=top)
            except OSError as fault:
                faults.append(fault)
    finally:
        os.close(top)
    if faults:
        raise faults[0]


def _clear(folder: int, top: int, names: Iterator[str], faults: List[OSError]) -> List[str]:
    """Remove the files in a folder and move the folders in it to the top; their names there."""
    moved = []
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        try:
            if is_folder:
                moved.append(_move(name, folder, top, next(names)))
            else:
                os.unlink(name, dir_fd=folder)
        except OSError as fault:
            faults.append(fault)
    return moved


def _move(name: str, folder: int, top: int, new_name: str) -> str:
    try:
        os.rename(name, new_name, src_dir_fd=folder, dst_dir_fd=top)
    except PermissionError:
        # a folder that its owner may not write to cannot get another parent; root, who could be led
        # to a file of others by a link put in its place, is not stopped by modes and never here
        os.chmod(name, 0o700, dir_fd=folder)
        os.rename(name, new_name, src_dir_fd=folder, dst_dir_fd=top)
    return new_name


def _open(name: str, top: int) -> int:
    """A descriptor of a folder whose files can be removed."""
    try:
        folder = os.open(name, _OPEN, dir_fd=top)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=top)  # as above
        folder = os.open(name, _OPEN, dir_fd=top)
    try:
        os.fchmod(folder, 0o700)
    except OSError:
        os.close(folder)
        raise
    return folder
