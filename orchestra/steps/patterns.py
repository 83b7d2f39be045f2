"""The files that a path, a folder or a pattern means, found a few at a time. Opens none of them.

`*`, `?` and `[…]` match within a name, `**` any number of folders; names with a leading dot are
only matched by a pattern that begins with a dot, and `**` follows no symbolic link to a folder.
A folder means all files in it, however deep.
"""

from __future__ import annotations

import os
import re
import stat
from fnmatch import translate
from typing import Generator, Iterator, List, Optional, Pattern, Tuple

STATE = ".orchestra"
"""The folder of orchestra's own record, which no step depends on; only a path into it means it."""

_MAGIC = re.compile(r"[*?[]")
_PAUSE = 200  # entries that are looked at between two pauses

Found = Generator[Optional[str], None, None]
"""Names of files as the pattern spells them; None is a pause in which nothing was found."""


def files_of(folder: str, pattern: str) -> Found:
    """The regular files that `pattern` means, relative to `folder` unless it is absolute.

    In no order, and some perhaps twice; what cannot be looked into is passed over.
    """
    root = "/" if pattern.startswith("/") else ""
    parts = tuple(part for part in pattern.split("/") if part not in ("", "."))
    waiting: List[Tuple[str, Tuple[str, ...]]] = [(root, parts)]
    looked_at = 0
    while waiting:
        name, rest = waiting.pop()
        if not rest:
            yield from _leaf(folder, name)
            continue
        part, rest = rest[0], rest[1:]
        if not _MAGIC.search(part):
            waiting.append((name + part if name in ("", "/") else name + "/" + part, rest))
            continue
        if part == "**" and rest:
            waiting.append((name, rest))
        for entry in _entries(os.path.join(folder, name)):
            looked_at += 1
            if looked_at % _PAUSE == 0:
                yield None
            inner = os.path.join(name, entry.name)
            if part == "**":
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((inner, (part, *rest)))
                elif not rest and entry.is_file():
                    yield inner
            elif _matches(_compiled(part), part, entry.name):
                waiting.append((inner, rest))


def _leaf(folder: str, name: str) -> Found:
    """The file of that name, or all that lie in the folder of that name."""
    path = os.path.join(folder, name)
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return
    if stat.S_ISREG(mode):
        yield name
    if not stat.S_ISDIR(mode):
        return
    waiting = [name]
    looked_at = 0
    while waiting:
        within = waiting.pop()
        for entry in _entries(os.path.join(folder, within)):
            looked_at += 1
            if looked_at % _PAUSE == 0:
                yield None
            inner = os.path.join(within, entry.name)
            if entry.is_dir(follow_symlinks=False):
                if entry.name != STATE:
                    waiting.append(inner)
            elif entry.is_file():
                yield inner


def _entries(path: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(path or ".") as entries:
            yield from entries
    except (OSError, ValueError):
        return


def _compiled(part: str) -> Pattern[str]:
    return re.compile(translate(part))  # `re` keeps the latest ones


def _matches(pattern: Pattern[str], part: str, name: str) -> bool:
    if name.startswith(".") and not part.startswith("."):
        return False
    return pattern.match(name) is not None
