"""Scripts with values, run by the real shells."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Mapping, NamedTuple, Sequence, Tuple, Union

from orchestra.model.expression import Scope, Value
from orchestra.model.workflow import Shell, ShellScript
from orchestra.spec.shellscan import scan
from orchestra.steps.shell import ShellInvocation, render

SHELLS = ("bash", "sh")

ALL_BYTES = bytes(range(1, 256)).decode("utf-8", "surrogateescape")

HOSTILE = (
    "",
    " ",
    "\t\n",
    "'",
    '"',
    "''\"\"''",
    "$(touch PWNED)",
    "`touch PWNED`",
    "${IFS}$x$((1))",
    "; touch PWNED;",
    "& touch PWNED &",
    "| touch PWNED",
    "> PWNED",
    "\ntouch PWNED\n",
    "'; touch PWNED; '",
    '"; touch PWNED; "',
    "a[$(touch PWNED)]",
    "x[$(touch PWNED)]=1",
    "($(touch PWNED))",
    "-va[$(touch PWNED)]",
    "END\ntouch PWNED\n",
    "} touch PWNED; {",
    ") touch PWNED; (",
    "*",
    "?",
    "[a-z]*",
    "~",
    "{a,b}",
    "!!",
    "#",
    "-n",
    "-rf",
    "--",
    "(",
    "=",
    "\\",
    "\\n\\\\",
    "%s%n",
    "a  b",
    "line\n\n\n",
    "cr\r\n",
    "\x1b[2J\x07",
    "${{ params.v }}",
    "é\u202e\U0001f600",
    b"caf\xe9 \xc3".decode("utf-8", "surrogateescape"),
    ALL_BYTES,
)
"""Values that a shell would make something else of, did it ever read them."""


class Finished(NamedTuple):
    """What a script left: its exit code, its output, its messages, the names of files."""

    code: int
    output: bytes
    messages: str
    files: Tuple[str, ...]


def invocation(
    text: str, shell: Shell, names: Mapping[str, Value], folder: Path
) -> ShellInvocation:
    """What the script is started with; `params` are `names`, private files go beside `folder`."""
    result = scan(text, shell)
    assert result.problems == ()
    private = folder.parent / (folder.name + ".private")
    return render(ShellScript(result.pieces, shell), Scope({"params": dict(names)}), str(private))


def run_script(text: str, shell: Shell, names: Mapping[str, Value], folder: Path) -> Finished:
    """The script, run in an empty folder."""
    started = invocation(text, shell, names, folder)
    return run_argv(started.argv, folder, started.env)


def run_argv(
    argv: Sequence[Union[bytes, str]], folder: Path, env: Mapping[bytes, bytes] = {}
) -> Finished:
    """The command, run in an empty folder with PATH and `env` for its environment."""
    folder.mkdir()
    done = subprocess.run(
        argv,
        cwd=folder,
        env={b"PATH": os.environb[b"PATH"], **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    files = tuple(sorted(os.listdir(folder)))
    return Finished(done.returncode, done.stdout, done.stderr.decode(errors="replace"), files)
