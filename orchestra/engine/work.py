"""Work that is done in slices between the turns of a run: files are copied, or looked at."""

from __future__ import annotations

from collections import deque
from typing import Callable, Deque, Generator, List, Optional, Protocol

from orchestra.engine.caching import Cache
from orchestra.engine.ports import Copy
from orchestra.engine.stimuli import (
    ArtifactsCopied,
    CacheChecked,
    CheckCache,
    Sealed,
    SealSuccess,
    Stimulus,
)
from orchestra.model.run import AttemptKey

SLICE_S = 0.01
"""How long a turn goes on with what is under way."""


class Work(Protocol):
    """Something that takes its time and ends in an answer to the machine."""

    def advance(self) -> Optional[Stimulus]:
        """Do a slice of it, some milliseconds; the answer once all is done."""

    def give_up(self) -> Optional[Stimulus]:
        """Stop here; the answer, if one is waited for."""


class Workbench:
    """All work that is under way, each in turn."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._waiting: Deque[Work] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, work: Work) -> None:
        """Begin with it when its turn comes."""
        self._waiting.append(work)

    def advance(self) -> List[Stimulus]:
        """Go on for a moment, each in turn; the answers that there are by then."""
        answers: List[Stimulus] = []
        until = self._monotonic() + SLICE_S
        while self._waiting and self._monotonic() < until:
            work = self._waiting.popleft()
            answer = work.advance()
            if answer is None:
                self._waiting.append(work)
            else:
                answers.append(answer)
        return answers

    def give_up(self) -> List[Stimulus]:
        """Stop all of it; the answers that are waited for."""
        answers = [work.give_up() for work in self._waiting]
        self._waiting.clear()
        return [answer for answer in answers if answer is not None]


class Copying:
    """The copy of a step's artifacts."""

    def __init__(self, key: AttemptKey, copy: Copy) -> None:
        self._key = key
        self._copy = copy

    def advance(self) -> Optional[Stimulus]:
        """Copy some of it; see `Work`."""
        kept = self._copy.advance()
        return None if kept is None else ArtifactsCopied(self._key, kept)

    def give_up(self) -> Optional[Stimulus]:
        """Keep nothing; see `Work`."""
        return ArtifactsCopied(self._key, self._copy.give_up())


class Looking:
    """A look of the cache at files."""

    def __init__(self, slices: Generator[None, None, Stimulus]) -> None:
        self._slices = slices

    def advance(self) -> Optional[Stimulus]:
        """Look at some of them; see `Work`."""
        try:
            next(self._slices)
        except StopIteration as done:
            answer: Stimulus = done.value
            return answer
        return None

    def give_up(self) -> Optional[Stimulus]:
        """Nobody waits for it any more; see `Work`."""
        self._slices.close()
        return None


def checking(cache: Cache, order: CheckCache) -> Looking:
    """The look that tells whether a step must run."""

    def slices() -> Generator[None, None, Stimulus]:
        finding = yield from cache.check(order.question)
        return CacheChecked(order.question.step.id, finding)

    return Looking(slices())


def sealing(cache: Cache, order: SealSuccess) -> Looking:
    """The look at what a success has left."""

    def slices() -> Generator[None, None, Stimulus]:
        seal = yield from cache.seal(order.question, order.finding)
        return Sealed(order.key, seal)

    return Looking(slices())
