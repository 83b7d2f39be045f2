"""The files that a path, a folder or a pattern means, found a few at a time. Opens none of them.

`*`, `?` and `[…]` match within a name, `**` any number of folders; names with a leading dot are
only matched by a pattern that begins with a dot. A folder means all files in it, however deep, and
links to folders are followed, but for those that lead back to where they are.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from fnmatch import translate
from typing import Generator, Iterator, List, Optional, Pattern, Tuple

UNSEEN = frozenset([".orchestra", "__pycache__"])
"""Folders that nothing depends on; only a path into them means what they hold."""

_MAGIC = re.compile(r"[*?[]")
_PAUSE = 200  # entries that are looked at between two pauses

Found = Generator[Optional[str], None, None]
"""Names of files as the pattern spells them; None is a pause in which nothing was found."""

_Way = Tuple[Tuple[int, int], ...]
"""The folders that lead to one, by device and inode."""


class FileFinder:
    """Finds files. The folder `unseen`, an absolute path, is passed over with those `UNSEEN`."""

    def __init__(self, unseen: str = "") -> None:
        self._unseen = unseen
        self._looked_at = 0

    def files_of(self, folder: str, pattern: str) -> Found:
        """The regular files that `pattern` means, relative to `folder` unless it is absolute.

        In no order, and some perhaps twice.

        Raises:
            OSError: a folder is there and cannot be looked into.
        """
        root = "/" if pattern.startswith("/") else ""
        parts = tuple(part for part in pattern.split("/") if part not in ("", "."))
        waiting: List[Tuple[str, Tuple[str, ...], _Way]] = [(root, parts, ())]
        while waiting:
            name, rest, way = waiting.pop()
            if not rest:
                yield from self._leaf(folder, name)
                continue
            part, rest = rest[0], rest[1:]
            if not _MAGIC.search(part):
                waiting.append((name + part if name in ("", "/") else name + "/" + part, rest, ()))
                continue
            if part == "**":
                way = way or _way_to(os.path.join(folder, name))
                if rest:
                    waiting.append((name, rest, ()))
            for entry in _entries(os.path.join(folder, name)):
                yield from self._pause()
                inner = os.path.join(name, entry.name)
                if part != "**":
                    if _matches(_compiled(part), part, entry.name):
                        waiting.append((inner, rest, ()))
                elif not entry.name.startswith("."):
                    found = _stat(entry.path)
                    if found is not None and self._leads_on(found, entry, way):
                        waiting.append((inner, (part, *rest), (*way, _identity(found))))
                    elif found is not None and not rest and stat.S_ISREG(found.st_mode):
                        yield inner

    def _leaf(self, folder: str, name: str) -> Found:
        """The file of that name, or all that lie in the folder of that name."""
        found = _stat(os.path.join(folder, name))
        if found is None or not stat.S_ISDIR(found.st_mode):
            if found is not None and stat.S_ISREG(found.st_mode):
                yield name
            return
        waiting: List[Tuple[str, _Way]] = [(name, (_identity(found),))]
        while waiting:
            within, way = waiting.pop()
            for entry in _entries(os.path.join(folder, within)):
                yield from self._pause()
                inner = os.path.join(within, entry.name)
                found = _stat(entry.path)
                if found is not None and self._leads_on(found, entry, way):
                    waiting.append((inner, (*way, _identity(found))))
                elif found is not None and stat.S_ISREG(found.st_mode):
                    yield inner

    def _leads_on(self, found: os.stat_result, entry: os.DirEntry[str], way: _Way) -> bool:
        """Whether an entry is a folder to look into, and no way back."""
        is_folder = stat.S_ISDIR(found.st_mode) and entry.name not in UNSEEN
        return is_folder and _identity(found) not in way and entry.path != self._unseen

    def _pause(self) -> Found:
        self._looked_at += 1
        if self._looked_at % _PAUSE == 0:
            yield None


def _stat(path: str) -> Optional[os.stat_result]:
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as fault:
        if fault.errno == errno.ELOOP:
            return None
        raise


def _identity(found: os.stat_result) -> Tuple[int, int]:
    return (found.st_dev, found.st_ino)


def _way_to(path: str) -> _Way:
    found = _stat(path or ".")
    return () if found is None else (_identity(found),)


def _entries(path: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(path or ".") as entries:
            yield from entries
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return


def _compiled(part: str) -> Pattern[str]:
    return re.compile(translate(part))  # `re` keeps the latest ones


def _matches(pattern: Pattern[str], part: str, name: str) -> bool:
    if name.startswith(".") and not part.startswith("."):
        return False
    return pattern.match(name) is not None
