"""The exceptions orchestra raises on purpose, and the exit codes they end in. Holds data.

OrchestraError                 anything orchestra says no to; has an exit code
├── WorkflowError      2       a workflow file has faults (all of them, with positions)
├── UsageError         2       the command line asks for something that cannot be
│   └── RunUnknown     2       there is no run that goes by the name that was given
├── StoreError         3       the record of runs cannot be read or written
│   ├── StoreNewer     3       it was written by a newer orchestra
│   └── StoreDamaged   3       what it holds is not a record of runs
├── RunBroken          3       the run cannot go on (its directory is gone, the disk is full)
├── RunHeld            4       another orchestrator holds the run
└── GroupFull          4       other runs hold the concurrency group, and this one may not wait
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, Optional, Tuple, Union

PathParts = Tuple[Union[str, int], ...]
"""Where a value stands in a workflow file, from the root: `("steps", "build", "needs", 0)`."""


class ExitCode(IntEnum):
    """What `orchestra` gives back to the shell."""

    OK = 0
    FAILED = 1
    INVALID = 2
    BROKEN = 3
    BUSY = 4
    BUG = 70
    HANGUP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class Fault(NamedTuple):
    """One thing that is wrong, or doubtful, in a workflow file.

    `line` and `column` count from 1, columns in characters; `path` is where in the data it is;
    `severity` is `error` or `warning`; `code` is a stable lower-case word list such as
    `unknown-key`; `suggestion` is what to do, or empty; `related` are further lines to show
    (the first of two twins). A lint has a short code, such as `L101`, and a `name` beside it.
    """

    file: str
    line: int
    column: int
    path: PathParts
    severity: str
    code: str
    message: str
    suggestion: str = ""
    related: Tuple[int, ...] = ()
    name: str = ""


class Problem(NamedTuple):
    """A fault whose position is not known yet: `path` leads to it, `on_key` means the key itself.

    `offset` counts characters into the scalar that stands at `path`, for faults inside a text.
    """

    path: PathParts
    code: str
    message: str
    suggestion: str = ""
    on_key: bool = False
    offset: Optional[int] = None
    severity: str = "error"


class OrchestraError(Exception):
    """Anything orchestra says no to; never a traceback for the user."""

    exit_code = ExitCode.BROKEN


class WorkflowError(OrchestraError):
    """A workflow file has faults; all that could be found, in the order of their lines."""

    exit_code = ExitCode.INVALID

    def __init__(self, faults: Tuple[Fault, ...], text: str = "") -> None:
        super().__init__("%d faults" % len(faults))
        self.faults = faults
        self.text = text


class UsageError(OrchestraError):
    """The command line asks for something that cannot be; `hint` says what would do."""

    exit_code = ExitCode.INVALID

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class RunUnknown(UsageError):
    """There is no run that goes by the name that was given."""


class StoreError(OrchestraError):
    """The record of runs cannot be read or written."""

    def __init__(self, path: str, message: str, hint: str = "") -> None:
        super().__init__(path, message)
        self.path = path
        self.message = message
        self.hint = hint


class StoreNewer(StoreError):
    """The record of runs was written by a newer orchestra; it is left untouched."""


class StoreDamaged(StoreError):
    """What stands where the record of runs should be is not one, or is damaged."""


class RunHeld(OrchestraError):
    """Another orchestrator holds the run; only one may."""

    exit_code = ExitCode.BUSY

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id)
        self.run_id = run_id


class GroupFull(OrchestraError):
    """Other runs hold the concurrency group, and the workflow says not to wait for them."""

    exit_code = ExitCode.BUSY

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class RunBroken(OrchestraError):
    """The run cannot go on: its directory is gone, the disk is full, the store is lost."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def keeping(self, exit_code: int) -> RunBroken:
        """The same, for a run that has an exit code of its own to give back."""
        self.exit_code = ExitCode(exit_code)
        return self
