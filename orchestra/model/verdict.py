"""What the cases of a test came to, as it is reported. Pure values."""

from __future__ import annotations

from typing import NamedTuple, Optional, Sequence, Tuple

from orchestra.model.events import Envelope


class Mismatch(NamedTuple):
    """Something that came otherwise than it was expected, and where the file says so.

    Where something is missing in what was given, `about` says so, `hint` says what to write, and
    `wanted` and `came` are empty. `steps` are those whose story tells more.
    """

    line: int
    column: int
    about: str
    wanted: str = ""
    came: str = ""
    hint: str = ""
    steps: Tuple[str, ...] = ()


class Verdict(NamedTuple):
    """What one case came to: it passed where there is no mismatch.

    `elapsed_s` is virtual, None where the run did not end; `story` are the events of the steps that
    the mismatches are about, with those of the run as a whole; it began at `started_at`.
    """

    name: str
    line: int
    column: int
    elapsed_s: Optional[float]
    mismatches: Tuple[Mismatch, ...] = ()
    story: Tuple[Envelope, ...] = ()
    started_at: float = 0.0

    @property
    def has_passed(self) -> bool:
        """Whether all came as it was expected."""
        return not self.mismatches


class Tried(NamedTuple):
    """A file of tests that was tried: its name, and the verdicts in its order."""

    file: str
    verdicts: Sequence[Verdict]

    @property
    def failed(self) -> int:
        """How many of its cases failed."""
        return sum(not verdict.has_passed for verdict in self.verdicts)
