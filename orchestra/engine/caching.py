"""What the engine asks of a cache, what it is answered, and what a cache asks. Protocols only."""

from __future__ import annotations

from typing import Generator, Mapping, NamedTuple, Optional, Protocol, Sequence, Tuple

from orchestra.model.expression import Scope, Value
from orchestra.model.workflow import Step


class Question(NamedTuple):
    """Whether a step must run: the step, and what its expressions see, secrets by their names.

    `env` are the variables of the file that count; `folder` is that of the file in which the step
    stands; `force` asks for its fingerprint alone.
    """

    step: Step
    scope: Scope
    env: Mapping[str, str]
    folder: str
    force: bool = False


class KeptSuccess(NamedTuple):
    """An earlier success that was recorded with what it depended on; see `SuccessKept`."""

    run_id: str
    parts: Mapping[str, str]
    files: Mapping[str, str]
    outputs: Mapping[str, Value]


class Finding(NamedTuple):
    """What was found out about a step: a `success` that counts, or the reason why none does.

    `fingerprint` is empty where none could be made; `fault` is why the step cannot run at all;
    `notes` are for the person who runs it.
    """

    fingerprint: str = ""
    parts: Mapping[str, str] = {}
    success: Optional[KeptSuccess] = None
    reason: str = ""
    fault: str = ""
    notes: Tuple[str, ...] = ()


class Seal(NamedTuple):
    """What a success left: digests of its output files by path, None where it must not be kept.

    `problems` make it a failure: outputs that are missing; `notes` are for the person who runs it.
    """

    files: Optional[Mapping[str, str]]
    problems: Tuple[str, ...] = ()
    notes: Tuple[str, ...] = ()


class Cache(Protocol):
    """Tells which steps need not run. Its answers come in slices of work of a few milliseconds."""

    def check(self, question: Question) -> Generator[None, None, Finding]:
        """Look for an earlier success of a step that is about to run; may read files."""

    def seal(self, question: Question, finding: Finding) -> Generator[None, None, Seal]:
        """Look at what the step left that has just succeeded; may read files."""


class Successes(Protocol):
    """The successes that were recorded, of all runs. A failed attempt withdraws what it repeats.

    Steps are named by their full ids; all instances of a step share its successes.
    """

    def success(self, step: str, fingerprint: str) -> Optional[KeptSuccess]:
        """The latest success with that fingerprint, unless an attempt began since and had none.

        Raises:
            StoreError: the record cannot be read.
        """

    def last_success(self, step: str) -> Optional[KeptSuccess]:
        """The latest success whatever its fingerprint, of the same instance if it has any.

        Raises:
            StoreError: the record cannot be read.
        """


class Digests(Protocol):
    """The digests of files that were read before. Losing them costs time, nothing else."""

    def digest(self, path: bytes, stamp: str) -> Optional[str]:
        """The digest that was remembered for the path with the same stamp."""

    def remember(self, rows: Sequence[Tuple[bytes, str, str]]) -> None:
        """Keep `(path, stamp, digest)`, one for each path."""
