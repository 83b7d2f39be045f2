"""Which steps of a workflow a person chose to run, and what the others count with. Pure values.

A place is the way from the workflow to a step: the ids of the steps around it and its own, and
after the id of a fan-out the instance, in brackets. An instance goes by two spellings, its values
and its number: `[py=3.9]` and `[0]`.
"""

from __future__ import annotations

from enum import Enum
from typing import Container, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from orchestra.model.expression import Value
from orchestra.model.run import plain_id

Part = Tuple[str, ...]
"""One part of a place, in all its spellings."""

Place = Tuple[Part, ...]


def spellings(label: str, number: int) -> Part:
    """The part of an instance: by what stands in its brackets, and by its number."""
    return ("[%s]" % label, "[%d]" % number)


UNKNOWN: Part = ("[]",)
"""Stands for an instance of which it is not known which one it is."""


class Stand(Enum):
    """How a place stands to what an option picked."""

    PICKED = "picked"  # it is, or is in, something that was picked
    AROUND = "around"  # something in it was picked
    BESIDE = "beside"


class Picks:
    """What one option picked, as a tree; a pick takes in all that is in it."""

    __slots__ = ("_is_whole", "_pick_by_instance", "_pick_by_step")

    def __init__(self) -> None:
        self._is_whole = False
        self._pick_by_step: Dict[str, Picks] = {}
        self._pick_by_instance: Dict[str, Picks] = {}

    def add(self, parts: Sequence[str]) -> None:
        """Pick what these parts lead to; without an instance after a fan-out, all of them."""
        pick = self
        for part in parts:
            picks = pick._pick_by_instance if part.startswith("[") else pick._pick_by_step
            pick = picks.setdefault(part, Picks())
        pick._is_whole = True

    def stand(self, place: Place, generous: bool = False) -> Stand:
        """How a place stands to what was picked.

        An `UNKNOWN` instance is none of those that were named, or all at once if `generous`.
        """
        reached = self._reached(place, generous)
        if any(pick._is_whole for pick in reached):
            return Stand.PICKED
        return Stand.AROUND if reached else Stand.BESIDE

    def instances(self, place: Place) -> List[str]:
        """The instances of the step at a place that were named."""
        return [name for pick in self._reached(place, True) for name in pick._pick_by_instance]

    def _reached(self, place: Place, generous: bool) -> List[Picks]:
        reached = [self]
        for part in place:
            if any(pick._is_whole for pick in reached):
                break
            reached = [inner for pick in reached for inner in pick._within(part, generous)]
        return reached

    def _within(self, part: Part, generous: bool) -> List[Picks]:
        if not part[0].startswith("["):
            inner = self._pick_by_step.get(part[0])
            return [] if inner is None else [inner]
        named = [self._pick_by_instance[s] for s in part if s in self._pick_by_instance]
        if part is UNKNOWN and generous:
            named = list(self._pick_by_instance.values())
        return [*named, self] if self._pick_by_step else named


class Option(NamedTuple):
    """An option that chooses steps, as it was written; `--skip` leaves out what it picks."""

    words: str
    picks: Picks
    skips: bool = False


class Wanted(NamedTuple):
    """Outputs that a step which is left out should have, of an earlier run.

    `by` is the step that cannot do without them, empty where there is none. They are looked for
    back to a run in which `until`, the step or the fan-out that it is part of, has all of its own;
    `of_instances` says that they are those of the step's instances.
    """

    names: FrozenSet[str]
    by: str
    until: str
    of_instances: bool = False


class PastOutputs(NamedTuple):
    """The outputs of a step that succeeded in an earlier run."""

    run_id: str
    outputs: Mapping[str, Value]


class LeftOut(NamedTuple):
    """Why a step is left out, and the outputs that it counts as a success with.

    They are of the run `run_id`, which is empty where there are none. `fault` is why those that run
    cannot do without it; `lacks_outputs` says that it should have some and has none.
    """

    reason: str
    outputs: Mapping[str, Value]
    run_id: str
    fault: str = ""
    lacks_outputs: bool = False


class Selection(NamedTuple):
    """What a person chose: an option widens what it picks, each further one narrows the choice.

    `past` has outputs of earlier runs by the full id of a step; `wanted` says by the same id, but
    for its instances, of which steps any are wanted.
    """

    options: Tuple[Option, ...] = ()
    wanted: Mapping[str, Wanted] = {}
    past: Mapping[str, PastOutputs] = {}

    def why_left_out(self, place: Place) -> str:
        """The option that leaves a step out, empty where none does.

        At an `UNKNOWN` instance it is the one that leaves out all of them.
        """
        for option in self.options:
            stand = option.picks.stand(place, generous=not option.skips)
            if stand is (Stand.PICKED if option.skips else Stand.BESIDE):
                return option.words
        return ""

    def may_leave_out(self, place: Place) -> bool:
        """Whether a step, at an `UNKNOWN` instance any of its instances, is left out."""
        return any(
            option.picks.stand(place, generous=True) is Stand.PICKED
            if option.skips
            else option.picks.stand(place) is Stand.BESIDE
            for option in self.options
        )

    def unknown_instance(self, place: Place, known: Container[str]) -> str:
        """Why the choice cannot be met where a fan-out has these instances, else empty."""
        for option in self.options:
            for name in option.picks.instances(place):
                if name not in known:
                    return "%s: there is no such instance" % option.words
        return ""

    def left_out(self, place: Place, id: str) -> Optional[LeftOut]:
        """What a step counts with that is left out, None for one that runs; `id` is its full id."""
        words = self.why_left_out(place)
        if not words:
            return None
        reason = "left out by %s" % words
        wanted = self.wanted.get(plain_id(id))
        if wanted is None:
            return LeftOut(reason, {}, "")
        past = self.past.get(id)
        if past is not None:
            reason = "%s, outputs of run %s" % (reason, past.run_id)
            return LeftOut(reason, past.outputs, past.run_id)
        fault = ""
        if wanted.by:
            fault = "`%s` uses outputs of `%s`, and no earlier run has them" % (wanted.by, id)
        return LeftOut(reason, {}, "", fault, True)


EVERYTHING = Selection()
"""The choice of who chooses nothing."""
