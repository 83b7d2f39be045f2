"""`run:` a script becomes an invocation of its shell. A value never becomes shell text.

Each value becomes a variable, and the script refers to it. Small values are in the environment;
large ones come from a private file into variables that are not exported, read by what is put
before the script on its first line, so that the shell's line numbers stay right.
"""

from __future__ import annotations

import shlex
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from orchestra.engine.ports import Launching
from orchestra.model.expression import Expression, ExpressionError, Scope, Value, evaluate, to_text
from orchestra.model.run import LONGEST_STRING_BYTES, Invocation
from orchestra.model.secrecy import quiet
from orchestra.model.workflow import Shell, ShellScript, Slot, Splice
from orchestra.steps.direct import DirectCommands, in_path
from orchestra.steps.environment import VALUE_PREFIX, encode
from orchestra.steps.place import Place, write_private

LARGEST_VALUE = 64 * 1024
"""Bytes of a value that still goes into the environment."""

LARGEST_TOTAL = 512 * 1024
"""Bytes of all values with their names that still go into the environment together."""

_STARTS: Dict[str, Tuple[bytes, ...]] = {
    "bash": (b"bash", b"--noprofile", b"--norc", b"-e", b"-o", b"pipefail"),
    "sh": (b"sh", b"-e"),
}
_LONGEST_LINE = 4096
_LONGEST_LIST = 500
"""Commands in one list: bash takes stack for each, and 30,000 were too many."""

_POINTER = 8


class ShellInvocation(NamedTuple):
    """What a script is started with: its argv, and variables to add to the environment."""

    argv: Tuple[bytes, ...]
    env: Dict[bytes, bytes]


class Shells:
    """Where `sh` and `bash` are, for the steps of one run; looked up once for each PATH.

    To look through PATH for every step costs as much as to render it.
    """

    def __init__(self) -> None:
        self._executable_by_search: Dict[Tuple[bytes, bytes], Optional[bytes]] = {}

    def find(self, name: bytes, env: Mapping[bytes, bytes]) -> Optional[bytes]:
        """The shell's path, None where whoever starts it has to look for it."""
        search = (name, env.get(b"PATH", b""))
        if search not in self._executable_by_search:
            self._executable_by_search[search] = in_path(*search)
        return self._executable_by_search[search]


def render_shell(
    body: ShellScript, launching: Launching, place: Place, commands: DirectCommands, shells: Shells
) -> Invocation:
    """The invocation of a script; one plain command is started without a shell.

    Raises:
        ExpressionError: a value cannot be evaluated, or is null.
        ValueError: a value or the script cannot be handed over; says which.
        OSError: a private file cannot be written.
    """
    env, working_dir, log_path, private, _, _ = place
    text, direct = body.text, None
    if text is None:
        argv, more = render(body, launching.script_scope or launching.scope, private)
        env.update(more)
    else:
        argv = _argv(body.shell, encode(text, "run"), private)
        direct = commands.direct(text, body.shell, env, working_dir)
    if direct is None:
        return Invocation(argv, env, working_dir, log_path, shells.find(argv[0], env))
    return Invocation(direct.argv, env, working_dir, log_path, direct.executable, argv)


def render(script: ShellScript, scope: Scope, private: str) -> ShellInvocation:
    """How a script is started with the values of `scope`.

    `private` is how the paths of its private files begin, of which it writes none where none is
    needed.

    Raises:
        ExpressionError: a value cannot be evaluated, or is null.
        ValueError: a value or the script cannot be handed over; says which.
        OSError: a private file cannot be written.
    """
    values = _Values()
    text = "".join(
        piece if isinstance(piece, str) else _reference(piece, scope, values)
        for piece in script.pieces
    )
    raw = encode(text, "run")
    if not isinstance(script.shell, str):
        return ShellInvocation(_other_shell(script.shell, raw), {})
    secrets = scope.names.get("secrets")
    in_file = values.take_large(secrets if isinstance(secrets, Mapping) else {})
    if in_file:
        write_private(private + ".values", _file_content(in_file, script.shell))
        loader = _loader(in_file, script.shell, private + ".values")
        raw = encode(loader, "run") + raw
    return ShellInvocation(_argv(script.shell, raw, private), values.by_name)


def _argv(shell: Shell, raw: bytes, private: str) -> Tuple[bytes, ...]:
    """What starts the shell with a script; one that is too long is put into a file."""
    if not isinstance(shell, str):
        return _other_shell(shell, raw)
    if len(raw) <= LONGEST_STRING_BYTES:
        return (*_STARTS[shell], b"-c", b"--", raw)
    write_private(private + ".script", raw)
    return (*_STARTS[shell], encode(private + ".script", "run"))


class _Values:
    """The variables of a script, by name; values that are equal share one."""

    def __init__(self) -> None:
        self.by_name: Dict[bytes, bytes] = {}
        self._name_by_value: Dict[bytes, str] = {}

    def name(self, raw: bytes) -> str:
        """The variable that holds the value."""
        known = self._name_by_value.get(raw)
        if known is None:
            known = VALUE_PREFIX + str(len(self._name_by_value) + 1)
            self._name_by_value[raw] = known
            self.by_name[known.encode()] = raw
        return known

    def take_large(self, secrets: Mapping[str, str]) -> Dict[bytes, bytes]:
        """Take out, and give back, what is too large for the environment.

        What holds a secret goes into no file: it stays there as long as the kernel takes it.

        Raises:
            ValueError: it does not.
        """
        total = sum(len(name) + len(raw) + 2 + _POINTER for name, raw in self.by_name.items())
        limit = LARGEST_VALUE if total <= LARGEST_TOTAL else -1
        large = {name: raw for name, raw in self.by_name.items() if len(raw) > limit}
        kept = [value.encode() for value in secrets.values()]
        for name, raw in list(large.items()) if kept else ():
            if any(secret in raw for secret in kept):
                if len(name) + len(raw) + 1 > LONGEST_STRING_BYTES:
                    raise ValueError("run: a value with a secret in it is too long to hand over")
                del large[name]
        for name in large:
            del self.by_name[name]
        return large


def _reference(slot: Slot, scope: Scope, values: _Values) -> str:
    """The shell text that stands for the value at this place."""
    value = _evaluate(slot.expression, scope)
    if slot.splice is Splice.WORDS and isinstance(value, (list, tuple)):
        # without quotes an empty variable is no word at all, and still keeps its place
        words = ['"${%s}"' % _name(slot.expression, one, values) for one in value]
        return " ".join(words) or "${%s}" % values.name(b"")
    name = _name(slot.expression, value, values)
    if slot.splice is Splice.DOUBLE:
        return "${%s}" % name
    if slot.splice is Splice.SINGLE:
        return "'\"${%s}\"'" % name
    return '"${%s}"' % name


def _evaluate(expression: Expression, scope: Scope) -> Value:
    try:
        return evaluate(expression, scope)
    except ExpressionError as fault:
        told = quiet(fault, expression, params=True) if "secrets" in scope.names else fault
        raise told.within("run") from None


def _name(expression: Expression, value: Value, values: _Values) -> str:
    source = expression.source.strip()
    try:
        text = to_text(value)
    except ExpressionError as fault:
        raise fault.within("run: ${{ %s }}" % source) from None
    return values.name(encode(text, "run: ${{ %s }}" % source))


def _other_shell(shell: Sequence[str], raw: bytes) -> Tuple[bytes, ...]:
    if len(raw) > LONGEST_STRING_BYTES:
        raise ValueError(
            "run: the script is %d bytes, the limit for %s is %d"
            % (len(raw), shell[0], LONGEST_STRING_BYTES)
        )
    return (*(encode(word, "shell") for word in shell), raw)


def _is_line(raw: bytes) -> bool:
    return len(raw) <= _LONGEST_LINE and b"\n" not in raw


def _file_content(in_file: Dict[bytes, bytes], shell: str) -> bytes:
    """The values one after the other, each with the mark that its reader looks for."""
    if shell == "bash":
        return b"".join(raw + b"\0" for raw in in_file.values())
    return b"".join(raw + (b"\n" if _is_line(raw) else b"x") for raw in in_file.values())


def _loader(in_file: Dict[bytes, bytes], shell: str, path: str) -> str:
    """Shell text that reads the file into variables, byte for byte, and ends on the same line.

    Half a character at the end would take the mark for its other half, so that all but ASCII is
    read in the C locale (60 µs a time in bash). sh has no `read -d`: dd cuts values with line ends
    in them, and an x keeps the last of these from `$(…)`. The variables are unset first: one that
    is inherited would stay exported.
    """
    names = [name.decode() for name in in_file]
    reads: List[str] = []
    for name, raw in zip(names, in_file.values()):
        locale = "" if raw.isascii() else "LC_ALL=C "
        if shell == "bash":
            reads.append("%sIFS= read -r -d '' %s" % (locale, name))
        elif _is_line(raw):
            reads.append("%sIFS= read -r %s" % (locale, name))
        else:
            cut = "command -p dd bs=%d count=1 2>/dev/null" % (len(raw) + 1)
            reads.append("%s=$(%s); %s=${%s%%x}" % (name, cut, name, name))
    groups = [
        "{ %s; }" % "; ".join(reads[start : start + _LONGEST_LIST])
        for start in range(0, len(reads), _LONGEST_LIST)
    ]
    return "unset -v %s; { %s; } <%s; " % (" ".join(names), "; ".join(groups), shlex.quote(path))
