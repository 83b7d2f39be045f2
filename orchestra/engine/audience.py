"""Everyone who is told of events after they are recorded. None of them can harm the run."""

from __future__ import annotations

from typing import Callable, List, Optional, Sequence

from orchestra.engine.ports import Subscriber
from orchestra.engine.replay import Replay
from orchestra.model.events import Envelope, RunFinished

TICK_S = 0.1


class Audience:
    """The run's record, kept first, then subscribers; `ticker` is called with UTC seconds.

    Events are told once the first of those that wait is `patience_s` old, and the end of the run
    at once: told in batches, ten thousand quick steps cost half as much to show.

    One that raises is dropped, and `dropped` says which and why, once.
    """

    def __init__(
        self,
        replay: Replay,
        subscribers: Sequence[Subscriber],
        ticker: Optional[Callable[[float], None]] = None,
        patience_s: float = 0.0,
    ) -> None:
        self.dropped: List[str] = []
        self._replay = replay
        self._subscribers = list(subscribers)
        self._ticker = ticker
        self._patience_s = patience_s
        self._untold: List[Envelope] = []
        self._next_tick = 0.0

    def tell(self, envelopes: Sequence[Envelope]) -> None:
        """Hand the envelopes of a turn to each, or keep them for a while."""
        untold = self._untold
        untold.extend(envelopes)
        if untold:
            last = untold[-1]
            if last.at - untold[0].at >= self._patience_s or type(last.event) is RunFinished:
                self.catch_up()

    def catch_up(self) -> None:
        """Hand on what was kept."""
        envelopes, self._untold = self._untold, []
        if not envelopes:
            return
        self._replay.apply(envelopes)
        for subscriber in list(self._subscribers):
            try:
                subscriber.handle(envelopes)
            except Exception as fault:  # whatever a listener does, the run goes on
                self._subscribers.remove(subscriber)
                self._note(type(subscriber).__name__, fault)

    def attend(self, at: float) -> Optional[float]:
        """Do what is due at this time; in how many seconds something will be, None for never."""
        wait: Optional[float] = None
        if self._untold:
            wait = self._untold[0].at + self._patience_s - at
            if wait <= 0:
                self.catch_up()
                wait = None
        if self._ticker is not None:
            if at >= self._next_tick:
                self._tick(self._ticker, at)
                self._next_tick = at + TICK_S
            left = self._next_tick - at
            wait = left if wait is None else min(wait, left)
        return wait

    def close(self) -> None:
        """The run is over."""
        subscribers, self._subscribers = self._subscribers, []
        for subscriber in subscribers:
            try:
                subscriber.close()
            except Exception as fault:  # whatever a listener does, the run goes on
                self._note(type(subscriber).__name__, fault)

    def _tick(self, ticker: Callable[[float], None], at: float) -> None:
        try:
            ticker(at)
        except Exception as fault:  # whatever a listener does, the run goes on
            self._ticker = None
            self._note("the live view", fault)

    def _note(self, name: str, fault: Exception) -> None:
        self.dropped.append(
            "%s failed and was dropped: %s: %s" % (name, type(fault).__name__, fault)
        )
