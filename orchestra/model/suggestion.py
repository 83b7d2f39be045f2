"""What steps should ask for, by what they used in earlier runs. Pure values."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional, Tuple


class Suggestion(NamedTuple):
    """What a step should ask for: `asked` and `proposed` are in `Amounts` units.

    `asked` is None where that is known only in a run; `proposed` has what was measured of cpu and
    memory, in so many `runs`; `expected_s` is how long the step takes.
    """

    step: str
    runs: int
    expected_s: float
    asked: Optional[Mapping[str, int]]
    proposed: Mapping[str, int]


class Shortening(NamedTuple):
    """The step that is worth most to shorten: what the run takes if it takes half its time."""

    step: str
    predicted_s: float


class Advice(NamedTuple):
    """Suggestions in the order of the plan; `shorten_first` is None if no step alone matters."""

    suggestions: Tuple[Suggestion, ...]
    shorten_first: Optional[Shortening]
