"""Files as a git revision has them. Starts `git`, which only reads: no shell, filter or network.

What is asked is never an option: a revision that begins with `-` is refused, which none does, and
files are read by the hash that git gives for them.
"""

from __future__ import annotations

import os
import subprocess
from typing import List, NamedTuple, Optional

from orchestra.errors import UsageError
from orchestra.model.screen_text import safe_line
from orchestra.spec.files import MAX_BYTES

_QUIET = {
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_OF_ANOTHER = frozenset(
    ["GIT_COMMON_DIR", "GIT_DIR", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_WORK_TREE"]
)
"""What git's hooks are told: the repository is that around the file, and paths start there."""

_PATIENCE_S = 60.0
_REGULAR = (b"100644", b"100755", b"100664")


class _Entry(NamedTuple):
    """What git has at a path."""

    mode: bytes
    hash: str
    size: bytes


class Revision:
    """A git revision by any name that git has for it, in the repository around a folder.

    `commit` is its hash. Files are found by their real paths, also outside of the folder.

    Raises:
        UsageError: there is no git, no repository, or no such revision.
    """

    def __init__(self, name: str, folder: str) -> None:
        self._name = name
        self._folder = os.path.realpath(folder)
        if name.startswith("-") or "\0" in name:
            raise self._unknown()
        asked = _git(self._folder, "rev-parse", "--verify", "--quiet", name + "^{commit}")
        if asked.returncode == 1:
            raise self._unknown()
        if asked.returncode != 0:
            hint = "there is no run of that name"
            raise UsageError("git cannot look for %s: %s" % (name, _said(asked)), hint)
        self.commit = asked.stdout.decode("ascii", "replace").strip()

    def find(self, path: str) -> Optional[bytes]:
        """What the file held, None where it was not there.

        Raises:
            UsageError: it cannot be read.
        """
        real = os.path.relpath(os.path.realpath(path), self._folder)
        inside = os.path.join(os.curdir, real)
        listed = _git(self._folder, "ls-tree", "-l", "-z", self.commit, inside)
        if listed.returncode != 0:
            raise UsageError("cannot read %s as of %s: %s" % (path, self._name, _said(listed)))
        entry = _entry(listed.stdout)
        if entry is None:
            return None
        if entry.mode not in _REGULAR:
            raise UsageError("cannot read %s: it is no file as of %s" % (path, self._name))
        if int(entry.size) > MAX_BYTES:
            raise UsageError("%s is larger than %d MiB" % (path, MAX_BYTES // 2**20))
        shown = _git(self._folder, "cat-file", "blob", entry.hash)
        if shown.returncode != 0:
            raise UsageError("cannot read %s as of %s: %s" % (path, self._name, _said(shown)))
        return shown.stdout

    def read(self, path: str) -> bytes:
        """What the file held.

        Raises:
            UsageError: it was not there, or cannot be read.
        """
        data = self.find(path)
        if data is None:
            raise UsageError("cannot read %s: it is not there as of %s" % (path, self._name))
        return data

    def _unknown(self) -> UsageError:
        message = "there is no run and no git revision %s" % self._name
        hint = "`orchestra runs` lists the runs, `git log` the revisions"
        if _git(self._folder, "rev-parse", "--is-shallow-repository").stdout == b"true\n":
            hint = "this clone is shallow: `git fetch --unshallow` gets the rest of its history"
        return UsageError(message, hint)


def _git(folder: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    """What a command of git came to.

    Raises:
        UsageError: there is no git, or it does not end.
    """
    environ = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER}
    command: List[str] = ["git", "--literal-pathspecs", "--no-pager", "-C", folder, *words]
    try:
        return subprocess.run(
            command,
            env={**environ, **_QUIET},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    except FileNotFoundError:
        hint = "install git, or name a run: `orchestra runs` lists them"
        raise UsageError("there is no such run, and no git to look for a revision", hint) from None
    except subprocess.TimeoutExpired:
        raise UsageError("git does not answer in %g seconds" % _PATIENCE_S) from None
    except OSError as fault:
        raise UsageError("git cannot be started: %s" % fault.strerror) from None


def _entry(listed: bytes) -> Optional[_Entry]:
    """The one entry of `git ls-tree -l -z`: `MODE TYPE HASH SIZE`, a tab, and its name."""
    facts = listed.partition(b"\t")[0].split()
    if not facts:
        return None
    return _Entry(facts[0], facts[2].decode("ascii", "replace"), facts[3])


def _said(asked: subprocess.CompletedProcess[bytes]) -> str:
    """The first line of what git has to say."""
    lines = asked.stderr.decode("utf-8", "replace").strip().splitlines()
    return safe_line(lines[0]) if lines else "git ends with %d" % asked.returncode
