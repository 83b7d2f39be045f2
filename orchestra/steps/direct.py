"""Scripts that are one plain external command, and so need no shell. Starts nothing.

As GNU make does it: only where the shell could do nothing but start the program in its own place.
Whatever is in doubt is left to the shell, which also words what cannot be started (126, 127).
"""

from __future__ import annotations

import os
import re
import stat
from typing import Mapping, NamedTuple, Optional, Set, Tuple

from orchestra.model.workflow import Shell

_COMMAND = re.compile(r"[ \t\n]*([A-Za-z0-9_./+:,@-]+(?:[ \t]+[A-Za-z0-9_./+:,@=%-]+)*)[ \t]*\n?")
"""One command of plain words. With more line ends behind it, bash waits for it and makes a signal
that ends it an exit code."""

_OWN_WORDS = """
. : [ alias bg bind break builtin caller cd command compgen complete compopt continue declare
dirs disown echo enable eval exec exit export false fc fg getopts hash help history jobs kill
let local logout mapfile popd printf pushd pwd read readarray readonly return set shift shopt
source suspend test times trap true type typeset ulimit umask unalias unset wait
if then else elif fi case esac for select while until do done in function time coproc
"""
_OWN = frozenset(_OWN_WORDS.split())
"""Builtins and reserved words of bash. Source: `compgen -b` and `compgen -k` of bash 5.2."""

_VARIABLE = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
_SHELLS_VARIABLE = re.compile(
    rb"BASH.*|PS[0-9]|OPT(?:IND|ERR|ARG)|COMP_.*|EPOCH.*|S?RANDOM|FUNC(?:NAME|NEST)"
    rb"|IFS|PPID|LINENO|SECONDS|HISTCMD|UID|EUID|GROUPS|DIRSTACK|PIPESTATUS"
    rb"|SHELLOPTS|POSIXLY_CORRECT|ENV|EXECIGNORE"
)
"""Variables that bash acts on when it starts, or hands on with a value of its own."""


class Direct(NamedTuple):
    """What to start in place of a shell.

    Without an `executable` it is `argv[0]`, which then has a `/` and starts at the working
    directory: the path that a script finds as its `$0` must be the one a shell would use.
    """

    executable: Optional[bytes]
    argv: Tuple[bytes, ...]


class DirectCommands:
    """Finds commands that need no shell, for the steps of one run.

    It remembers which names of variables mean nothing to bash. It does not remember where
    programs are: a step may have installed another one since.
    """

    def __init__(self) -> None:
        self._harmless: Set[bytes] = set()

    def direct(
        self, text: str, shell: Shell, env: Mapping[bytes, bytes], working_dir: str
    ) -> Optional[Direct]:
        """What the script starts, None where a shell has to read it.

        `env` is the whole environment of the step, `working_dir` absolute. For `sh` it is always
        None: dash does not put the program in its own place, so that one which a signal ends gives
        an exit code over 128.
        """
        command = _COMMAND.fullmatch(text) if shell == "bash" else None
        if not command:
            return None
        argv = command.group(1).split()
        program = argv[0]
        if program in _OWN or not self._is_harmless(env):
            return None
        words = tuple(word.encode() for word in argv)
        if "/" not in program:
            executable = in_path(words[0], env.get(b"PATH", b""))
            return Direct(executable, words) if executable else None
        if not _is_program(os.path.join(os.fsencode(working_dir), words[0])):
            return None
        return Direct(words[0] if program.startswith("/") else None, words)

    def _is_harmless(self, env: Mapping[bytes, bytes]) -> bool:
        if env.keys() <= self._harmless:
            return True
        for name in env.keys() - self._harmless:
            if not _VARIABLE.fullmatch(name) or _SHELLS_VARIABLE.fullmatch(name):
                return False
            self._harmless.add(name)
        return True


def in_path(program: bytes, path: bytes) -> Optional[bytes]:
    """Where PATH has the program; None as well where that depends on more than PATH."""
    for folder in path.split(b":"):
        # bash gives ~ a meaning, and joins paths with a / of its own
        if not folder.startswith(b"/") or folder.endswith(b"/"):
            return None
        found = folder + b"/" + program
        if os.access(found, os.X_OK):
            return found if _is_program(found) else None
    return None


def _is_program(path: bytes) -> bool:
    try:
        return os.access(path, os.X_OK) and stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False
