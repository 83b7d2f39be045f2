"""The cores that steps with a job server are lent, as tokens: one each. Pure.

Such a step has a token for each whole core of its share but the first, on which its own process
runs. Beside those it is lent what is idle: for as long as nothing that is ready to start needs it.
"""

from __future__ import annotations

from typing import Dict, List, Mapping, Sequence

from orchestra.engine.ports import TokensSeen
from orchestra.engine.stimuli import Lend, Order
from orchestra.model.events import Event, Noted
from orchestra.model.run import AttemptKey
from orchestra.model.workflow import Step

CORE = 1000
"""What a token is of the cpu budget, which counts thousandths of a core."""

MOST_TOKENS = 4096
"""What fits into a fifo on every system that orchestra runs on."""


_MADE_UP = "it gives back job tokens that it never had: those are not counted"


class _Borrower:
    """One attempt: how many tokens it may have, and how many it has at most, taken or not.

    `own` are those of its share. Of others it must not have more than `limit`, and has no use for
    more than `useful`. What it has is a guess where it is not `known`.
    """

    __slots__ = ("allowed", "has", "is_noted", "known", "limit", "own", "useful")

    def __init__(self, own: int, limit: int) -> None:
        self.own = own
        self.allowed = 0
        self.has = 0
        self.limit = limit
        self.useful = limit
        self.is_noted = False
        self.known = True

    @property
    def lent(self) -> int:
        """How many it has beside its own."""
        return max(0, self.has - self.own)


class Lending:
    """Says who may have how many tokens, by appending to the `events` and `orders` of the turn.

    `cpu` is the budget of the run. `jobs` is how many processes it has room for.
    """

    def __init__(self, cpu: int, events: List[Event], orders: List[Order]) -> None:
        self.jobs = max(1, min(cpu // CORE, MOST_TOKENS))
        self._events = events
        self._orders = orders
        self._borrower_by_key: Dict[AttemptKey, _Borrower] = {}

    def __bool__(self) -> bool:
        return bool(self._borrower_by_key)

    @property
    def lent(self) -> int:
        """What is lent, in the unit of the budget: it may be in use, though no share takes it."""
        return CORE * sum(borrower.lent for borrower in self._borrower_by_key.values())

    def open(self, key: AttemptKey, step: Step, amounts: Mapping[str, int]) -> None:
        """An attempt with a job server begins, on a share of these amounts."""
        own = min(amounts.get("cpu", 0) // CORE, self.jobs) - 1
        is_held_to_it = step.enforce and "cpu" in step.resources
        self._borrower_by_key[key] = _Borrower(max(0, own), 0 if is_held_to_it else self.jobs)

    def take_over(self, key: AttemptKey, step: Step, amounts: Mapping[str, int]) -> None:
        """One goes on that another orchestrator lent tokens.

        It has all there are for all we know, and gets no more, until it is seen.
        """
        self.open(key, step, amounts)
        self._borrower_by_key[key].has = self.jobs
        self._borrower_by_key[key].known = False

    def close(self, key: AttemptKey) -> None:
        """An attempt is over, with all its processes: what it had is free, wherever it is."""
        self._borrower_by_key.pop(key, None)

    def seen(self, seen: TokensSeen) -> None:
        """Note what an attempt has by now; while it leaves some untaken it has use for one more."""
        borrower = self._borrower_by_key.get(seen.key)
        if borrower is None:
            return
        borrower.known = True
        borrower.has = max(seen.tokens, borrower.allowed)
        borrower.useful = borrower.limit
        if seen.idle:
            taken = seen.tokens - seen.idle
            borrower.useful = min(borrower.limit, max(0, taken - borrower.own) + 1)
        if seen.surplus and not borrower.is_noted:
            borrower.is_noted = True
            self._events.append(Noted(seen.key.step, _MADE_UP))

    def lend(self, idle: int) -> None:
        """Lend the cores that no share takes (`idle`, in thousandths), or have them back."""
        borrowers = {key: each for key, each in self._borrower_by_key.items() if each.known}
        cores = max(0, idle // CORE)
        shares = share_out(cores, [each.useful for each in borrowers.values()])
        rooms = [each.limit - share for each, share in zip(borrowers.values(), shares)]
        more = share_out(cores - sum(shares), rooms)
        unlent = cores - self.lent // CORE
        for (key, borrower), share in zip(borrowers.items(), map(sum, zip(shares, more))):
            wanted = borrower.own + share
            growth = wanted - max(borrower.has, borrower.own)
            if growth > 0:  # what another has to give back first is lent when it has
                granted = min(growth, max(0, unlent))
                wanted -= growth - granted
                unlent -= granted
            if wanted != borrower.allowed:
                borrower.allowed = wanted
                borrower.has = max(borrower.has, wanted)
                self._orders.append(Lend(key, wanted))


def share_out(cores: int, bounds: Sequence[int]) -> List[int]:
    """Parts of so many cores as equal as their bounds allow, larger ones first."""
    shares = [0] * len(bounds)
    places = [place for place, bound in enumerate(bounds) if bound]
    while cores and places:
        part = max(1, cores // len(places))
        for place in places[:cores]:
            given = min(part, bounds[place] - shares[place])
            shares[place] += given
            cores -= given
        places = [place for place in places if shares[place] < bounds[place]]
    return shares
