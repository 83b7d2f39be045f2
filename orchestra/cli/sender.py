"""A process of its own that sends something of a run elsewhere: how it starts, how it went."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import Dict, Tuple

from orchestra.engine.ports import Ended
from orchestra.executors.companions import TIMEOUT
from orchestra.model.run import AttemptKey

_PATH = "ORCHESTRA_SENDER_PATH"

# Python is isolated, so that no file in the working directory and no variable is taken for code;
# it is told where it finds what this process found.
_PROGRAM = """
import json, os, sys
sys.path[:] = json.loads(os.environ.pop(%r))
from %s import run
run(os.environ)
"""


def sender_argv(module: str) -> Tuple[bytes, ...]:
    """The words that start the `run` of a module, which takes what it needs from `environ`."""
    words = (sys.executable, "-I", "-X", "utf8", "-c", _PROGRAM % (_PATH, module))
    return tuple(map(os.fsencode, words))


def sender_variables(run_id: str, key: AttemptKey) -> Dict[str, str]:
    """What each of them has in its environment besides its own order."""
    return {
        "ORCHESTRA_RUN_ID": run_id,
        "ORCHESTRA_STEP": key.step,
        "ORCHESTRA_ATTEMPT": str(key.number),
        _PATH: json.dumps([path for path in sys.path if path]),
    }


def why_unsent(end: Ended, killed: str, result: str, timeout_s: float) -> str:
    """Why it was not sent, empty if it was: by the file `result`, where it had time to write it."""
    with suppress(OSError, ValueError, KeyError), open(result, encoding="utf-8") as file:
        return str(json.load(file)["message"])
    if killed:
        return "no answer within %gs" % timeout_s if killed == TIMEOUT else killed
    if end.refusal:
        return end.refusal
    how = end.signal or "exit code %s" % end.exit_code
    return "the process that sends it ended with %s" % how
