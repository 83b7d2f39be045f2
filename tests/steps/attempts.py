"""Attempts to render in tests, and a small runner of what was rendered."""

from __future__ import annotations

import subprocess
from typing import Any, Mapping, NamedTuple, Tuple, Union

from orchestra.engine.ports import Launching
from orchestra.model.expression import Scope
from orchestra.model.run import AttemptKey, Invocation
from orchestra.model.workflow import Body, Step

HOSTILE = (
    "",
    " ",
    "'",
    '"',
    "$(touch PWNED)",
    "`touch PWNED`",
    "; touch PWNED",
    "a\nb\n",
    "*",
    "~",
    "-rf",
    "${{ params.x }}",
    "a b",
    "\\",
    "%s",
    "A=b",
    "\x1b[2J",
    "é\u202e\U0001f600",
    b"caf\xe9".decode("utf-8", "surrogateescape"),
    "x" * 131_000,
)
"""Values that something on their way could take for more than a value."""


def ascii_start(value: str) -> str:
    """A name for a test of the value."""
    return ascii(value[:20])


def an_attempt(
    body: Union[Body, None] = None,
    env: Mapping[str, str] = {},
    inherit_env: Union[bool, Tuple[str, ...]] = False,
    demand: Mapping[str, int] = {"cpu": 1000},
    devices: Tuple[int, ...] = (),
    number: int = 1,
    names: Mapping[str, Any] = {},
    **step: Any,
) -> Launching:
    """Attempt `number` of a step `build`, with whatever else a test is about."""
    return Launching(
        AttemptKey("build", number),
        Step("build", 0, body, **step),
        Scope({"params": {}, "steps": {}, **names}),
        env,
        inherit_env,
        demand,
        devices,
    )


class Ran(NamedTuple):
    """What became of a process."""

    code: int
    out: str
    err: str


def run(invocation: Invocation) -> Ran:
    """Start the invocation as an executor does and wait for its end."""
    ended = subprocess.run(
        invocation.argv,
        executable=invocation.executable,
        env=dict(invocation.env),
        cwd=invocation.working_dir,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
    )
    out, err = (raw.decode("utf-8", "surrogateescape") for raw in (ended.stdout, ended.stderr))
    return Ran(ended.returncode, out, err)
